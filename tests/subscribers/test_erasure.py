"""A person forgotten: nothing of them is left in any table but what counts and what keeps them out."""

from pathlib import Path

import pytest
from sqlalchemy import insert, select, update

from config.database import Base, engine, reading, transaction
from config.errors import Refused
from config.keys import address_hash
from mailer import control
from mailer.freeze import freeze
from mailer.ledger.claims import claim_batch
from mailer.ledger.models import Attempt, Delivery
from mailer.ledger.reports import report
from mailer.ledger.states import State
from mailer.models import Mailing
from subscribers.addresses import normalise
from subscribers.columns import Person
from subscribers.consent import confirm, unsubscribe
from subscribers.erasure import forget, forgotten_since
from subscribers.history import show
from subscribers.lists import create_list, find_list
from subscribers.merging import merge, unmerge
from subscribers.models import Basis, ConsentEvent, Reason, Subscriber, Subscription, Suppression
from subscribers.people import find_person
from subscribers.storing import store
from subscribers.suppression import is_suppressed, suppress
from tests.press import open_office, send_mailing, set_up, write_folder
from tests.subscribers.people_for_tests import add

OLD, NEW, FRIEND = "zoe.zebra@old.example.org", "Zoe.Zebra@new.example.org", "ann@example.org"
TRACES = ("zebra", "zoë", "wildlife")


@pytest.fixture
def office(database: str) -> None:
    with transaction() as session:
        press = create_list(session, "press", "Press")
        old = add(session, OLD, first_name="Zoë", organisation="Wildlife Weekly")
        new = add(session, NEW, last_name="Zebra", attributes={"beat": "wildlife"})
        friend = add(session, FRIEND)
        for person in (old, new):
            confirm(session, person, press, basis=Basis.consent, source="form of Wildlife Weekly", wording="Yes, Zoë")
        confirm(
            session, friend, press, basis=Basis.consent, source=f"recommended by {NEW}", wording=f"cc {NEW.lower()}"
        )
        suppress(session, OLD, Reason.hard_bounce, source="said by wildlife.example")


def everything_written() -> str:
    """Every cell of every table, in lower case."""
    with engine().connect() as connection:
        return "\n".join(
            repr(tuple(row)).lower()
            for table in Base.metadata.sorted_tables
            for row in connection.execute(select(table))
        )


def erase(address: str) -> object:
    with transaction() as session:
        return forget(session, address)


def links(address: str) -> str:
    with reading() as session:
        return session.scalars(select(Subscriber.public_id).where(Subscriber.email == address)).one()


def test_nothing_is_left_of_a_person_at_any_address(office: None) -> None:
    with transaction() as session:
        merge(session, NEW, OLD, source=f"phone call with {NEW}")
    assert all(trace in everything_written() for trace in TRACES)
    done = erase(OLD)
    assert (done.addresses, done.mentions) == (2, 2)  # type: ignore[attr-defined]
    left = everything_written()
    assert [trace for trace in TRACES if trace in left] == []
    with reading() as session:
        friend = show(session, FRIEND)
        assert friend["events"][0]["source"] == "recommended by [erased]"
        assert friend["events"][0]["wording"] == "cc [erased]"
        for address in (OLD, NEW):
            assert is_suppressed(session, address, "press")
            assert forgotten_since(session, address)
            with pytest.raises(Refused, match="no subscriber"):
                find_person(session, address)


def test_a_merge_that_was_undone_leaves_nothing_with_the_other(office: None) -> None:
    with transaction() as session:
        merge(session, FRIEND, OLD, source="a mistake")
        unmerge(session, OLD)
    erase(OLD)
    with reading() as session:
        assert "wildlife weekly" not in repr(show(session, FRIEND)).lower()
        assert [event["standing"] for event in show(session, FRIEND)["events"]] == ["confirmed"]
        assert session.scalars(
            select(Subscription.standing)
            .join(Subscriber, Subscriber.id == Subscription.subscriber_id)
            .where(Subscriber.email == FRIEND)
        ).one()


