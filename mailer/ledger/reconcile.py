"""After the database went back in time: what the flight recorders tell, brought into it before anything is sent.

A restored backup does not know of the claims made since. Their recorders do, each on the host that made them: what
they tell is written into the ledger. When the recorder of every missing claim was read, nothing is left to doubt; a
person may also give up on those that are lost, and then all that may have been sent is `uncertain`.
"""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from config.database import transaction
from config.settings import settings
from mailer.ledger import recorder, witness
from mailer.ledger.attempts import NO_CLAIM, NOT_SENT, keep_first
from mailer.ledger.batches import members
from mailer.ledger.late import resolve_late, write_known
from mailer.ledger.models import Batch, ClaimCounter, Delivery, Fact
from mailer.ledger.outcomes import Outcome, outcomes_of, record
from mailer.ledger.recorder import Evidence
from mailer.ledger.states import State
from mailer.models import Mailing, MailingState

READ = "reconcile"
"""The fact that remembers which claims' recorders were read, on whatever host."""

_LAST_CLAIM = select(ClaimCounter.value).where(ClaimCounter.id == 1)


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What a run of `reconcile` found: numbers of claims and deliveries."""

    claims: int
    """Claims that the database did not know, or not the end of."""
    missing: int
    """Of these, how many recorders nobody has read yet; 0 means that sending goes on."""
    resolved: int
    uncertain: int


def reconcile(*, give_up: bool = False) -> Reconciled:
    """Replay this host's recorders; go on when none is missing, or when a person gives up on the missing ones."""
    # One that is still held may be written to after it was read: it counts when its turn is over.
    files = {int(path.name, 16): path for path in recorder.all_files(settings().state_dir) if _is_let_go(path)}
    with transaction() as session:
        knows_all = (session.scalar(_LAST_CLAIM) or 0) >= witness.seen()
    if knows_all:
        # Nothing was claimed since the copy was made, but what was in hand then may have ended.
        with transaction() as session:
            ended = _end_claims_in_hand(session, files)
        return Reconciled(0, 0, ended + _settle_late(files, only_accepted=False), 0)
    resolved = _settle_late(files, only_accepted=True)  # before others may send it again
    with transaction() as session:
        # Who claims locks a batch, then the counter; here it is the other way, but until it is right nobody claims.
        known = session.scalar(_LAST_CLAIM.with_for_update()) or 0
        highest = witness.seen()
        claims = highest - known + _in_hand(session)
        resolved += _end_claims_in_hand(session, files)
        read = set(_claims_read(session))
        for claim in sorted(set(files) - read):
            evidence = recorder.read(files[claim]) if known < claim <= highest else None
            # One whose commit may have failed tells nothing of its number: another host may have it since.
            if evidence is not None and evidence.made:
                resolved += _apply(session, evidence)
                read.add(claim)
        missing = len(set(range(known + 1, highest + 1)) - read) + _in_hand(session)
        uncertain = 0
        if missing and not give_up:
            session.merge(Fact(name=READ, value={"claims": sorted(read)}))
        else:
            if missing:
                uncertain = _doubt_the_rest(session)
            session.execute(update(ClaimCounter).where(ClaimCounter.id == 1).values(value=highest))
            session.merge(Fact(name=READ, value={"claims": []}))
        _close_empty_batches(session)
    if not missing:
        resolved += _settle_late(files, only_accepted=False)
    return Reconciled(claims, 0 if give_up else missing, resolved, uncertain)


def _is_let_go(path: Path) -> bool:
    with recorder.held(path) as dead:
        return dead


def _in_hand(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(Batch).where(Batch.state == "claimed")) or 0


def _claims_read(session: Session) -> list[int]:
    fact = session.get(Fact, READ)
    return list(fact.value["claims"]) if fact else []


def _end_claims_in_hand(session: Session, files: dict[int, Path]) -> int:
    """Batches that were in hand when the backup was made: what became of them their recorders know."""
    resolved = 0
    here = recorder.host_id(settings().state_dir)
    theirs = select(Batch).where(Batch.state == "claimed", Batch.owner == here)
    for batch in session.scalars(theirs.order_by(Batch.mailing_id, Batch.number)).all():
        evidence = recorder.read(files[batch.claim]) if batch.claim in files else None
        if evidence is not None:
            outcomes = outcomes_of(evidence)
            relay_id = evidence.relay_id
            record(session, batch.mailing_id, batch.number, batch.claim, outcomes, relay_id=relay_id)
            resolved += len(outcomes)
    return resolved


def _settle_late(files: dict[int, Path], *, only_accepted: bool) -> int:
    """What was called uncertain when the copy was made, and was settled since by a recorder that is laid aside now.

    `only_accepted`: a claim whose recorder is missing may have sent it since.

    In a transaction each: others send meanwhile, and may have two of these mailings' locks in the other order.
    """
    resolved = 0
    for claim in sorted(files):
        evidence = recorder.read(files[claim])
        if evidence is not None:
            with transaction() as session:
                resolved += resolve_late(session, evidence, only_accepted=only_accepted)
    return resolved


def _apply(session: Session, evidence: Evidence) -> int:
    """Write what an unknown claim did into deliveries that the database still takes for unsent; how many."""
    mailing = session.get(Mailing, evidence.mailing_id)
    if mailing is None:
        return 0
    if mailing.state in (MailingState.draft, MailingState.scheduled, MailingState.freezing):
        # It was frozen and sent after the backup was made. Whom it reached only the recorders know; it must not
        # go to everybody again.
        mailing.state = MailingState.cancelled
        mailing.pause_reason = "it was being sent when the database went back in time"
        return 0
    return write_known(session, mailing.id, outcomes_of(evidence), claim=evidence.claim, relay_id=evidence.relay_id)


def _doubt_the_rest(session: Session) -> int:
    """Call uncertain whatever a lost recorder may have sent: all that waits in an active mailing."""
    active = (MailingState.sending, MailingState.paused)
    batches = session.scalars(
        select(Batch)
        .join(Mailing, Mailing.id == Batch.mailing_id)
        .where(Mailing.state.in_(active))
        .order_by(Batch.mailing_id, Batch.number)
        .with_for_update()
    ).all()
    waits = Delivery.state.in_([State.queued, State.deferred]) | (Delivery.reason == NOT_SENT)
    number = 0
    for batch in batches:
        seqs = session.scalars(select(Delivery.seq).where(members(batch), waits)).all()
        reason = "the database went back in time, and the recorder is lost"
        doubts = [Outcome(seq, State.uncertain, reason=reason) for seq in seqs]
        number += write_known(session, batch.mailing_id, doubts, claim=NO_CLAIM, relay_id=None)
        # That they were refused or not sent no recorder proves any more: a lost claim may have sent them since.
        doubted = members(batch), Delivery.state == State.uncertain, Delivery.claim != NO_CLAIM
        keep_first(session, *doubted)
        session.execute(update(Delivery).where(*doubted).values(claim=NO_CLAIM))
    return number


def _close_empty_batches(session: Session) -> None:
    for batch in session.scalars(select(Batch).where(Batch.state == "open")).all():
        if not batch.counts.get(State.queued):
            batch.state = "done"
