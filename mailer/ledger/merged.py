"""People who were merged while a mailing to them was under way: each gets it once, wherever it was to go.

A merge touches no delivery. The claim, which looks at each once more before it is sent, asks here who they are now.
"""

from collections.abc import Iterable, Sequence

from sqlalchemy import ColumnElement, Select, and_, exists, or_, select, update
from sqlalchemy.orm import Session

from mailer.ledger.models import Batch, Delivery
from mailer.ledger.states import State
from mailer.models import Mailing, MailingState
from subscribers.models import Subscriber

ARRIVED = (State.sent, State.uncertain, State.bounced, State.complained)
"""What may lie in somebody's mailbox."""
RUNNING = (MailingState.freezing, MailingState.sending, MailingState.paused)


def hand_over(session: Session, mailing_id: int, deliveries: Iterable[tuple[int, int]]) -> None:
    """Let queued deliveries (seq, the person's id) to former addresses go to the person, who has none of the mailing.

    Where the person has one, or it may have arrived at another address of theirs, the delivery stays as it is.
    """
    for seq, person_id in deliveries:
        theirs = (Delivery.mailing_id == mailing_id, Delivery.seq != seq)
        own = exists().where(*theirs, Delivery.subscriber_id == person_id)
        elsewhere = exists().where(*theirs, Delivery.subscriber_id.in_(_former(person_id)), _may_have_arrived())
        if not session.scalar(select(or_(own, elsewhere))):
            session.execute(
                update(Delivery)
                .where(Delivery.mailing_id == mailing_id, Delivery.seq == seq, Delivery.state == State.queued)
                .values(subscriber_id=person_id)
            )


def reached_elsewhere(session: Session, batch: Batch, seq: int, person_id: int) -> bool:
    """True if the mailing may have arrived at a former address of the person, or is on its way there."""
    found = exists().where(
        Delivery.mailing_id == batch.mailing_id,
        Delivery.seq != seq,
        Delivery.subscriber_id.in_(_former(person_id)),
        _may_have_arrived(),
    )
    return bool(session.scalar(select(found)))


def hold_still(session: Session, subscriber_ids: Sequence[int]) -> None:
    """Wait for claims that are being made of these people's batches, and let none be made until the transaction ends.

    A claim locks its batch before it looks at who people are. So of two claims of one person's deliveries none sees
    the time before the merge while the other, which cannot see the first yet, sees the time after it. The mailing's
    lock comes first, as everywhere: under it batches are made.
    """
    running = select(Mailing.id).where(Mailing.state.in_(RUNNING)).order_by(Mailing.id).with_for_update()
    found = session.execute(
        select(Delivery.mailing_id, Delivery.batch)
        .where(
            Delivery.mailing_id.in_(session.scalars(running).all()),
            Delivery.subscriber_id.in_(subscriber_ids),
            Delivery.state == State.queued,
        )
        .order_by(Delivery.mailing_id, Delivery.batch)
        .distinct()
    )
    for mailing_id, number in found.all():
        session.scalar(
            select(Batch.claim).where(Batch.mailing_id == mailing_id, Batch.number == number).with_for_update()
        )


def _former(person_id: int) -> Select[int]:
    return select(Subscriber.id).where(Subscriber.merged_into_id == person_id)


def _may_have_arrived() -> ColumnElement[bool]:
    in_hand = exists().where(
        Batch.mailing_id == Delivery.mailing_id, Batch.number == Delivery.batch, Batch.state == "claimed"
    )
    return or_(Delivery.state.in_(ARRIVED), and_(Delivery.state == State.queued, in_hand))
