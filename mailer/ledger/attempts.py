"""Attempts at a delivery: where there is more than one, each is kept, with its claim and what came of it."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, insert, select, update
from sqlalchemy.orm import Session

from mailer.ledger.batches import run_of
from mailer.ledger.models import Attempt, Batch, Delivery
from mailer.ledger.states import State, move

NOT_SENT = "not sent: its worker's recorder says so"
"""The reason of what is uncertain still, and waits to be queued again."""

IN_DOUBT = and_(Delivery.state == State.uncertain, Delivery.reason.is_distinct_from(NOT_SENT))
"""True of what may have been sent: what is uncertain, and was not found since to be unsent."""

NO_CLAIM = 0
"""The claim of what is in doubt because the claims that may have sent it are lost."""


def take_up(session: Session, *theirs: ColumnElement[bool], **values: Any) -> None:
    """Queue deliveries again, with `values`. What was attempted once is kept; of what was in doubt the mark stays."""
    keep_first(session, *theirs)
    session.execute(
        update(Delivery)
        .where(*theirs)
        .values(state=State.queued, retry_at=None, was_uncertain=Delivery.was_uncertain | IN_DOUBT, **values)
    )


def take_up_in(session: Session, batch: Batch, states: Mapping[int, str]) -> None:
    """Queue deliveries {seq: state} of a batch again, in the same batch."""
    if not states:
        return
    counts = dict(batch.counts)
    for state, number in Counter(states.values()).items():
        move(counts, state, State.queued, number)
    batch.counts = counts
    take_up(session, run_of(batch), Delivery.seq.in_(states))


def keep_first(session: Session, *theirs: ColumnElement[bool]) -> None:
    """Keep the first attempt at deliveries, whose row is to say something else. The later ones were kept when made."""
    kept = {
        "mailing_id": Delivery.mailing_id,
        "seq": Delivery.seq,
        "number": Delivery.attempts,
        "claim": Delivery.claim,
        "relay_id": Delivery.relay_id,
        "state": Delivery.state,
        "reply": Delivery.reply,
        "at": Delivery.at,
    }
    is_kept = exists().where(
        Attempt.mailing_id == Delivery.mailing_id, Attempt.seq == Delivery.seq, Attempt.number == 1
    )
    session.execute(
        insert(Attempt).from_select(list(kept), select(*kept.values()).where(*theirs, Delivery.attempts == 1, ~is_kept))
    )
