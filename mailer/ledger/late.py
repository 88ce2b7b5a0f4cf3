"""Evidence that comes after its claim was ended or forgotten: it resolves what is in doubt."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, exists, select, update
from sqlalchemy.orm import Session

from config.database import database_time
from mailer.ledger.attempts import IN_DOUBT, NO_CLAIM, NOT_SENT, take_up_in
from mailer.ledger.batches import next_retry
from mailer.ledger.models import Attempt, Batch, Delivery
from mailer.ledger.outcomes import Outcome, only_count, outcomes_of, write
from mailer.ledger.recorder import Evidence, Step
from mailer.ledger.states import REACHED, UNDECIDED, State, counted_as, move
from mailer.models import Mailing, MailingState


def resolve_late(session: Session, evidence: Evidence, *, only_accepted: bool = False) -> int:
    """Let evidence that comes after its claim was ended resolve what that left in doubt; how many it did.

    A finished mailing goes on if some of it is to be sent after all. `only_accepted`: others may have sent the same
    since of whom nothing is known, so that it was accepted is all that is sure.
    """
    outcomes = outcomes_of(evidence)
    resolved = _resolve_uncertain(session, evidence, outcomes, only_accepted=only_accepted)
    resolved += _resolve_what_went_on(session, evidence, outcomes)
    _count_what_was_decided(session, evidence, outcomes)
    return resolved


def _resolve_uncertain(
    session: Session, evidence: Evidence, outcomes: Sequence[Outcome], *, only_accepted: bool
) -> int:
    """What is uncertain still: whatever its recorder tells is what became of it."""
    theirs = (
        Delivery.mailing_id == evidence.mailing_id,
        Delivery.seq.in_([entry.seq for entry in evidence.entries]),
        Delivery.claim == evidence.claim,
        IN_DOUBT,
    )
    # Trustworthy or not: silence resolves nothing here, and a reply is a reply.
    sure = {State.sent} if only_accepted else {State.sent, State.deferred, State.failed}
    known = {outcome.seq: outcome for outcome in outcomes if outcome.state in sure}
    # That nothing was sent proves something only of a claim that was made.
    proves = evidence.made and evidence.trustworthy and not only_accepted
    untouched = {entry.seq for entry in evidence.entries if proves and entry.step is Step.not_begun}
    resolved = 0
    for mailing, batch in _batches_with(session, evidence.mailing_id, theirs):
        rows = session.execute(
            select(Delivery.seq, Delivery.attempts, Delivery.deferred_since).where(
                *theirs, Delivery.batch == batch.number
            )
        )
        # An attempt was counted when it became uncertain, and is the same one still: it is taken back first.
        old = {row.seq: (row.attempts - 1, row.deferred_since) for row in rows}
        now_known = [known[seq] for seq in old if seq in known]
        session.execute(
            update(Delivery)
            .where(Delivery.mailing_id == evidence.mailing_id, Delivery.seq.in_([one.seq for one in now_known]))
            .values(attempts=Delivery.attempts - 1)
        )
        write(session, batch, State.uncertain, evidence.claim, now_known, old, evidence.relay_id, recorder_read=True)
        never_sent = [seq for seq in old if seq in untouched]
        if never_sent:
            _queue_again(session, mailing, batch, never_sent)
        resolved += len(now_known) + len(never_sent)
    return resolved


def _resolve_what_went_on(session: Session, evidence: Evidence, outcomes: Sequence[Outcome]) -> int:
    """What was in doubt and was queued again: that the attempt in doubt was accepted is the last word on it.

    So it is on what is in doubt because this claim was given up as lost.
    """
    accepted = {outcome.seq: outcome for outcome in outcomes if outcome.state is State.sent}
    was_attempted = exists().where(
        Attempt.mailing_id == Delivery.mailing_id, Attempt.seq == Delivery.seq, Attempt.claim == evidence.claim
    )
    theirs = (
        Delivery.mailing_id == evidence.mailing_id,
        Delivery.seq.in_(accepted),
        Delivery.state.not_in(REACHED),
        was_attempted | (IN_DOUBT & (Delivery.claim == NO_CLAIM)),
    )
    resolved = 0
    for _, batch in _batches_with(session, evidence.mailing_id, theirs):
        rows = session.execute(
            select(Delivery.seq, Delivery.state, Delivery.reason).where(*theirs, Delivery.batch == batch.number)
        )
        counted: defaultdict[str, list[Outcome]] = defaultdict(list)
        for row in rows:
            state = State.claimed if row.state == State.queued else counted_as(row.state, row.reason)
            # That attempt was counted when it was in doubt.
            counted[state].append(accepted[row.seq]._replace(was_attempted=False))
        for state, group in counted.items():
            write(session, batch, state, evidence.claim, group, {}, evidence.relay_id, recorder_read=True)
            resolved += len(group)
        if batch.state == "open" and not batch.counts.get(State.queued):
            batch.state = "done"
    return resolved


def _count_what_was_decided(session: Session, evidence: Evidence, outcomes: Sequence[Outcome]) -> None:
    """What an earlier claim's acceptance decided while this one sent it again, and another ended this one."""
    begun = {outcome.seq: outcome for outcome in outcomes if evidence.made}
    theirs = (
        Delivery.mailing_id == evidence.mailing_id,
        Delivery.seq.in_(begun),
        Delivery.state.in_(REACHED),
        Delivery.claim < evidence.claim,
    )
    for _, batch in _batches_with(session, evidence.mailing_id, theirs):
        rows = session.execute(select(Delivery.seq, Delivery.attempts).where(*theirs, Delivery.batch == batch.number))
        attempts = {row.seq: row.attempts for row in rows}
        only_count(session, batch, evidence.claim, [begun[seq] for seq in attempts], attempts, evidence.relay_id)


