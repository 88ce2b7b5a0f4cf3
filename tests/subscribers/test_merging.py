"""Two subscribers made one: the stricter of their rights, links that go on working, and all of it undone."""

import threading
from itertools import product
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from config.database import engine, reading, transaction
from config.errors import Refused, Unknown
from subscribers.addresses import normalise
from subscribers.columns import Person
from subscribers.consent import confirm, record, standings, unsubscribe
from subscribers.history import show
from subscribers.lists import create_list, find_list
from subscribers.merging import Merged, merge, unmerge
from subscribers.models import (
    Basis,
    ConsentEvent,
    List,
    Merge,
    Reason,
    Role,
    Segment,
    Standing,
    Subscriber,
    Subscription,
    Suppression,
)
from subscribers.people import find_person
from subscribers.segments import members
from subscribers.storing import Stored, store
from subscribers.suppression import WEIGHT, is_suppressed, suppress, suppressions
from tests.subscribers.people_for_tests import add

OLD, NEW = "zoe@old.example.org", "zoe@new.example.org"
STRICTEST = ["unsubscribed", "confirmed", "pending", None]


@pytest.fixture
def office(database: str) -> None:
    with transaction() as session:
        for name in ("press", "members", "events"):
            create_list(session, name, name.title(), name)
        add(session, OLD, first_name="Zoë", organisation="Old", topics=("music", "law"), attributes={"a": 1, "b": 2})
        add(session, NEW, organisation="New", role=Role.journalist, topics=("law",), attributes={"b": 3})


def stand(address: str, name: str, standing: str | None, source: str = "sheet") -> None:
    if standing is None:
        return
    with transaction() as session:
        person = session.scalars(select(Subscriber).where(Subscriber.email == address)).one()
        on = find_list(session, name)
        record(session, [person.id], to=on, standing=Standing(standing), basis=Basis.consent, source=source)


def join(keep: str = NEW, other: str = OLD) -> Merged:
    with transaction() as session:
        return merge(session, keep, other, source="phone call")


def part(other: str = OLD) -> Merged:
    with transaction() as session:
        return unmerge(session, other)


def on_lists(address: str) -> dict[str, str]:
    with reading() as session:
        rows = session.execute(
            select(List.name, Subscription.standing)
            .join(Subscription, Subscription.list_id == List.id)
            .join(Subscriber, Subscriber.id == Subscription.subscriber_id)
            .where(Subscriber.email == address)
        )
        return dict(rows.all())


def public_id(address: str) -> str:
    with reading() as session:
        return session.scalars(select(Subscriber.public_id).where(Subscriber.email == address)).one()


def everything() -> dict[str, Any]:
    """All rows that a merge may touch, but for its own and the events that it wrote."""
    with reading() as session:
        return {
            "people": [
                (p.email, p.first_name, p.organisation, p.topics, p.role, p.attributes, p.merged_into_id)
                for p in session.scalars(select(Subscriber).order_by(Subscriber.id))
            ],
            "standings": [
                (s.subscriber_id, s.list_id, s.standing, s.basis, s.since)
                for s in session.scalars(
                    select(Subscription).order_by(Subscription.subscriber_id, Subscription.list_id)
                )
            ],
            "suppressions": [
                (s.address_hash, s.scope, s.reason, s.source, s.at)
                for s in session.scalars(select(Suppression).order_by(Suppression.address_hash, Suppression.scope))
            ],
            "events": [
                (e.id, e.subscriber_id, e.list_id, e.standing, e.basis, e.source, e.wording, e.at)
                for e in session.scalars(select(ConsentEvent).order_by(ConsentEvent.id))
                if e.merge_id is None
            ],
        }


def test_one_person_with_the_data_of_both(office: None) -> None:
    done = join()
    assert set(done.fields) == {"first_name", "topics", "attributes"}
    with reading() as session:
        for address in (OLD, NEW):
            person = find_person(session, address)
            assert (person.email, person.first_name, person.organisation) == (NEW, "Zoë", "New")
            assert (person.role, person.topics, person.attributes) == ("journalist", ("law", "music"), {"a": 1, "b": 3})
        everybody = Segment(name="x", rule={"field": "email", "contains": "@"})
        assert list(session.scalars(members(session, everybody))) == [find_person(session, NEW).id]


