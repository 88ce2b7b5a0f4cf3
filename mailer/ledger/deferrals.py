"""What is due again: few deliveries of many batches regrouped into new ones, most of a batch in the batch itself."""

import logging
from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from config import trouble
from config.database import database_time, reading, transaction
from config.settings import settings
from mailer.ledger.attempts import take_up, take_up_in
from mailer.ledger.batches import members
from mailer.ledger.models import Batch, Delivery
from mailer.ledger.states import State, check, take_out
from mailer.models import Mailing, MailingState

log = logging.getLogger(__name__)

AT_ONCE = 500
"""Batches looked into in one transaction."""


def regroup_due() -> list[tuple[int, int]]:
    """Queue again every delivery whose time has come; the batches that are open for it as (mailing, number)."""
    made: list[tuple[int, int]] = []
    with reading() as session:
        now = database_time(session)
        mailings = session.scalars(
            select(Batch.mailing_id)
            .join(Mailing, Mailing.id == Batch.mailing_id)
            .where(Mailing.state == MailingState.sending, Batch.due_at <= now, Batch.state == "done")
            .distinct()
        ).all()
    for mailing_id in mailings:
        with trouble.keeps_no_other_waiting(log, "mailing %d cannot be regrouped", mailing_id):
            with transaction() as session:
                numbers = _regroup(session, mailing_id)
            made += [(mailing_id, number) for number in numbers]
    return made


def queue_again(
    session: Session, mailing_id: int, found: dict[int, list[tuple[int, State]]], *, anew: bool = False
) -> list[int]:
    """Move deliveries {old batch: [(seq, state)]} into new open batches; `anew`: their deadline begins once more.

    The caller has locked the mailing's row, under whose lock its batches' numbers are given out, and then the old
    batches: always in this order.
    """
    seqs: list[int] = []
    for batch_number, deliveries in found.items():
        batch = session.get_one(Batch, (mailing_id, batch_number))
        counts = dict(batch.counts)
        for state, number in Counter(state for _, state in deliveries).items():
            check(state, State.queued)
            take_out(counts, state, number)
        seqs += [seq for seq, _ in deliveries]
        batch.counts = counts
    last = session.scalar(select(func.max(Batch.number)).where(Batch.mailing_id == mailing_id)) or 0
    made = []
    for number, group in enumerate(_groups(sorted(seqs)), start=last + 1):
        batch = Batch(mailing_id=mailing_id, number=number, first_seq=group[0], last_seq=group[-1], seqs=group)
        batch.counts = {State.queued: len(group)}
        session.add(batch)
        _queue(session, mailing_id, group, number, anew=anew)
        made.append(number)
    return made


def _groups(seqs: list[int]) -> Iterator[list[int]]:
    size = settings().batch_size
    for start in range(0, len(seqs), size):
        yield seqs[start : start + size]


def _regroup(session: Session, mailing_id: int) -> list[int]:
    mailing = session.get_one(Mailing, mailing_id, with_for_update=True)
    if mailing.state != MailingState.sending:
        return []
    now = database_time(session)
    batches = session.scalars(
        select(Batch)
        .where(Batch.mailing_id == mailing_id, Batch.due_at <= now, Batch.state == "done")
        .order_by(Batch.number)
        .limit(AT_ONCE)
        .with_for_update(skip_locked=True)
    ).all()
    found: dict[int, list[tuple[int, State]]] = {}
    opened: list[int] = []
    for batch in batches:
        rows = session.execute(
            select(Delivery.seq, Delivery.state, Delivery.retry_at)
            .where(members(batch), Delivery.retry_at.is_not(None))
            .order_by(Delivery.seq)
        ).all()
        due = [(row.seq, State(row.state)) for row in rows if row.retry_at <= now]
        batch.due_at = _earliest([row.retry_at for row in rows if row.retry_at > now])
        if 2 * len(due) >= settings().batch_size:
            # Worth a turn of its own: a dead relay defers whole batches, again and again.
            _open_again(session, batch, due)
            opened.append(batch.number)
        elif due:
            found[batch.number] = due
    return opened + (queue_again(session, mailing_id, found) if found else [])


def _open_again(session: Session, batch: Batch, deliveries: list[tuple[int, State]]) -> None:
    """Queue a batch's deliveries again in the batch itself: they are so many that they need no other."""
    take_up_in(session, batch, dict(deliveries))
    batch.state = "open"


def _queue(session: Session, mailing_id: int, seqs: list[int], batch: int, *, anew: bool = False) -> None:
    """`anew`: their deadline begins again."""
    theirs = Delivery.mailing_id == mailing_id, Delivery.seq.between(seqs[0], seqs[-1]), Delivery.seq.in_(seqs)
    take_up(session, *theirs, batch=batch, **({"deferred_since": None} if anew else {}))


def _earliest(moments: list[datetime]) -> datetime | None:
    return min(moments) if moments else None
