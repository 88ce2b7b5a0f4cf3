"""Two subscribers who are one person made one, and that undone.

The other's row stays, as an address of the person's: on no list, in no segment, its consent events as they were. So
links in mail that was sent to it still mean the person, an import of it finds them, and all can be undone. What was
sent to whom is not touched either: the claim sees for each delivery who they are now (mailer.ledger.merged).

Of two standings the stricter is kept, and of suppressions all that the person wanted; a hard bounce stays with the
address that bounced.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from config.errors import Refused
from subscribers import consent
from subscribers.addresses import normalise
from subscribers.fields import FIELDS
from subscribers.models import (
    Basis,
    ConsentEvent,
    List,
    Merge,
    Reason,
    Role,
    Standing,
    Subscriber,
    Subscription,
    Suppression,
)
from subscribers.parts import parts
from subscribers.people import nobody
from subscribers.suppression import suppress_hash

_WEIGHT = {str(Standing.pending): 0, str(Standing.confirmed): 1, str(Standing.unsubscribed): 2}
"""The heavier of two standings is the person's: who left, left; who confirmed under one address has confirmed."""


@dataclass(frozen=True, slots=True)
class Merged:
    """What a merge, or undoing it, changed of the one who is kept: lists with the new standing, fields, purposes."""

    kept: str
    other: str
    lists: dict[str, str]
    fields: tuple[str, ...]
    suppressed: tuple[str, ...]
    """Purposes that get no mail any more (or again); empty text for all."""


def merge(session: Session, keep: str, other: str, *, source: str) -> Merged:
    """Make the person at `other` an address of the person at `keep`.

    Raises Unknown for an address that nobody has, Refused for one that is merged already or for twice the same.
    """
    kept, gone = _rows(session, keep, other)
    made = Merge(kept_id=kept.id, other_id=gone.id, source=source, changed={})
    session.add(made)
    session.flush()
    lists, standings = _join_standings(session, kept, gone, made.id)
    held = _join_suppressions(session, kept, gone)
    fields = _fill(kept, gone)
    made.changed = {"fields": fields, "suppressions": held, **standings}
    session.execute(update(Subscriber).where(Subscriber.merged_into_id == gone.id).values(merged_into_id=kept.id))
    gone.merged_into_id = kept.id
    session.flush()
    return Merged(kept.email, gone.email, lists, tuple(fields), tuple(one["scope"] for one in held))


def unmerge(session: Session, address: str) -> Merged:
    """Undo the merge by which `address` became another person's. Merges into one person are undone last first.

    What the person left or objected to in between holds for both. What was sent in between stays with the one to
    whose address it was sent. Raises Unknown or Refused.
    """
    gone = _row(session, address)
    made = session.scalar(select(Merge).where(Merge.other_id == gone.id, Merge.undone_at.is_(None)))
    if made is None:
        raise _not_merged(session, gone)
    kept = session.get_one(Subscriber, made.kept_id)
    _refuse_if_not_last(session, kept, made)
    _hold(session, kept.id, gone.id)
    made.undone_at = datetime.now(UTC)
    gone.merged_into_id = None
    session.flush()
    for child in _merged_into(session, gone.id):
        child.merged_into_id = gone.id
    lists = _part_standings(session, kept, gone, made)
    scopes = _part_suppressions(session, kept, gone, made)
    fields = _empty(kept, made.changed["fields"])
    session.flush()
    return Merged(kept.email, gone.email, lists, fields, scopes)


def _rows(session: Session, keep: str, other: str) -> tuple[Subscriber, Subscriber]:
    kept, gone = _row(session, keep), _row(session, other)
    if kept.id == gone.id:
        raise Refused(f"{keep} and {other} are one person already")
    for one in (kept, gone):
        if one.merged_into_id is not None:
            person = session.get_one(Subscriber, one.merged_into_id)
            raise Refused(f"{one.email} is an address of {person.email} already; name {person.email} instead")
    _hold(session, kept.id, gone.id)
    return kept, gone