def test_the_stricter_standing_is_kept_and_undone(office: None) -> None:
    cases = {f"list-{n}": pair for n, pair in enumerate(product(STRICTEST, STRICTEST))}
    with transaction() as session:
        for name in cases:
            create_list(session, name, name)
    for name, (mine, theirs) in cases.items():
        stand(NEW, name, mine, "mine")
        stand(OLD, name, theirs, "theirs")
    before = everything()
    join()
    kept = {name: next(one for one in STRICTEST if one in pair) for name, pair in cases.items()}
    assert on_lists(NEW) == {name: standing for name, standing in kept.items() if standing}
    assert on_lists(OLD) == {}
    taken = {name for name, (mine, theirs) in cases.items() if theirs and kept[name] == theirs != mine}
    with reading() as session:
        told = [event for event in show(session, OLD)["events"] if event["merged"]]
        assert {(event["list"], event["standing"], event["source"]) for event in told} == {
            (name, kept[name], "theirs") for name in taken
        }
        said = standings(session, find_person(session, NEW).id)
        assert {list_name(session, one): event.standing for one, event in said.items()} == on_lists(NEW)
    assert part().lists.keys() == taken
    assert everything() == before


def list_name(session: Session, list_id: int) -> str:
    return session.get_one(List, list_id).name


def test_what_a_person_wanted_holds_for_both_addresses(office: None) -> None:
    reasons = [None, *Reason]
    cases = {f"list-{n}": pair for n, pair in enumerate(product(reasons, reasons))}
    with transaction() as session:
        for scope, (mine, theirs) in cases.items():
            for address, reason in ((NEW, mine), (OLD, theirs)):
                if reason:
                    suppress(session, address, reason, scope, f"letter from {address}")
    before = everything()
    join()
    with reading() as session:
        held = {one.scope: (one.reason, one.source) for one in suppressions(session, NEW)}
    for scope, (mine, theirs) in cases.items():
        wanted = max(
            filter(None, (mine, theirs if theirs != Reason.hard_bounce else None)), key=WEIGHT.get, default=None
        )
        whose = NEW if wanted == mine else OLD
        assert held.get(scope) == (wanted and (wanted, f"letter from {whose}"))
    part()
    assert everything() == before


def test_an_objection_by_the_old_address_counts_a_bounce_of_it_does_not(office: None) -> None:
    join()
    with transaction() as session:
        suppress(session, OLD, Reason.hard_bounce)
        assert not is_suppressed(session, NEW)
        suppress(session, OLD, Reason.objection)
        assert is_suppressed(session, NEW)
    part()
    with reading() as session:
        assert is_suppressed(session, NEW) and is_suppressed(session, OLD)


def test_links_in_old_mail_take_the_person_off(office: None) -> None:
    stand(NEW, "press", "confirmed")
    stand(OLD, "members", "confirmed")
    link = public_id(OLD)
    join()
    assert on_lists(NEW) == {"press": "confirmed", "members": "confirmed"}
    with transaction() as session:
        for name in ("press", "members"):
            assert unsubscribe(session, public_id=link, list_id=find_list(session, name).id, source="old link")
    assert on_lists(NEW) == {"press": "unsubscribed", "members": "unsubscribed"}
    part()
    assert on_lists(OLD) == {"members": "unsubscribed"}, "they left while both were one"
    assert on_lists(NEW) == {"press": "unsubscribed", "members": "unsubscribed"}


def test_leaving_again_what_only_the_merge_had_left_outlives_the_merge(office: None) -> None:
    stand(NEW, "press", "confirmed")
    stand(OLD, "press", "unsubscribed")
    join()
    with transaction() as session:
        press = find_list(session, "press").id
        assert unsubscribe(session, public_id=public_id(NEW), list_id=press, source="link")
        assert not unsubscribe(session, public_id=public_id(NEW), list_id=press, source="link")
    part()
    assert on_lists(NEW) == {"press": "unsubscribed"}


def bring(*addresses: str, to: str = "press", standing: Standing = Standing.confirmed) -> Stored:
    with transaction() as session:
        people = {a: Person(normalise(a), {"organisation": "From the file"}, {}) for a in addresses}
        told: dict[str, Any] = {"basis": Basis.consent, "source": "file", "wording": "", "standing": standing}
        return store(session, people, find_list(session, to), **told)


def test_an_import_of_the_old_address_finds_the_person(office: None) -> None:
    stand(OLD, "press", "unsubscribed")
    join()
    assert bring(OLD).kept_out == {OLD}
    assert on_lists(NEW) == {"press": "unsubscribed"}
    done = bring(OLD, NEW, to="members")
    assert (done.created, done.updated) == (frozenset(), {OLD, NEW})
    assert (on_lists(NEW)["members"], on_lists(OLD)) == ("confirmed", {})
    with reading() as session:
        assert find_person(session, OLD).organisation == "From the file"
        assert session.scalars(select(Subscriber.organisation).where(Subscriber.email == OLD)).one() == "Old"
    with transaction() as session:
        suppress(session, NEW, Reason.objection)
        older = add(session, "zoe@older.example.org").email
    join(NEW, older)
    assert bring(OLD, older, to="events").kept_out == {OLD, older}
    assert "events" not in on_lists(NEW)
    bring(OLD, to="events", standing=Standing.unsubscribed)
    assert on_lists(NEW)["events"] == "unsubscribed"


