"""From what the recorder knows to what the ledger says: each delivery's outcome, recorded in one commit a batch."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import and_, bindparam, func, insert, literal, not_, or_, select, update
from sqlalchemy.orm import Session

from config.bulk import update_texts
from config.database import UtcTime, database_time, in_seconds
from config.settings import settings
from mailer.ledger.attempts import keep_first, take_up_in
from mailer.ledger.batches import RUN, held_by, read_run, run_of
from mailer.ledger.models import Attempt, Batch, Delivery
from mailer.ledger.recorder import Entry, Evidence, Step
from mailer.ledger.states import UNDECIDED, State, move
from mailer.models import Mailing, OnUncertain

LONGEST_WAIT = 1800.0
"""Seconds: the longest pause between two attempts at one delivery."""
RECORDER_LOST_WAIT = 3600.0
"""Seconds until an uncertain delivery is sent again though its owner's recorder was not read."""

Before = tuple[int, datetime | None]
"""What was known of a delivery before: how often it was attempted, and since when it is deferred."""
_AS_FROZEN: Before = 0, None

_HELD = (
    select(Batch).where(*held_by(bindparam("mailing_id"), bindparam("number"), bindparam("claim"))).with_for_update()
)
_is_queued = and_(Delivery.batch == bindparam("number"), Delivery.state == State.queued)
_NOT_AS_FROZEN = select(Delivery.seq, Delivery.batch, Delivery.state, Delivery.attempts, Delivery.deferred_since).where(
    RUN, or_(not_(_is_queued), Delivery.attempts > 0, Delivery.deferred_since.is_not(None))
)
"""Of a batch's run all but what it queued for the first time, which is nearly all: that need not be read."""


class Outcome(NamedTuple):
    """What a batch's end says of one delivery. `reason` is what we know beyond the server's reply."""

    seq: int
    state: State
    reply: str | None = None
    reason: str | None = None
    was_attempted: bool = True
    retry_at: datetime | None = None
    """Of a deferred one: when to try again, where that is not for the usual schedule to say."""


def outcome_of(entry: Entry, *, trustworthy: bool = True) -> Outcome | None:
    """The outcome that a recorder's entry tells; None for a message that was not begun.

    Of a recorder that is not `trustworthy` (see Evidence) what it calls not begun may have been sent all the same.
    """
    if entry.step is Step.replied:
        reply = f"{entry.code} {entry.words}".strip()
        if 200 <= entry.code < 300:
            return Outcome(entry.seq, State.sent, reply)
        return Outcome(entry.seq, State.deferred if 400 <= entry.code < 500 else State.failed, reply)
    if entry.step is Step.end_sent:
        return Outcome(entry.seq, State.uncertain, reason="the end was sent, and no answer came")
    return None if trustworthy else Outcome(entry.seq, State.uncertain, reason="the host restarted in mid-batch")


def outcomes_of(evidence: Evidence) -> list[Outcome]:
    """The outcomes that a recorder tells, of those messages that were begun."""
    trustworthy = evidence.trustworthy
    found = (outcome_of(entry, trustworthy=trustworthy) for entry in evidence.entries)
    return [outcome for outcome in found if outcome is not None]


def record(
    session: Session,
    mailing_id: int,
    number: int,
    claim: int,
    outcomes: Sequence[Outcome],
    *,
    relay_id: int | None,
    recorder_read: bool = True,
) -> bool:
    """Write a claimed batch's outcomes and end the claim; what has none is given back and stays queued.

    False, and nothing written, where the claim does not hold the batch any more.
    """
    batch = session.scalar(_HELD, {"mailing_id": mailing_id, "number": number, "claim": claim})
    if batch is None:
        return False
    known = {outcome.seq: outcome for outcome in outcomes}
    old: dict[int, Before] = {}
    again: dict[int, str] = {}
    decided: dict[int, int] = {}
    for row in read_run(session, _NOT_AS_FROZEN, batch):
        of_batch = row.batch == number
        if of_batch and row.state == State.queued:
            old[row.seq] = row.attempts, row.deferred_since
        elif row.seq not in known:
            continue
        elif of_batch and row.state in UNDECIDED and known[row.seq].state is State.sent:
            # Decided by a reconciliation, from a later claim's recorder: that it was accepted is the last word.
            old[row.seq], again[row.seq] = (row.attempts, row.deferred_since), row.state
        else:
            decided[row.seq] = row.attempts
    take_up_in(session, batch, again)
    only_count(session, batch, claim, [known.pop(seq) for seq in decided], decided, relay_id)
    write(session, batch, State.claimed, claim, list(known.values()), old, relay_id, recorder_read)
    batch.state = "open" if batch.counts.get(State.queued) else "done"
    batch.owner, batch.lease_until = "", None
    return True


