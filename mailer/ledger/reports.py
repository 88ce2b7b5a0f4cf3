"""What happened: sums over batches, instant at a million, and the deliveries one by one."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from mailer.ledger.models import Batch, Delivery
from mailer.ledger.states import State
from mailer.links import list_domain, message_id
from mailer.models import Edition, Mailing, Relay
from subscribers.models import Subscriber


def counts(session: Session, mailing_id: int) -> Counter[str]:
    """Deliveries by state; `claimed` are those of claimed batches, skipped ones stand as `skipped:reason`."""
    total: Counter[str] = Counter()
    for state, batch_counts in session.execute(select(Batch.state, Batch.counts).where(Batch.mailing_id == mailing_id)):
        for name, number in batch_counts.items():
            in_hand = state == "claimed" and name == State.queued
            total[State.claimed if in_hand else name] += number
    return total


def report(session: Session, mailing: Mailing) -> dict[str, Any]:
    """{"mailing", "state", "send_at", "pause_reason", "recipients", "deliveries": {state: n}, "skipped": {reason: n}}.

    `send_at` in ISO 8601, empty for a mailing that has no time.
    """
    total = counts(session, mailing.id)
    prefix = f"{State.skipped}:"
    deliveries = {name: number for name, number in sorted(total.items()) if not name.startswith(prefix)}
    return {
        "mailing": mailing.name,
        "state": str(mailing.state),
        "send_at": mailing.send_at.isoformat() if mailing.send_at else "",
        "pause_reason": mailing.pause_reason,
        "recipients": sum(deliveries.values()),
        "deliveries": deliveries,
        "skipped": {name.removeprefix(prefix): n for name, n in sorted(total.items()) if name.startswith(prefix)},
    }


def sent_by_language(session: Session, mailing_id: int) -> dict[str, int]:
    """How many got each edition, the most first."""
    number = func.count().label("number")
    rows = session.execute(
        select(Edition.language, number)
        .join(Delivery, Delivery.edition_id == Edition.id)
        .where(Delivery.mailing_id == mailing_id, Delivery.state == State.sent)
        .group_by(Edition.language)
        .order_by(number.desc(), Edition.language)
    )
    return {row.language: row.number for row in rows}


def before(*, was_uncertain: bool) -> str:
    """What a delivery was before: "uncertain" if it was and was queued again, otherwise empty.

    So the person may have it twice, or have it although its state says otherwise.
    """
    return str(State.uncertain) if was_uncertain else ""


def deliveries(session: Session, mailing: Mailing, state: str | None = None) -> Iterator[dict[str, Any]]:
    """Deliveries: `delivery, email, state, reason, language, relay, message_id, attempts, before, reply, sent_at`."""
    domain = list_domain(mailing)
    query = (
        select(
            Delivery.seq,
            Subscriber.email,
            Delivery.state,
            Delivery.reason,
            Edition.language,
            Relay.name.label("relay"),
            Delivery.attempts,
            Delivery.was_uncertain,
            Delivery.reply,
            Delivery.at,
            Batch.state.label("batch_state"),
        )
        .select_from(Delivery)
        .outerjoin(Subscriber, Subscriber.id == Delivery.subscriber_id)
        .outerjoin(Edition, Edition.id == Delivery.edition_id)
        .outerjoin(Relay, Relay.id == Delivery.relay_id)
        .join(Batch, and_(Batch.mailing_id == Delivery.mailing_id, Batch.number == Delivery.batch))
        .where(Delivery.mailing_id == mailing.id)
        .order_by(Delivery.seq)
        .execution_options(yield_per=2000)
    )
    if state in (State.queued, State.claimed):
        query = query.where(
            Delivery.state == State.queued,
            Batch.state == "claimed" if state == State.claimed else Batch.state != "claimed",
        )
    elif state:
        query = query.where(Delivery.state == State(state))
    for row in session.execute(query):
        in_hand = row.state == State.queued and row.batch_state == "claimed"
        yield {
            "delivery": f"{mailing.id}-{row.seq}",
            "email": row.email or "",
            "state": str(State.claimed) if in_hand else row.state,
            "reason": row.reason or "",
            "language": row.language or "",
            "relay": row.relay or "",
            "message_id": message_id(mailing.public_id, row.seq, domain),
            "attempts": row.attempts,
            "before": before(was_uncertain=row.was_uncertain),
            "reply": row.reply or "",
            "sent_at": row.at.isoformat() if row.at and row.state == State.sent else "",
        }
