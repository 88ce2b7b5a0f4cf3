"""Consent: events that are only ever added, and the subscriptions that are their projection.

Every change of a subscription goes through this module, and every change leaves its event. The rules:
- an import never turns a person who left a list back, nor answers for one who was asked and has not answered, and
  writes an event only where something changes;
- a person's own confirmed subscription always counts, and lifts suppressions (see suppression.LIFTED_BY_CONSENT);
- leaving works at once, always, and twice is the same as once.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, func, or_, select, update
from sqlalchemy.orm import Session

from config import bulk
from subscribers.models import (
    Basis,
    ConsentEvent,
    Erasure,
    List,
    Merge,
    Standing,
    Subscriber,
    Subscription,
)
from subscribers.suppression import lift_by_consent


@dataclass(frozen=True, slots=True)
class Recorded:
    """What came of `record`, by subscriber id; the three sets are disjoint and together all that were given."""

    changed: frozenset[int]
    unchanged: frozenset[int]
    kept_out: frozenset[int]
    """They had left the list, and an import does not bring them back; were asked and have not answered; or are no
    subscribers any more."""


def record(
    session: Session,
    subscriber_ids: Sequence[int],
    *,
    to: List,
    standing: Standing,
    basis: Basis,
    source: str,
    wording: str = "",
    imported: bool = False,
    merge_id: int | None = None,
    made_now: Collection[int] = (),
) -> Recorded:
    """Bring subscribers to `standing` on the list `to`, with one event each. Any number in a few statements.

    `imported` says that somebody else vouches for them (a file), not they themselves; `merge_id` that it comes with
    another address of theirs. `made_now` are those whom this transaction made: they are on no list yet. Suppression is
    not looked at here: it holds whatever a subscription says.
    """
    asked = sorted(set(subscriber_ids).difference(made_now))
    held = _held(session, to, asked)
    new, moved, unchanged, kept_out = [], [], [], []
    for subscriber_id in asked:
        now = held.get(subscriber_id)
        if now is None:
            new.append(subscriber_id)
        elif imported and _answered_otherwise(now.standing, now.basis, standing, basis):
            kept_out.append(subscriber_id)
        elif (imported and standing == Standing.pending) or (
            (now.standing, now.basis) == (standing, basis) and (imported or standing != Standing.confirmed)
        ):
            unchanged.append(subscriber_id)
        else:
            moved.append(subscriber_id)
    gone = set(new).difference(new := _who_stay(session, new))
    at = datetime.now(UTC)
    projection = {"standing": standing, "basis": basis, "since": at}
    bulk.append_columns(session, Subscription, {"subscriber_id": list(made_now)}, list_id=to.id, **projection)
    rows = [{"subscriber_id": subscriber_id} for subscriber_id in new]
    theirs = Subscription.subscriber_id
    found = bulk.insert_rows(session, Subscription, rows, returning=[theirs], list_id=to.id, **projection)
    inserted = {row.subscriber_id for row in found}
    overtaken = [subscriber_id for subscriber_id in new if subscriber_id not in inserted]
    if moved:
        session.execute(
            update(Subscription)
            .where(Subscription.list_id == to.id, bulk.among(session, Subscription.subscriber_id, moved))
            .values(projection)
            .execution_options(synchronize_session=False)
        )
    changed = [*made_now, *inserted, *moved]
    said: dict[str, Any] = {"standing": standing, "basis": basis, "source": source, "wording": wording}
    said["merge_id"] = merge_id
    _write(session, changed, to=to, at=at, **said)
    done = Recorded(frozenset(changed), frozenset(unchanged), frozenset(kept_out) | gone)
    if overtaken:  # another process subscribed them since we looked: now their subscription can be seen
        late = record(session, overtaken, to=to, imported=imported, **said)
        done = Recorded(done.changed | late.changed, done.unchanged | late.unchanged, done.kept_out | late.kept_out)
    return done


def _answered_otherwise(now: Standing, held: Basis, standing: Standing, basis: Basis) -> bool:
    """True where a person's own word, or their silence when asked, weighs more than what a file says."""
    return now == Standing.unsubscribed or (
        now == Standing.pending and standing == Standing.confirmed and held == basis
    )


def _who_stay(session: Session, subscriber_ids: Sequence[int]) -> list[int]:
    """Those who are there, in order; nobody forgets them before the transaction has ended."""
    if not subscriber_ids:
        return []
    there = select(Subscriber.id).where(bulk.among(session, Subscriber.id, subscriber_ids)).order_by(Subscriber.id)
    return list(session.scalars(there.with_for_update(read=True, key_share=True)))


def _held(session: Session, to: List, subscriber_ids: Sequence[int]) -> dict[int, Row[int, Standing, Basis]]:
    if not subscriber_ids:
        return {}
    found = session.execute(
        select(Subscription.subscriber_id, Subscription.standing, Subscription.basis)
        .where(Subscription.list_id == to.id, bulk.among(session, Subscription.subscriber_id, subscriber_ids))
        .order_by(Subscription.subscriber_id)  # the same order for all, so that no two wait for each other
        .with_for_update()
    )
    return {row.subscriber_id: row for row in found}


def subscribe(
    session: Session, subscriber: Subscriber, to: List, *, basis: Basis, source: str, wording: str = ""
) -> bool:
    """A person asks to be on a list: `pending` until they confirm. False if they are on it already."""
    now = session.get(Subscription, (subscriber.id, to.id), populate_existing=True)
    if now is not None and now.standing == Standing.confirmed:
        return False
    record(session, [subscriber.id], to=to, standing=Standing.pending, basis=basis, source=source, wording=wording)
    return True


