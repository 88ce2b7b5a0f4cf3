"""All that is held of one person, for showing it and for giving it to them (GDPR articles 15 and 20)."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from subscribers import suppression
from subscribers.addresses import normalise
from subscribers.fields import FIELDS
from subscribers.models import ConsentEvent, List, Merge, Subscriber, Subscription, Suppression
from subscribers.parts import parts
from subscribers.people import find_person


def show(session: Session, address: str) -> dict[str, Any]:
    """All that is held of one person, ready for JSON.

    {"email", the fields, "attributes", "created_at", "addresses": [{"email", "merged_at"}], "subscriptions": [{"list",
    "standing", "basis", "since", "events": [event]}], "events": [{"list", "standing", "purpose", "basis", "wording",
    "source", "at", "address", "merged", "undone"}], "suppressions": [{"scope", "reason", "source", "at"}], "merges":
    [{"other", "kept", "source", "at", "undone_at"}]} and what the upper floors hold under their names; times in ISO
    8601. `addresses` are those merged into this one, with the fields that each had. Of an address that is only
    suppressed nothing else is known, and its fields are missing. Raises Unknown.
    """
    wanted = normalise(address)
    held = suppression.suppressions(session, address)
    if held and session.scalar(select(Subscriber.id).where(Subscriber.email_key == wanted.key)) is None:
        return {
            "email": wanted.email,
            "subscriptions": [],
            "events": [],
            "suppressions": [_suppression(one, wanted.email) for one in held],
        }
    person = find_person(session, address)
    others = session.scalars(
        select(Subscriber).where(Subscriber.merged_into_id == person.id).order_by(Subscriber.id)
    ).all()
    rows = [person, *others]
    merges = _merges(session, [row.id for row in rows])
    merged_at = {merge["other"]: merge["at"] for merge in merges if not merge["undone_at"]}
    events = _events(session, rows)
    return {
        "email": person.email,
        **_fields(person),
        "addresses": [{"email": row.email, "merged_at": merged_at.get(row.email), **_fields(row)} for row in others],
        "subscriptions": _subscriptions(session, person, events),
        "events": events,
        "suppressions": [
            _suppression(one, row.email) for row in rows for one in suppression.suppressions(session, row.email)
        ],
        "merges": merges,
        **{part.name: part.held(session, [row.id for row in rows]) for part in parts()},
    }


def _fields(row: Subscriber) -> dict[str, Any]:
    return {
        **{name: _plain(getattr(row, name)) for name in FIELDS},
        "attributes": row.attributes,
        "created_at": row.created_at.isoformat(),
        "link_id": row.public_id,
    }


def _subscriptions(session: Session, person: Subscriber, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    standing = session.execute(
        select(List, Subscription)
        .join(Subscription, Subscription.list_id == List.id)
        .where(Subscription.subscriber_id == person.id)
        .order_by(List.name)
    )
    return [
        {
            "list": on.name,
            "standing": subscription.standing,
            "basis": subscription.basis,
            "since": subscription.since.isoformat(),
            "events": [event for event in events if event["list"] == on.name],
        }
        for on, subscription in standing
    ]


def _events(session: Session, rows: Sequence[Subscriber]) -> list[dict[str, Any]]:
    """Every consent event under any of the person's addresses, in the order in which they were written."""
    address_of = {row.id: row.email for row in rows}
    found = session.execute(
        select(ConsentEvent, List.name, Merge)
        .join(List, List.id == ConsentEvent.list_id)
        .outerjoin(Merge, Merge.id == ConsentEvent.merge_id)
        .where(ConsentEvent.subscriber_id.in_(address_of))
        .order_by(ConsentEvent.id)
    )
    return [
        {
            "list": name,
            "standing": event.standing,
            "purpose": event.purpose,
            "basis": event.basis,
            "wording": event.wording,
            "source": event.source,
            "at": event.at.isoformat(),
            "address": address_of[event.subscriber_id],
            "merged": merge is not None,
            "undone": merge is not None and merge.undone_at is not None,
        }
        for event, name, merge in found
    ]


def _merges(session: Session, ids: Sequence[int]) -> list[dict[str, Any]]:
    kept, other = aliased(Subscriber), aliased(Subscriber)
    found = session.execute(
        select(Merge, kept.email, other.email)
        .join(kept, kept.id == Merge.kept_id)
        .join(other, other.id == Merge.other_id)
        .where(Merge.kept_id.in_(ids) | Merge.other_id.in_(ids))
        .order_by(Merge.id)
    )
    return [
        {
            "kept": kept_email,
            "other": other_email,
            "source": merge.source,
            "at": merge.at.isoformat(),
            "undone_at": merge.undone_at.isoformat() if merge.undone_at else None,
        }
        for merge, kept_email, other_email in found
    ]


def _suppression(found: Suppression, address: str) -> dict[str, Any]:
    return {
        "address": address,
        "scope": found.scope,
        "reason": found.reason,
        "source": found.source,
        "at": found.at.isoformat(),
    }


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value
