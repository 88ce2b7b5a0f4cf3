"""Claiming a batch: one short commit that says who may send it, and who in it may still be written to."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Row, Text, and_, cast, exists, select, update
from sqlalchemy.orm import Session, aliased

from config.database import database_time, in_seconds, transaction
from config.settings import settings
from mailer.ledger import recorder, witness
from mailer.ledger.lease import Lease, boot_time
from mailer.ledger.merged import hand_over, reached_elsewhere
from mailer.ledger.models import Batch, ClaimCounter, Delivery
from mailer.ledger.recorder import Recorder
from mailer.ledger.states import Skip, State, move
from mailer.models import Mailing, MailingState
from mailer.recipient import Recipient
from subscribers.models import List, Standing, Subscriber, Subscription, Suppression


class Due(NamedTuple):
    """One delivery to send now."""

    seq: int
    list_id: int
    edition_id: int
    public_id: str
    recipient: Recipient


_PERSON = tuple(getattr(Subscriber, name) for name in Recipient._fields if name != "attributes")
"""A recipient's fields in their order, but for the attributes."""


@dataclass(slots=True)
class Claim:
    """A batch in hand: nobody else may send it while the lease holds."""

    number: int
    mailing_id: int
    batch: int
    lease: Lease
    recorder: Recorder
    due: list[Due] = field(default_factory=list)


def claim_batch(mailing_id: int, number: int) -> Claim | None:
    """Claim a batch, or None where there is nothing to claim: not open, not due, or its mailing is not sending.

    Raises Unavailable where the database went back in time or Redis cannot vouch that it did not.
    """
    state_dir = settings().state_dir
    asked_at = boot_time()
    lease = Lease(settings().lease_seconds, asked_at)
    recorder_of_claim: Recorder | None = None
    highest = witness.seen()
    try:
        with transaction() as session:
            witness.check(session.scalar(select(ClaimCounter.value)) or 0, highest)
            batch = session.scalar(
                select(Batch)
                .where(Batch.mailing_id == mailing_id, Batch.number == number, Batch.state == "open")
                .with_for_update(skip_locked=True)
            )
            mailing = session.get(Mailing, mailing_id)
            if batch is None or mailing is None or mailing.state != MailingState.sending:
                return None
            due = _due(session, mailing, batch)
            claim_number = _next_number(session)
            batch.claim = claim_number
            # Also for a claim of nobody: `ledger reconcile` asks what became of each number.
            path = recorder.file_of(state_dir, claim_number)
            recorder_of_claim = Recorder(path, claim_number, mailing_id, number, [one.seq for one in due])
            if due:
                batch.state = "claimed"
                batch.owner = recorder.host_id(state_dir)
                batch.lease_until = in_seconds(database_time(session), lease.seconds)
            else:
                batch.state = "done"
        recorder_of_claim.mark_made()
        witness.note(claim_number)
    except BaseException:
        # Whether a failed commit took place nobody knows. If it did, the claim stands until its lease ends, and
        # then everything is given back: the recorder, unlocked now, says that nothing was begun.
        if recorder_of_claim is not None:
            recorder_of_claim.close()
        raise
    if not due:
        recorder_of_claim.mark_recorded()
        recorder_of_claim.close()
        return None
    return Claim(claim_number, mailing_id, number, lease, recorder_of_claim, due)


def renew(claim: Claim) -> None:
    """Ask the database for another lease; without one, the claim's lease says so."""
    asked_at = boot_time()
    with transaction() as session:
        granted = session.execute(
            update(Batch)
            .where(*held_by(claim.mailing_id, claim.batch, claim.number))
            .values(lease_until=in_seconds(database_time(session), claim.lease.seconds))
            .returning(Batch.claim)
        ).first()
    if granted:
        claim.lease.renewed(asked_at)
    else:
        claim.lease.lost()


def held_by(mailing_id: int, batch: int, claim: int) -> tuple[ColumnElement[bool], ...]:
    """The fence: true of the batch only while this very claim holds it."""
    return (
        Batch.mailing_id == mailing_id,
        Batch.number == batch,
        Batch.claim == claim,
        Batch.state == "claimed",
    )


def members(batch: Batch) -> ColumnElement[bool]:
    """True of the deliveries of a batch: by the primary key's range, so that no index on the batch is needed.

    Some of its run may be in later batches by now.
    """
    # The range also where the numbers are known: before its first statistics PostgreSQL would read the whole mailing.
    run: ColumnElement[bool] = Delivery.seq.between(batch.first_seq, batch.last_seq)
    if batch.seqs:
        run &= Delivery.seq.in_(batch.seqs)
    return and_(Delivery.mailing_id == batch.mailing_id, run, Delivery.batch == batch.number)