def confirm(
    session: Session, subscriber: Subscriber, to: List, *, basis: Basis, source: str, wording: str = ""
) -> None:
    """A person says yes, themselves: confirmed whatever was before, and suppressions lifted but for a complaint."""
    record(session, [subscriber.id], to=to, standing=Standing.confirmed, basis=basis, source=source, wording=wording)
    lift_by_consent(session, [subscriber.address_hash], to.purpose)


def unsubscribe(session: Session, *, public_id: str, list_id: int, source: str) -> bool:
    """A person leaves a list. True if this call changed something; False for the second, or an unknown id.

    Two at once are one: the row is changed only while it says otherwise, and only whoever changes it writes the
    event. Somebody who was never on the list is written down as having left it, so that no import puts them on.
    """
    subscriber_id = holder(session, public_id)
    left = session.get(List, list_id)
    if subscriber_id is None or left is None:
        return False
    at = datetime.now(UTC)
    leaving = {"standing": Standing.unsubscribed, "since": at}
    basis = session.scalar(
        update(Subscription)
        .where(
            Subscription.subscriber_id == subscriber_id,
            Subscription.list_id == list_id,
            Subscription.standing != Standing.unsubscribed,
        )
        .values(leaving)
        .returning(Subscription.basis)
        .execution_options(synchronize_session=False)
    )
    if basis is None:
        never = {"subscriber_id": subscriber_id, "list_id": list_id, "basis": Basis.consent}
        basis = session.scalar(
            bulk.insert(session, Subscription)
            .values({**never, **leaving})
            .on_conflict_do_nothing()
            .returning(Subscription.basis)
        )
    if basis is None:
        basis = _left_by_merge(session, subscriber_id, list_id)
    if basis is None:
        return False
    _write(
        session,
        [subscriber_id],
        to=left,
        standing=Standing.unsubscribed,
        basis=Basis(basis),
        source=source,
        wording="",
        at=at,
    )
    return True


def holder(session: Session, public_id: str) -> int | None:
    """The id of the person whom a link's public id means now.

    Links outlive what happens to people: the address may have been merged into another since, or its person may have
    been forgotten and have come back under a new id.
    """
    person = func.coalesce(Subscriber.merged_into_id, Subscriber.id)
    # The lock waits for a merge that is being made, so that nobody leaves a list as who they no longer are; and nobody
    # is forgotten while they leave.
    by_id = select(person).where(Subscriber.public_id == public_id)
    found = session.scalar(by_id.with_for_update(read=True, key_share=True))
    if found is None:  # only a forgotten person's link reads all people: a quarter of a second among a million
        returned = select(person).join(Erasure, Erasure.address_hash == Subscriber.address_hash)
        by_hash = returned.where(Erasure.public_id == public_id)
        found = session.scalar(by_hash.with_for_update(read=True, key_share=True, of=Subscriber))
    return found


def counts(event: type[ConsentEvent]) -> ColumnElement[bool]:
    """True of the events that say where people stand: all but those of merges that were undone."""
    undone = select(Merge.id).where(Merge.undone_at.is_not(None))
    return or_(event.merge_id.is_(None), event.merge_id.not_in(undone))


def standings(session: Session, subscriber_id: int) -> dict[int, ConsentEvent]:
    """The last event that counts by list id: what a person's subscriptions are the projection of."""
    events = select(ConsentEvent).where(ConsentEvent.subscriber_id == subscriber_id, counts(ConsentEvent))
    return {event.list_id: event for event in session.scalars(events.order_by(ConsentEvent.id))}


def subscriptions(session: Session, subscriber_id: int) -> dict[int, dict[str, Any]]:
    """A person's subscriptions by list id, as JSON: {"standing", "basis", "since"}."""
    found = session.execute(
        select(Subscription.list_id, Subscription.standing, Subscription.basis, Subscription.since)
        .where(Subscription.subscriber_id == subscriber_id)
        .order_by(Subscription.list_id)
    )
    return {
        row.list_id: {"standing": str(row.standing), "basis": str(row.basis), "since": row.since.isoformat()}
        for row in found
    }


def put_back(session: Session, subscriber_id: int, before: Mapping[int, Mapping[str, Any] | None]) -> None:
    """Make a person's subscriptions by list id what they were: what the events say that count now."""
    theirs = Subscription.subscriber_id == subscriber_id
    session.execute(delete(Subscription).where(theirs, Subscription.list_id.in_(before)))
    held = {list_id: was for list_id, was in before.items() if was}
    columns: dict[str, list[Any]] = {
        "list_id": list(held),
        "standing": [Standing(was["standing"]) for was in held.values()],
        "basis": [Basis(was["basis"]) for was in held.values()],
        "since": [datetime.fromisoformat(was["since"]) for was in held.values()],
    }
    bulk.append_columns(session, Subscription, columns, subscriber_id=subscriber_id)


def _left_by_merge(session: Session, subscriber_id: int, list_id: int) -> Basis | None:
    """The basis of a subscription that only a merge ended: now the person ends it, whatever becomes of the merge."""
    last = standings(session, subscriber_id).get(list_id)
    return last.basis if last is not None and last.merge_id is not None else None


def _write(
    session: Session,
    subscriber_ids: Sequence[int],
    *,
    to: List,
    standing: Standing,
    basis: Basis,
    source: str,
    wording: str,
    at: datetime,
    merge_id: int | None = None,
) -> None:
    bulk.append_columns(
        session,
        ConsentEvent,
        {"subscriber_id": subscriber_ids},
        list_id=to.id,
        standing=standing,
        purpose=to.purpose,
        basis=basis,
        wording=wording,
        source=source,
        at=at,
        merge_id=merge_id,
    )