def _row(session: Session, address: str) -> Subscriber:
    wanted = normalise(address)
    found = session.scalar(select(Subscriber).where(Subscriber.email_key == wanted.key))
    if found is None:
        raise nobody(session, wanted)
    return found


def _hold(session: Session, *ids: int) -> None:
    for part in parts():
        part.hold_still(session, ids)
    locked = select(Subscriber).where(Subscriber.id.in_(ids)).order_by(Subscriber.id).with_for_update()
    session.scalars(locked.execution_options(populate_existing=True)).all()
    held = select(Subscription).where(Subscription.subscriber_id.in_(ids)).with_for_update()
    session.scalars(held.order_by(Subscription.subscriber_id, Subscription.list_id)).all()


def _not_merged(session: Session, person: Subscriber) -> Refused:
    others = session.scalars(select(Subscriber.email).where(Subscriber.merged_into_id == person.id))
    named = ", ".join(sorted(others))
    hint = f"; merged into it: {named}. Name the one to take out" if named else ""
    return Refused(f"{person.email} is not merged into another address{hint}")


def _refuse_if_not_last(session: Session, kept: Subscriber, made: Merge) -> None:
    later = select(Merge).where(Merge.undone_at.is_(None), Merge.id > made.id)
    blocking = session.scalar(
        later.where((Merge.kept_id == kept.id) | (Merge.other_id == kept.id)).order_by(Merge.id.desc()).limit(1)
    )
    if blocking is not None:
        first = session.get_one(Subscriber, blocking.other_id).email
        raise Refused(f"{first} was merged later; undo that first: broadside subscribers unmerge {first}")


def _merged_into(session: Session, person_id: int) -> list[Subscriber]:
    """The rows of everybody who was merged into the person, or into somebody who was."""
    found = []
    for other_id in session.scalars(
        select(Merge.other_id).where(Merge.kept_id == person_id, Merge.undone_at.is_(None))
    ).all():
        found += [session.get_one(Subscriber, other_id), *_merged_into(session, other_id)]
    return found


def _join_standings(
    session: Session, kept: Subscriber, gone: Subscriber, merge_id: int
) -> tuple[dict[str, str], dict[str, Any]]:
    """Give the one who is kept the stricter standing on each list: {name: new standing}, and what was before."""
    said = consent.standings(session, gone.id)
    mine, theirs = consent.subscriptions(session, kept.id), consent.subscriptions(session, gone.id)
    changed = {}
    before: dict[str, Any] = {}
    for list_id, held in theirs.items():
        if list_id in mine and _WEIGHT[held["standing"]] <= _WEIGHT[mine[list_id]["standing"]]:
            continue
        on, why = session.get_one(List, list_id), said.get(list_id)
        consent.record(
            session,
            [kept.id],
            to=on,
            standing=Standing(held["standing"]),
            basis=Basis(held["basis"]),
            source=why.source if why else "",
            wording=why.wording if why else "",
            merge_id=merge_id,
        )
        changed[on.name] = held["standing"]
        before[str(list_id)] = mine.get(list_id)
    consent.put_back(session, gone.id, dict.fromkeys(theirs))
    return changed, {"kept": before, "other": {str(list_id): held for list_id, held in theirs.items()}}


