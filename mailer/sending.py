"""The sending loop: claim a batch, assemble each message, send it, record what became of it."""

import logging
import os
import time
import traceback
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from email.utils import formatdate

from sqlalchemy.orm import Session

from config import garbage, trouble
from config.database import transaction
from config.errors import Refused
from config.settings import settings
from mailer import control, lifecycle, rates, relays
from mailer.ledger import claims, recovery
from mailer.ledger.claims import Claim, Due
from mailer.ledger.outcomes import Outcome, outcomes_of, record
from mailer.ledger.states import State
from mailer.models import Mailing
from mailer.plan.message import MessagePlan, RenderError
from mailer.plans import plan_of
from mailer.relays import AllDown, Route
from mailer.smtp.envelope import Envelope
from mailer.smtp.fleet import Fleet
from mailer.stamps import Stamps
from mailer.turn import Turn

log = logging.getLogger(__name__)

EVERYBODY = 20
"""If the values of so many of a batch, and of most so far, let no message be made, the mistake is everybody's."""


@garbage.not_searched_for()
def send_batch(mailing_id: int, number: int) -> bool:
    """Send one batch, as far as it comes in a turn. True if some of it is left and may be claimed again at once.

    A batch that is not open is no error: the queue is only a hint. Nor is a relay that may get no more for a while:
    nobody sleeps for it, and when the queue is empty housekeeping hints again.
    """
    recovery.recover_host()
    if relays.all_spent():
        return False
    claim = claims.claim_batch(mailing_id, number)
    if claim is None:
        _finish(mailing_id)
        return False
    try:
        try:
            ended = _send(claim)
        except Exception as error:
            if trouble.in_words(error) is not None:
                raise  # the database, Redis or the disk: the batch is given back
            log.exception("mailing %d, batch %d cannot be sent", mailing_id, number)
            ended = _defect(claim, error)
        with transaction() as session:
            held = record(session, mailing_id, number, claim.number, ended.outcomes, relay_id=ended.relay_id)
        if not held:
            # Somebody ended this claim while we slept; what we know settles what they had to call uncertain.
            recovery.settle(claim.recorder.evidence())
        claim.recorder.mark_recorded()
    finally:
        # If anything failed above, the file is unlocked now and whoever looks next records what it says.
        claim.recorder.close()
    done = {outcome.seq for outcome in ended.outcomes}
    left = any(due.seq not in done for due in claim.due)
    if not left:
        _finish(mailing_id)
    return left and not ended.spent


def _finish(mailing_id: int) -> None:
    with transaction() as session:
        lifecycle.finish(session, mailing_id)


@dataclass(slots=True)
class Ended:
    """What a turn came to."""

    outcomes: list[Outcome]
    relay_id: int | None = None
    """None where no relay was chosen."""
    spent: bool = False
    """The relay's limit of messages a second ended it."""


def _send(claim: Claim) -> Ended:
    with transaction() as session:
        mailing = session.get_one(Mailing, claim.mailing_id)
        route = relays.pick(session, claim.batch)
        stamps = Stamps(session, mailing)
    if not isinstance(route, Route):
        return Ended(_without_a_relay(claim, route))
    try:
        plans = {edition_id: plan_of(edition_id) for edition_id in {due.edition_id for due in claim.due}}
    except Refused as error:  # it will be, whoever asks, until a person has mended it
        with transaction() as session:
            _pause(session, mailing, str(error))
        return Ended([])
    claim.recorder.relay(route.id)
    turn = Turn(claim, route.url, mailing.urgent)
    fleet = _fleet(route)
    result = fleet.run(_envelopes(turn, plans, stamps), turn, turn.watch)
    outcomes = outcomes_of(claim.recorder.evidence()) + turn.unmade
    outcomes += [_given_up(claim.due[key], words) for key, words in result.given_up.items()]
    if result.relay_error is not None:
        outcomes += _relay_is_down(claim, route, str(result.relay_error), {outcome.seq for outcome in outcomes})
    elif turn.answered:
        _relay_is_up(route, fleet.size_limit)
    if turn.broken:
        with transaction() as session:
            _pause(session, mailing, turn.broken)
    return Ended(outcomes, route.id, turn.spent)


def _relay_is_up(route: Route, size_limit: int | None) -> None:
    if route.failed_before or size_limit != route.size_limit:
        with transaction() as session:
            relays.mark_up(session, route.id)
            relays.note_size(session, route, size_limit)