def test_no_file_brings_them_back_but_they_themselves_can(office: None) -> None:
    erase(NEW)
    with transaction() as session:
        back = Person(normalise(NEW.upper()), {}, {})
        press = find_list(session, "press")
        done = store(session, {back.address.key: back}, press, basis=Basis.consent, source="x", wording="")
        assert done.kept_out == {NEW.lower()}
        person = add(session, NEW)
        confirm(session, person, press, basis=Basis.consent, source="form")
        assert not is_suppressed(session, NEW)


def test_a_complaint_stays_heavier(office: None) -> None:
    with transaction() as session:
        suppress(session, NEW, Reason.complaint, source="told by Zoë")
    erase(NEW)
    with transaction() as session:
        [held] = session.scalars(select(Suppression).where(Suppression.address_hash == address_hash(NEW.lower())))
        assert (held.reason, held.source) == ("complaint", "erasure")


def test_links_in_mail_from_before_take_off_who_came_back(office: None) -> None:
    link = links(NEW)
    erase(NEW)
    with transaction() as session:
        press = find_list(session, "press")
        assert not unsubscribe(session, public_id=link, list_id=press.id, source="old link")
        confirm(session, add(session, NEW), press, basis=Basis.consent, source="form")
    with transaction() as session:
        assert unsubscribe(session, public_id=link, list_id=press.id, source="old link")
        person = find_person(session, NEW)
        assert session.get_one(Subscription, (person.id, press.id)).standing == "unsubscribed"


def test_forgetting_somebody_who_is_not_there(office: None) -> None:
    with transaction() as session:
        with pytest.raises(Refused, match="to keep an address out that was never here"):
            forget(session, "nobody@example.org")
        assert forgotten_since(session, "nobody@example.org") is None
        assert forgotten_since(session, NEW) is None


def test_an_erasure_is_all_or_nothing(office: None, monkeypatch: pytest.MonkeyPatch) -> None:
    before = everything_written()
    monkeypatch.setattr("subscribers.erasure._TEXTS", (None,))
    with pytest.raises(AttributeError):
        erase(NEW)
    assert everything_written() == before


def test_deliveries_become_nobodys_and_still_count(
    database: str, redis_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_up(monkeypatch, redis_url=redis_server, public_url="https://press.example.org", batch_size=2)
    open_office(3)
    mailing = send_mailing(write_folder(tmp_path / "value-gap"))
    freeze(mailing)
    with transaction() as session:
        said = {"state": State.sent, "reply": "250 ok, reader 1", "reason": "something"}
        session.execute(update(Delivery).where(Delivery.seq == 1).values(**said))
        told = {"mailing_id": mailing, "seq": 1, "number": 2, "claim": 1, "state": "sent", "reply": "reader 1"}
        session.execute(insert(Attempt).values(**told, at=session.scalars(select(Mailing.created_at)).one()))
        counted = report(session, session.get_one(Mailing, mailing))
        assert [one["reply"] for one in show(session, "reader1@example.org")["deliveries"]] == ["250 ok, reader 1"]
    for number in (1, 3):
        erase(f"reader{number}@example.org")
    assert "reader 1" not in everything_written()
    with transaction() as session:
        assert report(session, session.get_one(Mailing, mailing)) == counted
        newcomer = add(session, "newcomer@example.org")
        assert show(session, "newcomer@example.org")["deliveries"] == [], f"also with the id {newcomer.id} used again"
        assert session.scalars(select(Delivery.subscriber_id).where(Delivery.seq.in_([1, 3]))).all() == [0, 0]
    claim_batch(mailing, 2)
    with transaction() as session:
        assert session.scalars(select(Delivery.reason).where(Delivery.seq == 3)).one() == "suppressed"
        control.cancel(session, session.get_one(Mailing, mailing))
        assert session.scalars(select(ConsentEvent)).all() == []
