"""A turn: one claim being worked on for a while."""

import logging
import time
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from config.database import reading
from config.log import scrub
from config.settings import RelayUrl
from mailer.ledger import claims
from mailer.ledger.claims import Claim
from mailer.ledger.models import Batch
from mailer.ledger.outcomes import Outcome
from mailer.models import Mailing, MailingState
from mailer.smtp.terms import Go

log = logging.getLogger(__name__)

TURN = 2.0
"""Seconds of work after which no message of a batch is begun, so that others get their turn. What is announced goes on
to its end, however slow the relay; what is left of the batch is given back."""

TOO_LARGE = "5.3.4"
"""In a server's words, or in ours for it: the message is larger than it takes from anybody (RFC 3463, 3.4)."""


@dataclass(slots=True)
class Turn:
    """One claim being worked on: the flight recorder's journal, and the watch over lease, pause and time."""

    claim: Claim
    relay: RelayUrl
    urgent: bool
    began: float = field(default_factory=time.monotonic)
    """When the work began, in seconds of the monotonic clock."""
    over: bool = False
    """The others have their turn now: no message may be begun."""
    stopped: bool = False
    """The mailing is not being sent any more: paused or cancelled."""
    answered: bool = False
    """The relay was reached."""
    spent: bool = False
    """The relay may get no more for a while."""
    broken: str = ""
    """Why nobody may be able to get this mailing, where that is so: it pauses."""
    unmade: list[Outcome] = field(default_factory=list)
    """Of deliveries whose message cannot be made, or not now."""

    def end_sent(self, key: int) -> bool:
        """Mark a message as sent, then look once more whether it may be; if not, take the mark back.

        The look is at the lease, so that a taker who sees no mark can trust it, and at what pauses the mailing.
        """
        self.claim.recorder.end_sent(key)
        if self.claim.lease.may_begin() and not self.broken:
            return True
        self.claim.recorder.end_withdrawn(key)
        return False

    def end_withdrawn(self, key: int) -> None:
        self.claim.recorder.end_withdrawn(key)

    def replied(self, key: int, code: int, text: str) -> None:
        self.claim.recorder.replied(key, code, text)
        self.answered = True
        if text.startswith(TOO_LARGE):
            self.broken = (
                f"relay {self.relay.name} takes no message of this size: {code} {scrub(text)}; raise its limit or set"
                " another relay, retry what failed and resume, or cancel and send a smaller one"
            )

    def watch(self) -> Go:
        """Say, about once a second, whether another message may be begun and what is announced may go on."""
        if time.monotonic() - self.began >= TURN:
            self.over = True
        try:
            if self.claim.lease.wants_renewal():
                claims.renew(self.claim)
            self._look()
        except DBAPIError:
            # The lease runs on without the database, and says itself when it is over.
            log.warning("the lease cannot be renewed", exc_info=True)
        if self.stopped or self.broken or not self.claim.lease.may_begin():
            return Go.STOP
        return Go.FINISH if self.over else Go.ON

    def _look(self) -> None:
        """See whether the mailing is still being sent, and whether an urgent one waits."""
        with reading() as session:
            state = session.scalar(select(Mailing.state).where(Mailing.id == self.claim.mailing_id))
            self.stopped = state != MailingState.sending
            self.over = self.over or (not self.urgent and _urgent_mail_waits(session))


def _urgent_mail_waits(session: Session) -> bool:
    """Whether a batch of an urgent mailing is there to be claimed."""
    waits = (
        select(Batch.number)
        .join(Mailing, Mailing.id == Batch.mailing_id)
        .where(Batch.state == "open", Mailing.state == MailingState.sending, Mailing.urgent)
    )
    return session.scalars(waits.limit(1)).first() is not None
