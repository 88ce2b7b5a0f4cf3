import pytest
from sqlalchemy import select

from config.database import reading, transaction
from config.keys import address_hash
from subscribers.consent import record
from subscribers.lists import create_list
from subscribers.models import Basis, List, Reason, Standing, Subscriber, Subscription, Suppression
from subscribers.suppression import is_suppressed, lift, suppress, suppressed_among, suppressed_clause, suppressions
from tests.subscribers.people_for_tests import add


def test_an_address_is_suppressed_however_it_is_written_and_only_its_hash_is_kept(database: str) -> None:
    with transaction() as session:
        suppress(session, " Jané@Example.ORG ", Reason.objection, source="phone call")
    with reading() as session:
        assert is_suppressed(session, "JANÉ@example.org")
        assert is_suppressed(session, "jane\u0301@example.org", "press")
        assert not is_suppressed(session, "jane@example.org")
        (row,) = session.scalars(select(Suppression))
        assert "jan" not in row.address_hash and len(row.address_hash) == 64


def test_a_scope_is_one_purpose(database: str) -> None:
    with transaction() as session:
        suppress(session, "jane@example.org", Reason.objection, "press")
        assert is_suppressed(session, "jane@example.org", "press")
        assert not is_suppressed(session, "jane@example.org", "members")
        assert not is_suppressed(session, "jane@example.org")


@pytest.mark.parametrize(
    ("reasons", "kept"),
    [
        ([Reason.hard_bounce, Reason.complaint], "complaint"),
        ([Reason.complaint, Reason.hard_bounce], "complaint"),
        ([Reason.complaint, Reason.erasure], "complaint"),
        ([Reason.hard_bounce, Reason.objection, Reason.hard_bounce], "objection"),
    ],
)
def test_the_heaviest_reason_is_kept(database: str, reasons: list[Reason], kept: str) -> None:
    with transaction() as session:
        for reason in reasons:
            suppress(session, "jane@example.org", reason)
    with reading() as session:
        assert [found.reason for found in suppressions(session, "jane@example.org")] == [kept]


def test_a_person_lifts_what_they_name(database: str) -> None:
    with transaction() as session:
        suppress(session, "jane@example.org", Reason.complaint)
        suppress(session, "jane@example.org", Reason.objection, "press")
        suppress(session, "joe@example.org", Reason.complaint)
        assert lift(session, "jane@example.org", "press") == 1
        assert is_suppressed(session, "jane@example.org")
        assert lift(session, "jane@example.org") == 1
        assert lift(session, "jane@example.org") == 0
        assert is_suppressed(session, "joe@example.org")


def test_the_clause_and_the_look_up_agree(database: str) -> None:
    with transaction() as session:
        people = {name: add(session, f"{name}@example.org") for name in ("free", "all", "press", "members", "straße")}
        for name, purpose in (("press", "press"), ("members", "members")):
            made = create_list(session, name, name, purpose)
            ids = [person.id for person in people.values()]
            record(session, ids, to=made, standing=Standing.confirmed, basis=Basis.consent, source="x")
        for name, scope in (("all", ""), ("press", "press"), ("members", "members"), ("straße", "")):
            suppress(session, f"{name}@example.org", Reason.objection, scope)
        for purpose in ("press", "members"):
            kept = set(session.scalars(select(Subscriber.email).where(~suppressed_clause(purpose))))
            by_column = select(Subscriber.email).join(Subscription, Subscription.subscriber_id == Subscriber.id)
            by_column = by_column.join(List, List.id == Subscription.list_id).where(List.name == purpose)
            assert set(session.scalars(by_column.where(~suppressed_clause(List.purpose)))) == kept
            assert kept == {p.email for p in people.values() if not is_suppressed(session, p.email, purpose)}
            hashes = {person.address_hash for person in people.values()}
            held = suppressed_among(session, hashes, purpose)
            assert hashes - held == {address_hash(email) for email in kept}