def _part_standings(session: Session, kept: Subscriber, gone: Subscriber, made: Merge) -> dict[str, str]:
    last = consent.standings(session, kept.id)
    ours = {int(list_id): held for list_id, held in made.changed["kept"].items()}
    # Where something of their own happened since, that holds.
    touched = select(ConsentEvent.list_id, func.max(ConsentEvent.id)).where(ConsentEvent.merge_id == made.id)
    for list_id, event_id in session.execute(touched.group_by(ConsentEvent.list_id)):
        if list_id in last and last[list_id].id > event_id:
            del ours[list_id]
    consent.put_back(session, kept.id, ours)
    theirs = {int(list_id): held for list_id, held in made.changed["other"].items()}
    consent.put_back(session, gone.id, theirs)
    for list_id, event in last.items():
        since = event.standing == Standing.unsubscribed and event.merge_id is None and event.at > made.at
        if since and list_id in theirs and theirs[list_id]["standing"] != Standing.unsubscribed:
            consent.record(
                session,
                [gone.id],
                to=session.get_one(List, list_id),
                standing=Standing.unsubscribed,
                basis=event.basis,
                source=event.source,
            )
    return {session.get_one(List, list_id).name: (held or {}).get("standing", "") for list_id, held in ours.items()}


def _suppressions(session: Session, person: Subscriber) -> dict[str, Suppression]:
    held = select(Suppression).where(Suppression.address_hash == person.address_hash)
    return {one.scope: one for one in session.scalars(held.execution_options(populate_existing=True))}


def _join_suppressions(session: Session, kept: Subscriber, gone: Subscriber) -> list[dict[str, Any]]:
    """Suppress the one who is kept as the other is; what that changed, with what was before."""
    before = {scope: _plain(one) for scope, one in _suppressions(session, kept).items()}
    for scope, theirs in _suppressions(session, gone).items():
        if theirs.reason != Reason.hard_bounce:
            suppress_hash(session, kept.address_hash, Reason(theirs.reason), scope, theirs.source)
    after = {scope: _plain(one) for scope, one in _suppressions(session, kept).items()}
    return [
        {"scope": scope, "put": now, "before": before.get(scope)}
        for scope, now in after.items()
        if now != before.get(scope)
    ]


def _part_suppressions(session: Session, kept: Subscriber, gone: Subscriber, made: Merge) -> tuple[str, ...]:
    lifted = []
    put = {one["scope"]: one for one in made.changed["suppressions"]}
    for scope, one in _suppressions(session, kept).items():
        if scope in put and _plain(one) == put[scope]["put"]:
            if put[scope]["before"] is None:
                session.delete(one)
            else:
                one.reason, one.source = Reason(put[scope]["before"]["reason"]), put[scope]["before"]["source"]
                one.at = datetime.fromisoformat(put[scope]["before"]["at"])
            lifted.append(scope)
        elif one.at > made.at and one.reason != Reason.hard_bounce:
            suppress_hash(session, gone.address_hash, Reason(one.reason), scope, one.source)
    return tuple(lifted)


def _plain(one: Suppression) -> dict[str, str]:
    return {"reason": str(one.reason), "source": one.source, "at": one.at.isoformat()}


def _fill(kept: Subscriber, gone: Subscriber) -> dict[str, Any]:
    """Fill what is empty from the other: {field: [before, after]}, as JSON."""
    changed: dict[str, Any] = {}
    for name in FIELDS:
        mine, theirs = getattr(kept, name), getattr(gone, name)
        new = tuple(dict.fromkeys([*mine, *theirs])) if name == "topics" else mine if _said(mine) else theirs
        if new != mine and _said(new):
            setattr(kept, name, new)
            changed[name] = [mine, new]
    attributes = {**gone.attributes, **kept.attributes}
    if attributes != kept.attributes:
        changed["attributes"] = [kept.attributes, attributes]
        kept.attributes = attributes
    return changed


def _empty(kept: Subscriber, changed: dict[str, Any]) -> tuple[str, ...]:
    """Take out again what the merge had filled, unless somebody has changed it since."""
    restored = []
    for name, (before, after) in changed.items():
        now = getattr(kept, name)
        if (list(now) if isinstance(now, tuple) else now) == after:
            setattr(kept, name, tuple(before) if isinstance(now, tuple) else before)
            restored.append(name)
    return tuple(restored)


def _said(value: Any) -> bool:
    return bool(value) and value != Role.other
