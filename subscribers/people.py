"""What the staff asks and does about one person, by their address."""

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from config.errors import Refused, Unknown
from subscribers import suppression
from subscribers.addresses import Address, normalise
from subscribers.consent import unsubscribe
from subscribers.fields import FIELDS
from subscribers.lists import find_list
from subscribers.models import ConsentEvent, List, Reason, Standing, Subscriber, Subscription, Suppression

NEAR = 200
"""How many addresses are looked through for the nearest to one that is not there."""


def find_person(session: Session, address: str) -> Subscriber:
    """The subscriber with that address. Raises Unknown with the nearest."""
    wanted = normalise(address)
    found = session.scalar(select(Subscriber).where(Subscriber.email_key == wanted.key))
    if found is None:
        raise _nobody(session, wanted)
    return found


def show(session: Session, address: str) -> dict[str, Any]:
    """All that is known of one person, ready for JSON.

    {"email", the fields, "attributes", "created_at", "subscriptions": [{"list", "standing", "basis", "since",
    "events": [{"standing", "purpose", "basis", "wording", "source", "at"}]}], "suppressions": [{"scope", "reason",
    "source", "at"}]}; times in ISO 8601. Of an address that is only suppressed nothing else is known, and its
    fields are missing. Raises Unknown.
    """
    wanted = normalise(address)
    person = session.scalar(select(Subscriber).where(Subscriber.email_key == wanted.key))
    held = [_suppression(found) for found in suppression.suppressions(session, address)]
    if person is None:
        if not held:
            raise _nobody(session, wanted)
        return {"email": wanted.email, "subscriptions": [], "suppressions": held}
    standing = session.execute(
        select(List, Subscription)
        .join(Subscription, Subscription.list_id == List.id)
        .where(Subscription.subscriber_id == person.id)
        .order_by(List.name)
    )
    return {
        "email": person.email,
        **{name: _plain(getattr(person, name)) for name in FIELDS},
        "attributes": person.attributes,
        "created_at": person.created_at.isoformat(),
        "subscriptions": [
            {
                "list": on.name,
                "standing": subscription.standing,
                "basis": subscription.basis,
                "since": subscription.since.isoformat(),
                "events": _events(session, person, on),
            }
            for on, subscription in standing
        ],
        "suppressions": held,
    }


def unsubscribe_address(session: Session, address: str, list_name: str | None = None, *, source: str) -> list[str]:
    """Take a person off one list, or off all they are on. The names of those they had not left yet."""
    person = find_person(session, address)
    lists = select(List).join(Subscription, Subscription.list_id == List.id)
    lists = lists.where(
        Subscription.subscriber_id == person.id, Subscription.standing != Standing.unsubscribed
    ).order_by(List.name)
    leaving = [find_list(session, list_name)] if list_name else list(session.scalars(lists))
    return [on.name for on in leaving if unsubscribe(session, public_id=person.public_id, list_id=on.id, source=source)]


def suppress_address(
    session: Session,
    address: str,
    reason: Reason = Reason.objection,
    purpose: str = suppression.EVERYTHING,
    *,
    source: str,
) -> None:
    """Send no more mail to an address, whether Broadside knows it or not: any, or any for one purpose.

    Raises Unknown for a purpose that no list has.
    """
    purposes = set(session.scalars(select(List.purpose)))
    if purpose != suppression.EVERYTHING and purpose not in purposes:
        raise Unknown("purpose", purpose, purposes)
    suppression.suppress(session, address, reason, purpose, source)


def _nobody(session: Session, wanted: Address) -> Refused:
    near = select(Subscriber.email).where(func.substr(Subscriber.email_key, 1, 3) == wanted.key[:3]).limit(NEAR)
    similar = list(session.scalars(near))
    if not similar:
        return Refused(f"no subscriber has the address {wanted.email}; look for it with: broadside subscribers export")
    return Unknown("subscriber", wanted.email, similar)


def _events(session: Session, person: Subscriber, on: List) -> list[dict[str, Any]]:
    events = session.scalars(
        select(ConsentEvent)
        .where(ConsentEvent.subscriber_id == person.id, ConsentEvent.list_id == on.id)
        .order_by(ConsentEvent.id)
    )
    return [
        {
            "standing": event.standing,
            "purpose": event.purpose,
            "basis": event.basis,
            "wording": event.wording,
            "source": event.source,
            "at": event.at.isoformat(),
        }
        for event in events
    ]


def _suppression(found: Suppression) -> dict[str, Any]:
    return {
        "scope": found.scope,
        "reason": found.reason,
        "source": found.source,
        "at": found.at.isoformat(),
    }


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value
