"""Hints that a batch may be sent."""

from collections.abc import Iterable
from time import monotonic

from celery.signals import worker_process_shutdown
from kombu import Connection
from redis import Redis
from sqlalchemy import ColumnElement, select

from config import trouble
from config.database import reading
from mailer.ledger.models import Batch
from mailer.models import Mailing, MailingState
from mailer.sending import close_fleets, send_batch
from tasks.app import app
from tasks.queues import BULK, URGENT

FIRST_WAIT, LONGEST_WAIT = 4.0, 300.0
"""Seconds for which a process leaves a batch alone that failed by a defect of ours: the first time, and at most."""
_failed: dict[tuple[int, int], tuple[float, float]] = {}
"""Such batches: until when, and for how long the next time. Else those of one mailing would keep all others waiting."""


@app.task(name="deliver")
def deliver(mailing_id: int, number: int) -> None:
    """Send one batch; what a turn left of it is hinted at again, behind the others."""
    batch = mailing_id, number
    now = monotonic()
    until, wait = _failed.get(batch, (0.0, FIRST_WAIT))
    if now < until:
        return
    try:
        left = send_batch(*batch)
    except Exception as error:
        if trouble.in_words(error) is None:
            # Those that nobody hints at any more are of mailings that are over.
            for old in [old for old, (until, _) in _failed.items() if now >= until + LONGEST_WAIT]:
                del _failed[old]
            _failed[batch] = monotonic() + wait, min(2 * wait, LONGEST_WAIT)
        raise
    _failed.pop(batch, None)
    if left:
        hint([batch])


@worker_process_shutdown.connect
def _say_quit(**_: object) -> None:
    """Take leave of the relays (RFC 5321, 4.1.1.10): to some a connection that only breaks is a client's fault."""
    close_fleets()


def hint(batches: Iterable[tuple[int, int]]) -> int:
    """Tell the workers of open batches, as (mailing, number); how many of them may be sent now."""
    batches = list(batches)
    with reading() as session:
        urgent = dict(
            session.execute(
                select(Mailing.id, Mailing.urgent).where(
                    Mailing.id.in_({mailing_id for mailing_id, _ in batches}), Mailing.state == MailingState.sending
                )
            ).all()
        )
    hinted = [batch for batch in batches if batch[0] in urgent]
    with app.producer_or_acquire() as producer:
        for batch in hinted:
            deliver.apply_async(args=batch, queue=URGENT if urgent[batch[0]] else BULK, producer=producer)
    return len(hinted)


def hint_mailing(mailing_id: int) -> int:
    """Hint at all of a mailing that waits: it was frozen, resumed or is tried again just now."""
    return hint(_open_batches(Batch.mailing_id == mailing_id))


def hint_forgotten() -> int:
    """Hint at every open batch of a lane whose queue is empty: a queue that was lost loses nothing."""
    with app.connection_for_read() as connection:
        empty = [lane == URGENT for lane in (URGENT, BULK) if not waiting(connection, lane)]
    return hint(_open_batches(Mailing.urgent.in_(empty))) if empty else 0


def _open_batches(condition: ColumnElement[bool]) -> list[tuple[int, int]]:
    with reading() as session:
        rows = session.execute(
            select(Batch.mailing_id, Batch.number)
            .join(Mailing, Mailing.id == Batch.mailing_id)
            .where(Batch.state == "open", Mailing.state == MailingState.sending, condition)
            # A process that is idle takes the first of them; behind it a relay's limit may be spent.
            .order_by(Mailing.urgent.desc(), Batch.mailing_id, Batch.number)
        )
        return [(row.mailing_id, row.number) for row in rows]


def waiting(connection: Connection, queue: str) -> int:
    """How many hints wait in a queue."""
    client: Redis = connection.default_channel.client  # type: ignore[attr-defined]  # Kombu's Redis channel has one
    return int(client.llen(queue))
