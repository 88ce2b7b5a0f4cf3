"""What is left behind by a process that died, slept too long or never came back, brought into the ledger."""

import logging
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from config import trouble
from config.database import database_time, reading, transaction
from config.settings import settings
from mailer.ledger import recorder
from mailer.ledger.batches import held_by, members
from mailer.ledger.late import resolve_late
from mailer.ledger.lease import GRACE
from mailer.ledger.models import Batch, Delivery
from mailer.ledger.outcomes import Outcome, outcomes_of, record
from mailer.ledger.recorder import Evidence
from mailer.ledger.states import State

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Recovered:
    """A batch whose claim was ended for its holder."""

    mailing_id: int
    batch: int


class _OverdueLease(NamedTuple):
    mailing_id: int
    batch: int
    claim: int
    lease_until: datetime


_first_seen: dict[_OverdueLease, float] = {}
"""When this process first saw each lease that is over now, in seconds of the monotonic clock."""


def recover_host() -> list[Recovered]:
    """Settle every recorder of this host that nobody holds: its process is dead, and its file is the whole truth."""
    recovered = []
    for path in recorder.open_files(settings().state_dir):
        with recorder.held(path) as dead:
            if not dead:
                continue
            evidence = recorder.read(path)
            with trouble.keeps_no_other_waiting(log, "recorder %s cannot be settled", path.name):
                # One that cannot be read lost its pages when the power failed: its claim, if made, ends with its lease.
                if evidence is not None and settle(evidence):
                    recorder.mark_made(path)
                    recovered.append(Recovered(evidence.mailing_id, evidence.batch))
                recorder.close_file(path)
    return recovered


def settle(evidence: Evidence) -> bool:
    """Record what a recorder tells, while its claim holds or late; True if it ended a claim."""
    with transaction() as session:
        outcomes = outcomes_of(evidence)
        theirs = evidence.mailing_id, evidence.batch, evidence.claim
        # If our commit of this claim failed, another host may have made one of the same number since.
        owner = session.scalar(select(Batch.owner).where(*held_by(*theirs)))
        ended = False
        if owner == recorder.host_id(settings().state_dir):
            ended = record(session, *theirs, outcomes, relay_id=evidence.relay_id)
    late = 0
    if not ended:
        with transaction() as session:  # another one: a batch that was waited for above stays locked
            late = resolve_late(session, evidence)
    if ended or late:
        log.warning(
            "recovered claim %d of mailing %d, batch %d: %d outcomes",
            evidence.claim,
            evidence.mailing_id,
            evidence.batch,
            len(outcomes) if ended else late,
        )
    return ended


def expire_claims() -> list[Recovered]:
    """End the claims whose lease is over and whose holder had its grace: asleep, cut off or gone for good."""
    with reading() as session:
        over = Batch.state == "claimed", Batch.lease_until < database_time(session)
        late = session.execute(select(Batch.mailing_id, Batch.number, Batch.claim, Batch.lease_until).where(*over))
        leases = {_OverdueLease._make(row) for row in late}
    recovered = []
    for mailing_id, number, claim, lease_until in _out_of_grace(leases):
        one = *held_by(mailing_id, number, claim), Batch.lease_until == lease_until
        with trouble.keeps_no_other_waiting(log, "mailing %d, batch %d: its claim cannot be ended", mailing_id, number):
            with transaction() as session:
                # Since it was seen it may have been renewed, ended or claimed anew.
                batch = session.scalar(select(Batch).where(*one).with_for_update(skip_locked=True))
                if batch is None:
                    continue
                _expire(session, batch)
            recovered.append(Recovered(mailing_id, number))
    return recovered


def _out_of_grace(leases: set[_OverdueLease]) -> list[_OverdueLease]:
    """Those that were over already when this process saw them a grace ago.

    It is counted by our own clock, for the database's may be put forward, and all leases are over at once. Who lives
    renews meanwhile.
    """
    now = monotonic()
    for gone in _first_seen.keys() - leases:
        del _first_seen[gone]
    grace = settings().lease_seconds * GRACE
    return sorted(lease for lease in leases if now - _first_seen.setdefault(lease, now) >= grace)


def _expire(session: Session, batch: Batch) -> None:
    state_dir = settings().state_dir
    evidence = None
    if batch.owner == recorder.host_id(state_dir):
        evidence = recorder.of_claim(state_dir, batch.claim)
    if evidence is not None:
        # Its process is alive but late; what a dead one left is settled before. It looks at its lease once more
        # between marking an end and sending it, so a message that is not marked now will not be sent.
        outcomes, relay_id = outcomes_of(evidence), evidence.relay_id
    else:
        seqs = session.scalars(select(Delivery.seq).where(members(batch), Delivery.state == State.queued))
        reason = "its worker's host did not come back"
        outcomes, relay_id = [Outcome(seq, State.uncertain, reason=reason) for seq in seqs], None
    log.warning("claim %d of mailing %d, batch %d expired", batch.claim, batch.mailing_id, batch.number)
    record(
        session,
        batch.mailing_id,
        batch.number,
        batch.claim,
        outcomes,
        relay_id=relay_id,
        recorder_read=False,  # not to its end: who is late may hear a reply yet
    )