def _relay_is_down(claim: Claim, route: Route, error: str, decided: set[int]) -> list[Outcome]:
    """Defer what a relay that cannot be used did not get; it fails nobody. Another relay is tried at once."""
    log.warning("relay %d cannot be used: %s", route.id, error)
    with transaction() as session:
        relays.mark_down(session, route.id, error)
        other = relays.pick(session, claim.batch)
        if isinstance(other, Route):
            return []  # given back, for the other relay
    return [outcome for outcome in _without_a_relay(claim, other) if outcome.seq not in decided]


def _without_a_relay(claim: Claim, down: AllDown) -> list[Outcome]:
    """Defer all until a relay is tried again."""
    reason = f"no relay takes mail now: {down.error}"
    return [
        Outcome(due.seq, State.deferred, reason=reason, was_attempted=False, retry_at=down.until) for due in claim.due
    ]


def _given_up(due: Due, words: str) -> Outcome:
    """A message that may be what breaks every connection it is announced on: an attempt, so that it has an end."""
    return Outcome(due.seq, State.deferred, reason=f"the connection was lost each time it was announced: {words}")


def _defect_of_one(mailing_id: int, due: Due, error: Exception) -> Outcome:
    """After an error of our own with one message: it waits, longer each time, and those behind it go on."""
    words = f"mailing {mailing_id}: a message cannot be made: {type(error).__name__}"
    if trouble.not_lately(words):
        # Where, but not in its own words: they may hold a person's data.
        log.error("%s\n%s", words, "".join(traceback.format_tb(error.__traceback__)))
    return Outcome(due.seq, State.deferred, reason=_unexpected(error))


def _unexpected(error: Exception) -> str:
    return f"an unexpected error, of which the worker's log tells more: {type(error).__name__}"


def _defect(claim: Claim, error: Exception) -> Ended:
    """After an error of our own: what was begun stands in the recorder; the rest waits, longer each time."""
    evidence = claim.recorder.evidence()
    outcomes = outcomes_of(evidence)
    decided = {outcome.seq for outcome in outcomes}
    reason = _unexpected(error)
    waiting = [Outcome(due.seq, State.deferred, reason=reason) for due in claim.due if due.seq not in decided]
    return Ended(outcomes + waiting, evidence.relay_id)


def _pause(session: Session, mailing: Mailing, reason: str) -> None:
    mailing = session.get_one(Mailing, mailing.id)
    with suppress(Refused):  # somebody else was first
        control.pause(session, mailing, reason)
        log.error("mailing %d is paused: %s", mailing.id, reason)


def _envelopes(turn: Turn, plans: dict[int, MessagePlan], stamps: Stamps) -> Iterator[Envelope]:
    """Assemble the claim's messages one by one, as the connections ask for them."""
    date, dated = formatdate(localtime=False), time.monotonic()
    allowance = rates.allowance(turn.relay)
    for slot, due in enumerate(turn.claim.due):
        if turn.broken:
            return
        if not next(allowance, False):
            turn.spent = True
            return
        if time.monotonic() - dated >= 1:
            date, dated = formatdate(localtime=False), time.monotonic()
        try:
            envelope = _envelope(slot, due, plans[due.edition_id], stamps, date)
        except RenderError as error:
            turn.unmade.append(Outcome(due.seq, State.failed, reason=str(error), was_attempted=False))
            if not error.alone or (len(turn.unmade) >= EVERYBODY and 2 * len(turn.unmade) > slot + 1):
                # A mistake that the check did not see: everybody may have it, so the mailing stops here.
                turn.broken = str(error)
                return
        except Exception as error:
            if trouble.in_words(error) is not None:
                raise
            turn.unmade.append(_defect_of_one(turn.claim.mailing_id, due, error))
        else:
            yield envelope


def _envelope(slot: int, due: Due, plan: MessagePlan, stamps: Stamps, date: str) -> Envelope:
    stamp = stamps.stamp(due.seq, due.public_id, due.list_id, plan.language, date)
    return Envelope(slot, stamp.return_path, due.recipient.email, plan.pieces(due.recipient, stamp))


_fleets: dict[tuple[int, Route], Fleet] = {}
"""By process: a child after a fork must not write to the connections of another."""


def _fleet(route: Route) -> Fleet:
    """This process's connections to a relay, kept from one batch to the next."""
    key = (os.getpid(), route)
    if key not in _fleets:
        _fleets[key] = Fleet(route.url, settings().connections)
    return _fleets[key]


def close_fleets() -> None:
    """Say QUIT to every relay."""
    while _fleets:
        (process, _), fleet = _fleets.popitem()
        if process == os.getpid():
            fleet.close()