def only_count(
    session: Session,
    batch: Batch,
    claim: int,
    outcomes: Sequence[Outcome],
    attempts: Mapping[int, int],
    relay_id: int | None,
) -> None:
    """Count attempts at what was decided without them, for another's outcome was known first.

    `attempts`: how many there were of each. Who was reached twice by this, or may have been, is marked. What of it
    was counted before is not counted again.
    """
    if not outcomes:
        return
    theirs = Attempt.mailing_id == batch.mailing_id, Attempt.seq.in_(attempts), Attempt.claim == claim
    counted = set(session.scalars(select(Attempt.seq).where(*theirs)))
    made = [
        {"seq": outcome.seq, "number": attempts[outcome.seq] + 1, "state": outcome.state, "reply": outcome.reply}
        for outcome in outcomes
        if outcome.was_attempted and outcome.seq not in counted
    ]
    if not made:
        return
    them = run_of(batch), Delivery.seq.in_([attempt["seq"] for attempt in made])
    keep_first(session, *them)
    same = {"mailing_id": batch.mailing_id, "claim": claim, "relay_id": relay_id, "at": database_time(session)}
    session.execute(insert(Attempt), [{**attempt, **same} for attempt in made])
    twice = [attempt["seq"] for attempt in made if attempt["state"] in (State.sent, State.uncertain)]
    session.execute(
        update(Delivery)
        .where(*them)
        .values(attempts=Delivery.attempts + 1, was_uncertain=Delivery.was_uncertain | Delivery.seq.in_(twice))
    )


def write(
    session: Session,
    batch: Batch,
    from_state: str,
    claim: int,
    outcomes: Sequence[Outcome],
    old: Mapping[int, Before],
    relay_id: int | None,
    recorder_read: bool,
) -> None:
    """Write outcomes of what a batch counts as `from_state`; who is not in `old` was never attempted before."""
    now = database_time(session)
    if any(outcome.state is not State.sent for outcome in outcomes):
        mailing = session.get_one(Mailing, batch.mailing_id)
        outcomes = [_on_terms(outcome, mailing, old, now, recorder_read) for outcome in outcomes]
    # Of most batches all are alike but for the reply: what is alike is one statement, in which it travels once.
    alike: defaultdict[tuple[State, str | None, bool, datetime | None], list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        alike[outcome.state, outcome.reason, outcome.was_attempted, outcome.retry_at].append(outcome)
    # A claimed delivery's row says queued; the table of transitions knows it as claimed.
    stored = State.queued if from_state == State.claimed else from_state.partition(":")[0]
    theirs = run_of(batch), Delivery.state == stored
    counts = dict(batch.counts)
    for (state, reason, was_attempted, retry_at), group in alike.items():
        if from_state == State.claimed:
            move(counts, State.queued, State.claimed, len(group))
        move(counts, from_state, state, len(group))
        same: dict[str, Any] = {"state": state, "claim": claim, "relay_id": relay_id, "at": now}
        changed: dict[str, Any] = {"reason": reason, "retry_at": retry_at}
        if was_attempted:
            changed["attempts"] = Delivery.attempts + 1
        if was_attempted and state is State.deferred:
            changed["deferred_since"] = func.coalesce(Delivery.deferred_since, literal(now, UtcTime))
        replies = {outcome.seq: outcome.reply for outcome in group}
        written = update_texts(session, Delivery.reply, replies, key=Delivery.seq, where=theirs, **same, **changed)
        assert written == len(group), f"{written} of {len(group)} outcomes are of what is {stored} in this batch"
        repeated = [
            {"mailing_id": batch.mailing_id, "seq": seq, "number": number, "reply": outcome.reply, **same}
            for outcome in group
            if was_attempted and (seq := outcome.seq) in old and (number := old[seq][0] + 1) > 1
        ]
        if repeated:
            session.execute(insert(Attempt), repeated)
        if retry_at is not None:
            batch.due_at = min(retry_at, batch.due_at or retry_at)
    batch.counts = counts


def _on_terms(
    outcome: Outcome, mailing: Mailing, old: Mapping[int, Before], now: datetime, recorder_read: bool
) -> Outcome:
    """The outcome as the mailing has it: given up after its deadline, or tried again, and when."""
    attempts, deferred_since = old.get(outcome.seq, _AS_FROZEN)
    outcome = _past_deadline(outcome, mailing, deferred_since, now)
    return outcome._replace(retry_at=_retry_at(outcome, mailing, attempts, now, recorder_read))


def _past_deadline(outcome: Outcome, mailing: Mailing, since: datetime | None, now: datetime) -> Outcome:
    """A temporary refusal after the deadline is final; a relay that cannot be reached fails nobody."""
    if outcome.state is not State.deferred or not outcome.was_attempted or since is None:
        return outcome
    if now < since + timedelta(hours=mailing.deadline_hours):
        return outcome
    reason = f"given up after {mailing.deadline_hours:g} hours: {outcome.reason or 'still refused for now'}"
    return outcome._replace(state=State.failed, reason=reason)


def _retry_at(outcome: Outcome, mailing: Mailing, attempts: int, now: datetime, recorder_read: bool) -> datetime | None:
    if outcome.state is State.deferred:
        if outcome.retry_at is not None:
            return outcome.retry_at
        return in_seconds(now, min(LONGEST_WAIT, settings().deferral_seconds * 2 ** min(attempts, 12)))
    if outcome.state is State.uncertain and mailing.on_uncertain == OnUncertain.resend:
        return now if recorder_read else in_seconds(now, RECORDER_LOST_WAIT)
    return None
