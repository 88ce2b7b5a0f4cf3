"""What the staff asks and does about one person, by their address."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from config.errors import Refused, Unknown
from subscribers import suppression
from subscribers.addresses import Address, normalise
from subscribers.consent import unsubscribe
from subscribers.lists import find_list
from subscribers.models import List, Reason, Standing, Subscriber, Subscription

NEAR = 200
"""How many addresses are looked through for the nearest to one that is not there."""


def find_person(session: Session, address: str) -> Subscriber:
    """The subscriber with that address, also one that was merged into another. Raises Unknown with the nearest."""
    wanted = normalise(address)
    found = session.scalar(select(Subscriber).where(Subscriber.email_key == wanted.key))
    if found is None:
        raise nobody(session, wanted)
    return found if found.merged_into_id is None else session.get_one(Subscriber, found.merged_into_id)


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


def nobody(session: Session, wanted: Address) -> Refused:
    """The error for an address that nobody has, with the nearest that somebody has."""
    near = select(Subscriber.email).where(func.substr(Subscriber.email_key, 1, 3) == wanted.key[:3]).limit(NEAR)
    similar = list(session.scalars(near))
    if not similar:
        return Refused(f"no subscriber has the address {wanted.email}; look for it with: broadside subscribers export")
    return Unknown("subscriber", wanted.email, similar)