def test_what_was_changed_since_is_not_undone(office: None) -> None:
    join()
    with transaction() as session:
        person = find_person(session, NEW)
        person.first_name = "Zoe"
        confirm(session, person, find_list(session, "events"), basis=Basis.consent, source="form")
    assert set(part().fields) == {"topics", "attributes"}
    with reading() as session:
        person = find_person(session, NEW)
        assert (person.first_name, person.topics, person.attributes) == ("Zoe", ("law",), {"b": 3})
    assert on_lists(NEW) == {"events": "confirmed"}


def test_merges_of_merged_people_are_undone_last_first(office: None) -> None:
    newest = "zoe@newest.example.org"
    with transaction() as session:
        add(session, newest)
    stand(OLD, "press", "unsubscribed")
    stand(newest, "press", "confirmed")
    before = everything()
    join()
    halfway = everything()
    join(newest, NEW)
    assert on_lists(newest) == {"press": "unsubscribed"}
    with transaction() as session:
        assert {find_person(session, one).email for one in (OLD, NEW, newest)} == {newest}
        with pytest.raises(Refused, match=f"undo that first: broadside subscribers unmerge {NEW}"):
            unmerge(session, OLD)
        with pytest.raises(Refused, match=f"{NEW} is an address of {newest} already"):
            merge(session, NEW, newest, source="x")
    part(NEW)
    assert everything() == halfway
    with reading() as session:
        assert find_person(session, OLD).email == NEW
    part()
    assert everything() == before


def test_what_cannot_be_merged(office: None) -> None:
    with transaction() as session:
        with pytest.raises(Refused, match="one person already"):
            merge(session, NEW, NEW.upper(), source="x")
        with pytest.raises(Unknown, match="did you mean"):
            merge(session, NEW, "zoe@old.example.com", source="x")
        with pytest.raises(Refused, match="is not merged into another address"):
            unmerge(session, OLD)
        assert session.scalars(select(Merge)).all() == []
    join()
    with transaction() as session, pytest.raises(Refused, match=f"merged into it: {OLD}"):
        unmerge(session, NEW)


def test_who_leaves_by_an_old_link_while_the_merge_is_made_leaves_as_who_they_become(office: None) -> None:
    if engine().dialect.name == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    stand(OLD, "press", "confirmed")
    link, left = public_id(OLD), threading.Event()

    def leave() -> None:
        with transaction() as session:
            unsubscribe(session, public_id=link, list_id=find_list(session, "press").id, source="link")
        left.set()

    leaving = threading.Thread(target=leave)
    with transaction() as session:
        merge(session, NEW, OLD, source="x")
        leaving.start()
        assert not left.wait(1), "it waits"
    leaving.join(30)
    assert left.is_set()
    assert (on_lists(NEW), on_lists(OLD)) == ({"press": "unsubscribed"}, {})


STEPS = st.tuples(
    st.sampled_from(["old", "new"]),
    st.sampled_from(["import", "confirm", "leave", "object", "bounce"]),
    st.sampled_from(["press", "members"]),
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(STEPS, max_size=8))
def test_whatever_happened_before_nobody_is_written_to_who_had_left(
    office: None, steps: list[tuple[str, str, str]]
) -> None:
    """And undoing a merge leaves no trace but that it was."""
    with transaction() as session:
        for table in (ConsentEvent, Subscription, Suppression, Merge):
            session.execute(delete(table))
    for who, what, name in steps:
        address = OLD if who == "old" else NEW
        with transaction() as session:
            person, on = find_person(session, address), find_list(session, name)
            match what:
                case "import":
                    record(
                        session,
                        [person.id],
                        to=on,
                        standing=Standing.confirmed,
                        basis=Basis.consent,
                        source="file",
                        imported=True,
                    )
                case "confirm":
                    confirm(session, person, on, basis=Basis.consent, source="form")
                case "leave":
                    unsubscribe(session, public_id=person.public_id, list_id=on.id, source="link")
                case "object":
                    suppress(session, address, Reason.objection, name)
                case "bounce":
                    suppress(session, address, Reason.hard_bounce)
    before = everything()
    old, new = on_lists(OLD), on_lists(NEW)
    with reading() as session:
        objected = {
            name
            for name in ("press", "members")
            if any(s.scope == name for address in (OLD, NEW) for s in suppressions(session, address))
        }
    join()
    for name, standing in on_lists(NEW).items():
        assert (standing == "unsubscribed") == ("unsubscribed" in (old.get(name), new.get(name)))
    with reading() as session:
        assert all(is_suppressed(session, NEW, name) for name in objected)
    part()
    assert everything() == before
