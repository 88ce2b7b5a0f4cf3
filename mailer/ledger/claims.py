"""Claiming a batch: one short commit that says who may send it, and who in it may still be written to."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    Row,
    Text,
    and_,
    bindparam,
    cast,
    exists,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Session, aliased

from config.database import database_time, in_seconds, transaction
from config.settings import settings
from mailer.ledger import recorder, witness
from mailer.ledger.batches import RUN, held_by, read_run
from mailer.ledger.lease import Lease, boot_time
from mailer.ledger.merged import hand_over, reached_elsewhere
from mailer.ledger.models import Batch, ClaimCounter, Delivery
from mailer.ledger.recorder import Recorder
from mailer.ledger.states import Skip, State, counted_as, move
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


# What every batch asks is built once: to build a statement takes longer than to run it.
_LAST_NUMBER = select(ClaimCounter.value)
_NEXT_NUMBER = (
    update(ClaimCounter).where(ClaimCounter.id == 1).values(value=ClaimCounter.value + 1).returning(ClaimCounter.value)
)
_OPEN_BATCH = (
    select(Batch)
    .join(Mailing, Mailing.id == Batch.mailing_id)
    .where(
        Batch.mailing_id == bindparam("mailing_id"),
        Batch.number == bindparam("number"),
        Batch.state == "open",
        Mailing.state == MailingState.sending,
    )
    .with_for_update(of=Batch, skip_locked=True)
)
_other = aliased(Subscriber)
# Not a join, so that the list is looked at only for who is suppressed somewhere.
_purpose = select(List.purpose).where(List.id == Delivery.list_id).correlate(Delivery).scalar_subquery()
_QUEUED = (
    select(
        Delivery.seq,
        Subscriber.merged_into_id,
        exists().where(_other.merged_into_id == Subscriber.id).label("has_merged"),
        exists()
        .where(
            Suppression.address_hash == Subscriber.address_hash,
            or_(Suppression.scope == "", Suppression.scope == _purpose),
        )
        .label("suppressed"),
        Subscription.standing,
        Delivery.subscriber_id,
        Delivery.list_id,
        Delivery.edition_id,
        Subscriber.public_id,
        # As text, for most people have none, and reading so many empty objects would cost a tenth of a claim.
        cast(Subscriber.attributes, Text).label("attributes"),
        *(getattr(Subscriber, name) for name in Recipient._fields if name != "attributes"),
    )
    .select_from(Delivery)
    .outerjoin(Subscriber, Subscriber.id == Delivery.subscriber_id)
    .outerjoin(
        Subscription,
        and_(Subscription.subscriber_id == Delivery.subscriber_id, Subscription.list_id == Delivery.list_id),
    )
    .where(RUN, Delivery.batch == bindparam("number"), Delivery.state == State.queued)
    # Who was tried least comes first: if some messages break every connection, the others go before them.
    .order_by(Delivery.attempts, Delivery.seq)
)
"""A batch's queued deliveries with what their people are and want now."""


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
            witness.check(session.scalar(_LAST_NUMBER) or 0, highest)
            batch = session.scalar(_OPEN_BATCH, {"mailing_id": mailing_id, "number": number})
            if batch is None:
                return None
            now = database_time(session)
            due = _due(session, batch, now)
            claim_number = session.connection().scalar(_NEXT_NUMBER)
            assert claim_number is not None, "the claim counter's row is missing"
            batch.claim = claim_number
            # Also for a claim of nobody: `ledger reconcile` asks what became of each number.
            path = recorder.file_of(state_dir, claim_number)
            recorder_of_claim = Recorder(path, claim_number, mailing_id, number, [one.seq for one in due])
            if due:
                batch.state = "claimed"
                batch.owner = recorder.host_id(state_dir)
                batch.lease_until = in_seconds(now, lease.seconds)
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


def _due(session: Session, batch: Batch, now: datetime) -> list[Due]:
    """The batch's queued deliveries that may be sent; those who left since are skipped here and now."""
    rows = read_run(session, _QUEUED, batch)
    # By place and not by name, here and below: a row's names cost more than all the rest.
    merged = [(row[0], row[1]) for row in rows if row[1]]
    if merged:
        # Each claim takes the counter, so who waits for it here sees what became of the person's other addresses.
        session.execute(select(ClaimCounter.value).with_for_update())
        hand_over(session, batch.mailing_id, merged)
        rows = read_run(session, _QUEUED, batch)
    due: list[Due] = []
    counts = dict(batch.counts)
    confirmed = Standing.confirmed
    for row in rows:
        seq, merged_into, has_merged, suppressed, standing, _, list_id, edition_id, public_id, attributes, *person = row
        if standing != confirmed or suppressed or has_merged or merged_into or person[0] is None:
            list_id, reason = _looked_at_closely(session, batch, row)
            values: dict[str, Any] = {"list_id": list_id}
            if reason is not None:
                move(counts, State.queued, counted_as(State.skipped, reason))
                values = {"state": State.skipped, "reason": reason, "at": now}
            if values != {"list_id": row.list_id}:
                session.execute(
                    update(Delivery)
                    .where(Delivery.mailing_id == batch.mailing_id, Delivery.seq == seq, Delivery.state == State.queued)
                    .values(values)
                )
            if reason is not None:
                continue
        recipient = Recipient._make((*person, {} if attributes == "{}" else json.loads(attributes)))
        due.append(Due(seq, list_id, edition_id, public_id, recipient))
    batch.counts = counts
    return due


def _looked_at_closely(session: Session, batch: Batch, row: Row[*tuple[Any, ...]]) -> tuple[int, Skip | None]:
    """The list by which somebody is written to of whom more is to be known than that they are on it; or why not."""
    if row.merged_into_id or (row.has_merged and reached_elsewhere(session, batch, row.seq, row.subscriber_id)):
        return row.list_id, Skip.merged
    if row.email is None or row.suppressed:
        return row.list_id, Skip.suppressed
    if row.standing == Standing.confirmed:
        return row.list_id, None
    other = _other_subscription(session, batch.mailing_id, row.subscriber_id, row.list_id)
    return (row.list_id, Skip.unsubscribed) if other is None else (other, None)


def _other_subscription(session: Session, mailing_id: int, subscriber_id: int, list_id: int) -> int | None:
    """Another confirmed subscription in the mailing's audience for the same purpose."""
    audience = session.get_one(Mailing, mailing_id).audience
    first = aliased(List)
    return session.scalar(
        select(Subscription.list_id)
        .join(List, List.id == Subscription.list_id)
        .join(first, first.purpose == List.purpose)
        .where(
            first.id == list_id,
            Subscription.subscriber_id == subscriber_id,
            Subscription.standing == Standing.confirmed,
            # A segment reaches people on any list in use.
            List.name.in_(audience.get("lists", [])) if not audience.get("segments") else List.archived_at.is_(None),
        )
        .order_by(List.id)
        .limit(1)
    )
