"""Mailings for an hour: begun, paused, resumed, cancelled, urgent ones in between, and each judged at its end."""

import random
import time
from dataclasses import dataclass
from pathlib import Path

from config.database import transaction
from config.errors import Refused
from mailer import control
from mailer.folder import import_folder
from mailer.models import Mailing, OnUncertain
from tests.kill.notes import Reader
from tests.kill.verdict import violations
from tests.press import MAILING, mailing_state, states, write_folder

TOGETHER = 3
"""Mailings that are under way at once, besides urgent ones."""
URGENT_EVERY = 45.0


@dataclass
class Sent:
    """A mailing under way; its sender's domain tells its messages from the others'."""

    id: int
    domain: str
    urgent: bool
    resends: bool
    audience: set[str]
    cancelled: bool = False


class Soak:
    """`everybody` are the addresses of all members, `press` those on the press list."""

    def __init__(self, folder: Path, notes: Path, everybody: set[str], press: set[str], seed: int) -> None:
        self.folder, self.reader = folder, Reader(notes)
        self.everybody, self.press = everybody, press
        self.rng = random.Random(seed)
        self.running: list[Sent] = []
        self.paused: list[Sent] = []
        self.begun = self.messages = self.uncertain = self.pauses = self.cancels = self.urgents = 0
        self.wrong: list[str] = []
        self._next_urgent = time.monotonic() + URGENT_EVERY

    def begin(self, *, urgent: bool) -> None:
        self.begun += 1
        self.urgents += urgent
        domain = f"m{self.begun}.example"
        folder = write_folder(
            self.folder / f"mailing-{self.begun}",
            mailing_yaml=MAILING.replace("impala.example>", f"{domain}>").replace(
                "[members, press]", "[press]" if urgent else "[members]"
            )
            + f"urgent: {str(urgent).lower()}\n",
        )
        resends = self.rng.random() < 0.3
        with transaction() as session:
            mailing = import_folder(session, folder)
            mailing.on_uncertain = OnUncertain.resend if resends else OnUncertain.leave
            control.send(session, mailing)
            audience = self.press if urgent else self.everybody
            self.running.append(Sent(mailing.id, domain, urgent, resends, audience))

    def step(self, *, last: bool = False) -> None:
        """Look once: judge what has ended, begin, pause, resume, cancel. `last`: only let all come to an end."""
        for sent in list(self.running):
            if mailing_state(sent.id) in ("finished", "cancelled") and self._is_settled(sent):
                self._judge(sent)
        if last:
            self._resume(all_of_them=True)
            return
        while sum(not sent.urgent for sent in self.running) < TOGETHER:
            self.begin(urgent=False)
        if time.monotonic() > self._next_urgent:
            self._next_urgent += URGENT_EVERY
            self.begin(urgent=True)
        if self.rng.random() < 0.05:
            self._pause()
        if self.rng.random() < 0.15:
            self._resume()
        if self.rng.random() < 0.003:
            self._decide(self.rng.choice(self.running), control.cancel)

    def _is_settled(self, sent: Sent) -> bool:
        return not set(states(sent.id)) & {"queued", "claimed", "deferred"}

    def _pause(self) -> None:
        sent = self.rng.choice(self.running)
        if sent not in self.paused and self._decide(sent, control.pause):
            self.paused.append(sent)
            self.pauses += 1

    def _resume(self, *, all_of_them: bool = False) -> None:
        while self.paused:
            self._decide(self.paused.pop(0), control.resume)
            if not all_of_them:
                return

    def _decide(self, sent: Sent, what: object) -> bool:
        try:
            with transaction() as session:
                what(session, session.get_one(Mailing, sent.id))  # type: ignore[operator]
        except Refused:
            return False  # it is not in a state for it
        if what is control.cancel and mailing_state(sent.id) == "cancelled":
            sent.cancelled = True
            self.cancels += 1
        elif what is control.cancel:  # it was scheduled still, and is a draft again: somebody sends it after all
            self._decide(sent, control.send)
        return True

    def _judge(self, sent: Sent) -> None:
        self.running.remove(sent)
        if sent in self.paused:
            self.paused.remove(sent)
        seen = self.reader.seen(sent.domain)
        found = violations(sent.id, sent.audience, seen, resends=sent.resends, cancelled=sent.cancelled)
        self.wrong += [f"mailing {sent.id}: {what}" for what in found]
        self.messages += seen.messages
        self.uncertain += states(sent.id)["uncertain"]
        self.reader.forget(sent.domain)
