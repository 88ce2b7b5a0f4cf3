"""What becomes of a mailing without anybody's word: due, settled after it was cancelled, finished."""

from sqlalchemy import BindParameter, Exists, bindparam, exists, select, update
from sqlalchemy.orm import Session

from config.database import database_time, reading, transaction
from mailer.ledger.batches import members
from mailer.ledger.models import Batch, Delivery
from mailer.ledger.states import Skip, State, counted_as, move
from mailer.models import Mailing, MailingState

AT_ONCE = 100
"""Batches of a cancelled mailing that are settled in one transaction: more would keep others waiting for seconds."""

_IS_UNBEGUN = (Batch.state != "claimed") & ((Batch.state == "open") | Batch.due_at.is_not(None))
"""True of a batch of which something waits and nothing is in hand."""


def due_mailings() -> list[int]:
    """The mailings whose time to be frozen has come, and those whose freezing was interrupted."""
    with transaction() as session:
        return list(
            session.scalars(
                select(Mailing.id).where(
                    (Mailing.state == MailingState.freezing)
                    | ((Mailing.state == MailingState.scheduled) & (Mailing.send_at <= database_time(session)))
                )
            )
        )


def cancelled_mailings() -> list[int]:
    """The cancelled mailings of which something that was not begun still waits: for `skip_cancelled`."""
    with reading() as session:
        left = select(Mailing.id).join(Batch, Batch.mailing_id == Mailing.id)
        return list(session.scalars(left.where(Mailing.state == MailingState.cancelled, _IS_UNBEGUN).distinct()))


def skip_cancelled(session: Session, mailing_id: int) -> bool:
    """Turn what a cancelled mailing has not begun into `skipped`, so many batches at once; True if more are left.

    Batches in hand follow when they are given back, and what is left is settled by who looks for work.
    """
    now = database_time(session)
    batches = session.scalars(
        select(Batch)
        .where(Batch.mailing_id == mailing_id, _IS_UNBEGUN)
        .order_by(Batch.number)
        .limit(AT_ONCE)
        .with_for_update()
    ).all()
    for batch in batches:
        counts = dict(batch.counts)
        for state in (State.queued, State.deferred):
            if number := counts.get(state, 0):
                move(counts, state, counted_as(State.skipped, Skip.cancelled), number)
        session.execute(
            update(Delivery)
            .where(members(batch), Delivery.state.in_([State.queued, State.deferred]))
            .values(state=State.skipped, reason=str(Skip.cancelled), at=now, retry_at=None)
        )
        batch.counts, batch.state, batch.due_at = counts, "done", None
    return len(batches) == AT_ONCE


def _unfinished(mailing_id: int | BindParameter[int]) -> Exists:
    return exists().where(Batch.mailing_id == mailing_id, (Batch.state != "done") | Batch.due_at.is_not(None))


# Asked after every batch, so it is built once: that takes longer than asking.
_IS_UNFINISHED = select(_unfinished(bindparam("mailing_id")))


def finish(session: Session, mailing_id: int) -> bool:
    """End a mailing of which nothing is queued, claimed or due again; True if that was now."""
    if session.connection().scalar(_IS_UNFINISHED, {"mailing_id": mailing_id}):
        return False  # as after nearly every batch: a lock here would be one commit more for each
    # Batches are added under the lock of the mailing's row: after it, the next statement sees them all.
    session.execute(select(Mailing.id).where(Mailing.id == mailing_id).with_for_update())
    return (
        session.execute(
            update(Mailing)
            .where(Mailing.id == mailing_id, Mailing.state == MailingState.sending, ~_unfinished(mailing_id))
            .values(state=MailingState.finished, finished_at=database_time(session))
            .returning(Mailing.id)
        ).first()
        is not None
    )
