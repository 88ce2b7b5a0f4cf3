"""Forgetting a person (GDPR article 17): all that is held of them goes, what counts and keeps them out stays.

Stays: the keyed hash of their addresses, suppressed for erasure, so that no file brings them back; and for the links
in mail that they still have, the random id that these carry beside that hash.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import SQLColumnExpression, delete, func, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from config.bulk import insert
from config.errors import Refused
from subscribers.addresses import normalise
from subscribers.models import ConsentEvent, Erasure, Merge, Reason, Subscriber, Subscription, Suppression
from subscribers.parts import parts
from subscribers.people import nobody
from subscribers.suppression import suppress_hash, suppressions

SOURCE = "erasure"
ERASED = "[erased]"
"""What stands in other people's texts where the address was."""
_TEXTS: tuple[InstrumentedAttribute[str], ...] = (
    ConsentEvent.source,
    ConsentEvent.wording,
    Suppression.source,
    Merge.source,
)


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was erased of a person: `addresses` and what the upper floors held, by its name."""

    addresses: int
    events: int
    mentions: int
    """Texts of other people's that named an address."""
    parts: dict[str, int]


def forgotten_since(session: Session, address: str) -> datetime | None:
    """When somebody with the address was forgotten, if nobody has it now and it is kept out since."""
    wanted = normalise(address)
    if session.scalar(select(Subscriber.id).where(Subscriber.email_key == wanted.key)) is not None:
        return None
    erasures = [one.at for one in suppressions(session, address) if one.reason == Reason.erasure]
    return min(erasures, default=None)


def forget(session: Session, address: str) -> Forgotten:
    """Erase the person at `address`, with every address that was merged into theirs.

    Raises Unknown or Refused for an address that nobody has. All in the session's transaction.
    """
    wanted = normalise(address)
    person = func.coalesce(Subscriber.merged_into_id, Subscriber.id)
    root = session.scalar(select(person).where(Subscriber.email_key == wanted.key))
    if root is None:
        raise Refused(
            f"{nobody(session, wanted)}; to keep an address out that was never here:"
            f" broadside subscribers suppress {wanted.email} --reason erasure"
        )
    rows = session.scalars(select(Subscriber).where(person == root).order_by(Subscriber.id).with_for_update()).all()
    ids = [row.id for row in rows]
    erased = {part.name: part.forget(session, ids) for part in parts()}
    for row in rows:
        _keep_out(session, row)
    # First the subscriptions: whoever is changing one is waited for, and so their event is there to be erased.
    session.execute(delete(Subscription).where(Subscription.subscriber_id.in_(ids)))
    events = _erase_events(session, ids)
    # Merges go with the rows.
    session.execute(delete(Subscriber).where(Subscriber.id.in_(ids)))
    mentions = sum(_erase_mentions(session, text, row) for text in _TEXTS for row in rows)
    return Forgotten(len(rows), events, mentions, erased)


def _keep_out(session: Session, row: Subscriber) -> None:
    erasure = insert(session, Erasure).values(public_id=row.public_id, address_hash=row.address_hash)
    session.execute(erasure.on_conflict_do_nothing())
    suppress_hash(session, row.address_hash, Reason.erasure, source=SOURCE)
    # A complaint outweighs the erasure and stays; who told of it does not.
    session.execute(update(Suppression).where(Suppression.address_hash == row.address_hash).values(source=SOURCE))


def _erase_events(session: Session, ids: Sequence[int]) -> int:
    """The person's events, and those that somebody else had by a merge with them that was undone."""
    merges = select(Merge.id).where(or_(Merge.kept_id.in_(ids), Merge.other_id.in_(ids)))
    theirs = or_(ConsentEvent.subscriber_id.in_(ids), ConsentEvent.merge_id.in_(merges))
    return len(session.scalars(delete(ConsentEvent).where(theirs).returning(ConsentEvent.id)).all())


def _erase_mentions(session: Session, text: InstrumentedAttribute[str], row: Subscriber) -> int:
    """Take an address out of texts, where it stands as it is written or in lower case."""
    names = {row.email, row.email_key}
    named = or_(*(func.replace(text, name, "") != text for name in names))
    cleaned: SQLColumnExpression[str] = text
    for name in names:
        cleaned = func.replace(cleaned, name, ERASED)
    table = text.class_
    key = table.__mapper__.primary_key[0]
    return len(session.execute(update(table).where(named).values({text.key: cleaned}).returning(key)).all())
