"""The rules of consent: nothing changes without an event, leaving always works, an import never brings back."""

from collections.abc import Callable
from threading import Barrier, Thread

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from config.database import reading, transaction
from subscribers.consent import confirm, record, subscribe, unsubscribe
from subscribers.erasure import forget
from subscribers.lists import create_list, find_list
from subscribers.models import Basis, ConsentEvent, List, Reason, Standing, Subscriber, Subscription
from subscribers.suppression import is_suppressed, suppress
from tests.subscribers.people_for_tests import add


@pytest.fixture
def person(database: str) -> Subscriber:
    with transaction() as session:
        create_list(session, "press", "Press")
        create_list(session, "members", "Members", "members")
        return add(session, "jane@example.org")


def standing(session: Session, person: Subscriber, name: str = "press") -> str | None:
    found = session.get(Subscription, (person.id, find_list(session, name).id), populate_existing=True)
    return found and found.standing


def events(session: Session) -> list[str]:
    return list(session.scalars(select(ConsentEvent.standing).order_by(ConsentEvent.id)))


def put(session: Session, person: Subscriber, basis: Basis = Basis.consent, **options: bool) -> str:
    done = record(
        session,
        [person.id],
        to=find_list(session, "press"),
        standing=Standing.confirmed,
        basis=basis,
        source="sheet",
        wording="yes please",
        **options,
    )
    (outcome,) = (name for name in ("changed", "unchanged", "kept_out") if getattr(done, name) == {person.id})
    return outcome


def test_an_event_keeps_everything_that_proves_it(person: Subscriber) -> None:
    with transaction() as session:
        assert put(session, person, Basis.legitimate_interest, imported=True) == "changed"
    with reading() as session:
        (event,) = session.scalars(select(ConsentEvent))
        assert (event.subscriber_id, event.list_id) == (person.id, find_list(session, "press").id)
        assert (event.standing, event.purpose, event.basis) == ("confirmed", "press", "legitimate-interest")
        assert (event.wording, event.source) == ("yes please", "sheet")
        held = session.get_one(Subscription, (event.subscriber_id, event.list_id))
        assert (held.standing, held.basis, held.since) == ("confirmed", "legitimate-interest", event.at)


def test_importing_again_writes_an_event_only_for_a_new_basis(person: Subscriber) -> None:
    with transaction() as session:
        assert put(session, person, imported=True) == "changed"
        assert put(session, person, imported=True) == "unchanged"
        assert put(session, person, Basis.membership, imported=True) == "changed"
        assert events(session) == ["confirmed", "confirmed"]


def test_a_person_who_says_yes_again_is_written_down_again(person: Subscriber) -> None:
    with transaction() as session:
        assert put(session, person) == "changed"
        assert put(session, person) == "changed"
        assert len(events(session)) == 2


def test_an_import_never_brings_back_but_the_person_can(person: Subscriber) -> None:
    with transaction() as session:
        put(session, person, imported=True)
        press = find_list(session, "press")
        assert unsubscribe(session, public_id=person.public_id, list_id=press.id, source="link")
        assert put(session, person, imported=True) == "kept_out"
        assert standing(session, person) == "unsubscribed"
        assert events(session) == ["confirmed", "unsubscribed"]
        confirm(session, person, press, basis=Basis.consent, source="form")
        assert standing(session, person) == "confirmed"


def test_leaving_twice_is_leaving_once(person: Subscriber) -> None:
    with transaction() as session:
        put(session, person)
        press = find_list(session, "press").id
        assert unsubscribe(session, public_id=person.public_id, list_id=press, source="first")
        assert not unsubscribe(session, public_id=person.public_id, list_id=press, source="second")
        last = session.scalars(select(ConsentEvent).order_by(ConsentEvent.id.desc())).first()
        assert last is not None and (last.standing, last.source, last.basis) == ("unsubscribed", "first", "consent")
        assert events(session) == ["confirmed", "unsubscribed"]


def test_leaving_a_list_leaves_the_others(person: Subscriber) -> None:
    with transaction() as session:
        for name in ("press", "members"):
            confirm(session, person, find_list(session, name), basis=Basis.consent, source="form")
        unsubscribe(session, public_id=person.public_id, list_id=find_list(session, "press").id, source="link")
        assert (standing(session, person), standing(session, person, "members")) == ("unsubscribed", "confirmed")


def test_unknown_ids_change_nothing(person: Subscriber) -> None:
    with transaction() as session:
        press = find_list(session, "press").id
        assert not unsubscribe(session, public_id="0" * 20, list_id=press, source="link")
        assert not unsubscribe(session, public_id="", list_id=press, source="link")
        assert not unsubscribe(session, public_id=person.public_id, list_id=press + 100, source="link")
        assert events(session) == []


def test_who_leaves_a_list_they_were_never_on_stays_off_it(person: Subscriber) -> None:
    with transaction() as session:
        press = find_list(session, "press").id
        assert unsubscribe(session, public_id=person.public_id, list_id=press, source="link")
        assert put(session, person, imported=True) == "kept_out"


