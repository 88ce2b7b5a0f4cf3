"""A relay that fails at random in every way it can, and is out of order now and then; it notes what it did."""

import random
import time

from tests.kill.notes import Noting
from tests.receiver_session import Received, Say, Session

OUTAGE_EVERY, OUTAGE = 75.0, 6.0
"""Seconds from the beginning of one outage to the next, and how long each is."""
DROPPED = Say(None, close=True)


class Failing(Noting):
    """Most of what it is given it takes."""

    def __init__(self) -> None:
        super().__init__()
        self.chance = random.Random(self.run)
        self.began = time.monotonic() - self.chance.uniform(0, OUTAGE_EVERY)

    def happens(self, probability: float) -> bool:
        return self.chance.random() < probability

    def is_out(self) -> bool:
        return (time.monotonic() - self.began) % OUTAGE_EVERY > OUTAGE_EVERY - OUTAGE

    def on_connect(self, session: Session) -> Say | None:
        if self.is_out():
            return Say("421 4.3.2 out of order", close=True)
        if self.happens(0.03):
            return DROPPED
        return Say(delay=2) if self.happens(0.02) else None

    def on_command(self, session: Session, verb: str, argument: str) -> Say | None:
        if verb == "MAIL" and (self.is_out() or self.happens(0.0005)):
            return Say("421 4.3.2 going down", close=True)
        if verb in ("MAIL", "RCPT", "DATA") and self.happens(0.0003):
            return DROPPED
        if verb == "RCPT" and self.happens(0.0003):
            return Say(delay=self.chance.uniform(0.5, 8))
        return super().on_command(session, verb, argument)

    def refusal(self, address: str) -> str:
        if self.happens(0.01):
            return self.chance.choice(("450 4.2.1 busy", "451 4.7.1 greylisted", "452 4.2.2 mailbox full"))
        return self.chance.choice(("550 5.1.1 no such user", "554 5.7.1 no")) if self.happens(0.002) else ""

    def on_data(self, session: Session, seen: int) -> Say | None:
        return DROPPED if self.happens(0.0003) else None

    def on_message(self, session: Session, message: Received) -> Say | None:
        about = self.about(session, message.rcpt, message.mail_from)
        if self.happens(0.003):
            code = self.chance.choice(("451 4.3.0", "554 5.7.1"))
            self.note("refused", session, *about, code[:3])
            return Say(f"{code} not this one")
        if self.happens(0.0005):
            return DROPPED
        usual = super().on_message(session, message)
        if self.happens(0.0005):
            return Say(None, close=True, take=True)
        if self.happens(0.0005):
            assert usual is not None
            return Say(usual.reply, delay=self.chance.uniform(1, 10))
        return usual
