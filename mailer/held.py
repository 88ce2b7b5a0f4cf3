"""What the ledger holds of a person, their deliveries: registered with the people's floor."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import and_, case, select, tuple_, update
from sqlalchemy.orm import Session

from mailer.ledger.merged import hold_still
from mailer.ledger.models import Attempt, Batch, Delivery
from mailer.ledger.reports import before
from mailer.ledger.states import State
from mailer.links import list_domain, message_id
from mailer.models import Edition, Mailing
from subscribers import parts
from subscribers.models import List, Subscriber

NOBODY = 0
"""The subscriber of a delivery whose person was forgotten; no subscriber has this id."""
AT_ONCE = 500


def held(session: Session, subscriber_ids: Sequence[int]) -> list[dict[str, Any]]:
    """Each delivery to a person: mailing, title, address, list, language, state, and what is known of it.

    `before` is as in mailer.ledger.reports, the times are in ISO 8601.
    Looks through all deliveries: they have no index by person, which the freeze of a large mailing would pay for.
    """
    rows = session.execute(
        select(Delivery, Mailing, Subscriber.email, List.name, Edition.language, Batch.state)
        .join(Mailing, Mailing.id == Delivery.mailing_id)
        .join(Batch, and_(Batch.mailing_id == Delivery.mailing_id, Batch.number == Delivery.batch))
        .outerjoin(Subscriber, Subscriber.id == Delivery.subscriber_id)
        .outerjoin(List, List.id == Delivery.list_id)
        .outerjoin(Edition, Edition.id == Delivery.edition_id)
        .where(Delivery.subscriber_id.in_(subscriber_ids))
        .order_by(Delivery.mailing_id, Delivery.seq)
    )
    return [
        {
            "mailing": mailing.name,
            "title": mailing.title,
            "delivery": f"{mailing.id}-{delivery.seq}",
            "address": email or "",
            "list": list_name or "",
            "language": language or "",
            "state": str(State.claimed) if delivery.state == State.queued and batch == "claimed" else delivery.state,
            "reason": delivery.reason or "",
            "reply": delivery.reply or "",
            "attempts": delivery.attempts,
            "before": before(was_uncertain=delivery.was_uncertain),
            "message_id": message_id(mailing.public_id, delivery.seq, list_domain(mailing)),
            "at": delivery.at.isoformat() if delivery.at else "",
        }
        for delivery, mailing, email, list_name, language, batch in rows
    ]


def forget(session: Session, subscriber_ids: Sequence[int]) -> int:
    """Make a person's deliveries nobody's, and their servers' words nothing. States and counts stay.

    What is still to be sent is skipped by its claim: nobody gets no mail.
    """
    theirs = Delivery.subscriber_id.in_(subscriber_ids)
    found = session.execute(select(Delivery.mailing_id, Delivery.seq).where(theirs)).all()
    for start in range(0, len(found), AT_ONCE):
        keys = [(row.mailing_id, row.seq) for row in found[start : start + AT_ONCE]]
        session.execute(
            update(Attempt)
            .where(tuple_(Attempt.mailing_id, Attempt.seq).in_(keys))
            .values(reply=None)
            .execution_options(synchronize_session=False)
        )
        session.execute(
            update(Delivery)
            .where(tuple_(Delivery.mailing_id, Delivery.seq).in_(keys))
            .values(
                subscriber_id=NOBODY,
                reply=None,
                # Why somebody was skipped is one of a few words, and counted by them.
                reason=case((Delivery.state == State.skipped, Delivery.reason)),
            )
            .execution_options(synchronize_session=False)
        )
    return len(found)


parts.register(parts.Part("deliveries", held, forget, hold_still))