def _queue_again(session: Session, mailing: Mailing, batch: Batch, seqs: Sequence[int]) -> None:
    """What is uncertain and is known now not to have been sent: it may be queued again at once, and was no attempt."""
    changed: dict[str, Any] = {"attempts": Delivery.attempts - 1, "reason": NOT_SENT}
    if mailing.state == MailingState.cancelled:  # nothing of it is regrouped: it is skipped with what else is queued
        counts = dict(batch.counts)
        move(counts, State.uncertain, State.queued, len(seqs))
        batch.counts = counts
        batch.state = "open" if batch.state == "done" else batch.state
        changed |= {"state": State.queued, "retry_at": None}
    else:
        changed["retry_at"] = database_time(session)
    session.execute(update(Delivery).where(Delivery.mailing_id == mailing.id, Delivery.seq.in_(seqs)).values(changed))


def write_known(
    session: Session, mailing_id: int, outcomes: Sequence[Outcome], *, claim: int, relay_id: int | None
) -> int:
    """Write outcomes of a claim that the database forgot, where it knows of none as late; how many.

    What failed or was uncertain may have been tried again since, so what is known of a later claim takes its place.
    That it was accepted takes any's, and so does the doubt for the sake of lost claims. What takes no place was an
    attempt all the same.
    """
    known = {outcome.seq: outcome for outcome in outcomes}
    theirs = Delivery.mailing_id == mailing_id, Delivery.seq.in_(known), Delivery.state != State.skipped
    written = 0
    for _, batch in _batches_with(session, mailing_id, theirs):
        rows = session.execute(
            select(Delivery.seq, Delivery.state, Delivery.claim, Delivery.attempts, Delivery.deferred_since).where(
                *theirs, Delivery.batch == batch.number
            )
        ).all()
        again = {
            row.seq: row.state
            for row in rows
            if row.state in UNDECIDED and (row.claim < claim or claim == NO_CLAIM or known[row.seq].state is State.sent)
        }
        take_up_in(session, batch, again)
        old = {
            row.seq: (row.attempts, row.deferred_since) for row in rows if row.state == State.queued or row.seq in again
        }
        write(session, batch, State.claimed, claim, [known[seq] for seq in old], old, relay_id, recorder_read=True)
        decided = {row.seq: row.attempts for row in rows if row.seq not in old}
        only_count(session, batch, claim, [known[seq] for seq in decided], decided, relay_id)
        written += len(old)
    return written


def _batches_with(
    session: Session, mailing_id: int, theirs: Sequence[ColumnElement[bool]]
) -> Iterator[tuple[Mailing, Batch]]:
    """The batches of some deliveries with their mailing, locked, one by one to be changed. Go through all of them.

    The mailing goes on if it was finished and a batch, as it comes back, has something to be sent again.
    """
    numbers = select(Delivery.batch).where(*theirs).distinct().order_by(Delivery.batch)
    if session.scalar(numbers.limit(1)) is None:
        return  # and nobody's lock is waited for in vain
    mailing = session.get_one(Mailing, mailing_id, with_for_update=True)
    for number in session.scalars(numbers).all():
        batch = session.scalars(
            select(Batch).where(Batch.mailing_id == mailing_id, Batch.number == number).with_for_update()
        ).one()
        yield mailing, batch
        # Of what waited to be sent again some is decided now, and the mailing need not wait for it.
        batch.due_at = next_retry(session, batch)
        if batch.due_at is not None and mailing.state == MailingState.finished:
            mailing.state, mailing.finished_at = MailingState.sending, None
