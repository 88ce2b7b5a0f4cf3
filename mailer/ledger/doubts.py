"""What is in doubt, and what is kept of a doubt when its delivery is queued again."""

from typing import Any

from sqlalchemy import ColumnElement, and_, insert, select, update
from sqlalchemy.orm import Session

from mailer.ledger.models import Attempt, Delivery
from mailer.ledger.states import State

NOT_SENT = "not sent: its worker's recorder says so"
"""The reason of what is uncertain still, and waits to be queued again."""

IN_DOUBT = and_(Delivery.state == State.uncertain, Delivery.reason.is_distinct_from(NOT_SENT))
"""True of what may have been sent: what is uncertain, and was not found since to be unsent."""


def take_up(session: Session, *theirs: ColumnElement[bool], **values: Any) -> None:
    """Queue deliveries again, with `values`. Of what was in doubt the mark stays, and under which claim it was."""
    kept = {
        "mailing_id": Delivery.mailing_id,
        "seq": Delivery.seq,
        "number": Delivery.attempts,
        "claim": Delivery.claim,
        "relay_id": Delivery.relay_id,
        "state": Delivery.state,
        "at": Delivery.at,
    }
    # Attempts after the first have their row already.
    session.execute(
        insert(Attempt).from_select(list(kept), select(*kept.values()).where(*theirs, IN_DOUBT, Delivery.attempts == 1))
    )
    session.execute(
        update(Delivery)
        .where(*theirs)
        .values(state=State.queued, retry_at=None, was_uncertain=Delivery.was_uncertain | IN_DOUBT, **values)
    )