def test_posts_at_the_same_time_are_one(person: Subscriber) -> None:
    with transaction() as session:
        put(session, person)
        press = find_list(session, "press").id
    together = Barrier(6)
    said: list[bool] = []

    def post() -> None:
        together.wait()
        with transaction() as session:
            said.append(unsubscribe(session, public_id=person.public_id, list_id=press, source="post"))

    at_once(post, 6)
    with reading() as session:
        assert sorted(said) == [False] * 5 + [True]
        assert events(session) == ["confirmed", "unsubscribed"]


def test_imports_at_the_same_time_are_one(person: Subscriber) -> None:
    together = Barrier(4)
    said: list[str] = []

    def take() -> None:
        together.wait()
        with transaction() as session:
            said.append(put(session, person, imported=True))

    at_once(take, 4)
    with reading() as session:
        assert sorted(said) == ["changed", "unchanged", "unchanged", "unchanged"]
        assert events(session) == ["confirmed"]


def test_asking_waits_for_the_confirmation(person: Subscriber) -> None:
    with transaction() as session:
        press = find_list(session, "press")
        suppress(session, person.email, Reason.hard_bounce)
        assert subscribe(session, person, press, basis=Basis.consent, source="form", wording="Send me news")
        assert standing(session, person) == "pending"
        assert is_suppressed(session, person.email)
        confirm(session, person, press, basis=Basis.consent, source="link in the mail")
        assert standing(session, person) == "confirmed"
        assert not is_suppressed(session, person.email)
        assert not subscribe(session, person, press, basis=Basis.consent, source="form")
        assert standing(session, person) == "confirmed"


@pytest.mark.parametrize(
    ("reason", "scope", "held"),
    [
        (Reason.hard_bounce, "", False),
        (Reason.objection, "press", False),
        (Reason.erasure, "", False),
        (Reason.complaint, "", True),
        (Reason.complaint, "press", True),
        (Reason.objection, "members", True),
    ],
)
def test_what_a_confirmed_subscription_lifts(person: Subscriber, reason: Reason, scope: str, held: bool) -> None:
    with transaction() as session:
        suppress(session, person.email, reason, scope)
        confirm(session, person, find_list(session, "press"), basis=Basis.consent, source="form")
        assert is_suppressed(session, person.email, scope) is held


def test_an_import_lifts_nothing(person: Subscriber) -> None:
    with transaction() as session:
        suppress(session, person.email, Reason.hard_bounce)
        put(session, person, imported=True)
        assert is_suppressed(session, person.email)


STEPS = st.lists(st.sampled_from(["import", "ask", "confirm", "leave"]), max_size=12)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_a_subscription_is_what_its_events_say(person: Subscriber, steps: list[str]) -> None:
    with transaction() as session:
        session.execute(delete(ConsentEvent))
        session.execute(delete(Subscription))
        press = find_list(session, "press")
        does: dict[str, Callable[[], object]] = {
            "import": lambda: put(session, person, imported=True),
            "ask": lambda: subscribe(session, person, press, basis=Basis.consent, source="form"),
            "confirm": lambda: confirm(session, person, press, basis=Basis.consent, source="form"),
            "leave": lambda: unsubscribe(session, public_id=person.public_id, list_id=press.id, source="link"),
        }
        left = False
        for step in steps:
            does[step]()
            left = step == "leave" or (left and step == "import")
            assert (standing(session, person) or None) == (events(session)[-1] if events(session) else None)
            if left:
                assert standing(session, person) == "unsubscribed"


def at_once(work: Callable[[], None], times: int) -> None:
    threads = [Thread(target=work) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_record_takes_many_at_once(database: str) -> None:
    with transaction() as session:
        press = create_list(session, "press", "Press")
        ids = [add(session, f"p{number}@example.org").id for number in range(50)]
        record(session, ids[:20], to=press, standing=Standing.unsubscribed, basis=Basis.consent, source="x")
        record(session, ids[20:30], to=press, standing=Standing.confirmed, basis=Basis.consent, source="x")
        done = record(
            session, ids, to=press, standing=Standing.confirmed, basis=Basis.consent, source="file", imported=True
        )
        assert (done.kept_out, done.unchanged, done.changed) == (set(ids[:20]), set(ids[20:30]), set(ids[30:]))
        assert len(events(session)) == 50
        assert session.get_one(List, press.id).purpose == "press"


def test_forgetting_waits_for_whoever_is_putting_them_on_a_list(person: Subscriber) -> None:
    def forget_them() -> None:
        with transaction() as session:
            forget(session, person.email)

    forgetting = Thread(target=forget_them)
    with transaction() as session:
        assert put(session, person) == "changed"
        forgetting.start()
        forgetting.join(0.3)  # were it not to wait, it would be over, and this person's rows left behind
    forgetting.join()
    with reading() as session:
        assert not session.scalars(select(Subscription.subscriber_id)).all()
        assert events(session) == []


def test_whoever_was_forgotten_since_is_put_on_no_list(person: Subscriber) -> None:
    with transaction() as session:
        forget(session, person.email)
        assert put(session, person, imported=True) == "kept_out"
        assert not session.scalars(select(Subscription.subscriber_id)).all()
        assert events(session) == []