def _next_number(session: Session) -> int:
    number = session.scalar(
        update(ClaimCounter)
        .where(ClaimCounter.id == 1)
        .values(value=ClaimCounter.value + 1)
        .returning(ClaimCounter.value)
    )
    assert number is not None, "the claim counter's row is missing"
    return int(number)


def _due(session: Session, mailing: Mailing, batch: Batch) -> list[Due]:
    """The batch's queued deliveries that may be sent; those who left since are skipped here and now."""
    rows = _queued(session, batch)
    if any(row.merged_into_id for row in rows):
        hand_over(session, mailing.id, [(row.seq, row.merged_into_id) for row in rows if row.merged_into_id])
        rows = _queued(session, batch)
    due: list[Due] = []
    now = database_time(session)
    counts = dict(batch.counts)
    for row in rows:
        list_id, reason = row.list_id, _reason(session, batch, row)
        if reason is Skip.unsubscribed:
            other = _other_subscription(session, mailing, row.subscriber_id, row.purpose)
            if other is not None:
                list_id, reason = other, None
        if reason is None:
            due.append(_due_of(row, list_id))
            values: dict[str, Any] = {"list_id": list_id}
        else:
            move(counts, State.queued, f"{State.skipped}:{reason}")
            values = {"state": State.skipped, "reason": reason, "at": now}
        if reason is not None or list_id != row.list_id:
            session.execute(
                update(Delivery)
                .where(Delivery.mailing_id == mailing.id, Delivery.seq == row.seq, Delivery.state == State.queued)
                .values(values)
            )
    batch.counts = counts
    return due


def _queued(session: Session, batch: Batch) -> Sequence[Row[*tuple[Any, ...]]]:
    """The batch's queued deliveries with what their people are and want now."""
    suppressed = exists().where(
        Suppression.address_hash == Subscriber.address_hash,
        Suppression.scope.in_(["", List.purpose]),
    )
    other = aliased(Subscriber)
    return session.execute(
        select(
            *_PERSON,
            Delivery.seq,
            Delivery.subscriber_id,
            Delivery.list_id,
            Delivery.edition_id,
            Subscriber.public_id,
            # As text, for most people have none, and reading so many empty objects would cost a tenth of a claim.
            cast(Subscriber.attributes, Text).label("attributes"),
            Subscription.standing,
            List.purpose,
            suppressed.label("suppressed"),
            Subscriber.merged_into_id,
            exists().where(other.merged_into_id == Subscriber.id).label("has_merged"),
        )
        .select_from(Delivery)
        .outerjoin(Subscriber, Subscriber.id == Delivery.subscriber_id)
        .outerjoin(
            Subscription,
            and_(Subscription.subscriber_id == Delivery.subscriber_id, Subscription.list_id == Delivery.list_id),
        )
        .outerjoin(List, List.id == Delivery.list_id)
        .where(members(batch), Delivery.state == State.queued)
        .order_by(Delivery.seq)
    ).all()


def _reason(session: Session, batch: Batch, row: Row[*tuple[Any, ...]]) -> Skip | None:
    if row.merged_into_id or (row.has_merged and reached_elsewhere(session, batch, row.seq, row.subscriber_id)):
        return Skip.merged
    if row.email is None or row.suppressed:
        return Skip.suppressed
    if row.standing != Standing.confirmed:
        return Skip.unsubscribed
    return None


def _due_of(row: Row[*tuple[Any, ...]], list_id: int) -> Due:
    # By place and not by name: a row's names cost more than all the rest of this.
    attributes = {} if row.attributes == "{}" else json.loads(row.attributes)
    recipient = Recipient._make((*row[: len(_PERSON)], attributes))
    return Due(row.seq, list_id, row.edition_id, row.public_id, recipient)


def _other_subscription(session: Session, mailing: Mailing, subscriber_id: int, purpose: str) -> int | None:
    """Another confirmed subscription in the mailing's audience for the same purpose."""
    names = mailing.audience.get("lists", [])
    return session.scalar(
        select(Subscription.list_id)
        .join(List, List.id == Subscription.list_id)
        .where(
            Subscription.subscriber_id == subscriber_id,
            Subscription.standing == Standing.confirmed,
            List.purpose == purpose,
            # A segment reaches people on any list in use.
            List.name.in_(names) if not mailing.audience.get("segments") else List.archived_at.is_(None),
        )
        .order_by(List.id)
        .limit(1)
    )
