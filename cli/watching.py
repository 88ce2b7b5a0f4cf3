"""Watching a mailing go out: the bar, and when to stop looking."""

import time
from collections import Counter
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn
from rich.text import Text

from cli.output import DONE, PARTLY, REFUSED, err, say, warn
from cli.reports import show_report
from config.database import reading
from mailer.control import find_mailing
from mailer.ledger import reports
from mailer.ledger.states import State
from mailer.models import Mailing, MailingState

LOOK_EVERY = 0.5
"""Seconds between two looks."""
PATIENCE = 15.0
"""Seconds without anything happening after which nobody seems to work."""
UNFINISHED = (State.failed, State.uncertain, State.deferred)
"""What makes a mailing done in part only."""


def watch(name: str) -> int:
    """Show how a mailing goes until nothing of it is queued or being sent, then its report. An exit status."""
    look = Look(name)
    try:
        with Live(console=err, transient=True) if err.is_terminal else nullcontext() as live:
            while look.take():
                if live:
                    live.update(look.shown())
                time.sleep(LOOK_EVERY)
    except KeyboardInterrupt:
        warn(f"{name} goes on without being watched; see: broadside mailing report {name}")
        raise
    return look.end()


@dataclass
class Look:
    """What was seen so far."""

    name: str
    state: MailingState = MailingState.draft
    send_at: datetime | None = None
    counts: Counter[str] = field(default_factory=Counter)
    _changed: float = field(default_factory=time.monotonic)
    _began: tuple[float, int] | None = None
    _warned: bool = False
    _last_looks: int = 5

    def __post_init__(self) -> None:
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[of]}", markup=False),
            TextColumn("{task.fields[rate]}", markup=False),
            TextColumn("{task.fields[left]}", markup=False),
            expand=True,
        )
        self._task = self._bar.add_task("", total=None, of="", rate="", left="")

    @property
    def total(self) -> int:
        return sum(number for state, number in self.counts.items() if not state.startswith(f"{State.skipped}:"))

    @property
    def waiting(self) -> int:
        return self.counts[State.queued] + self.counts[State.claimed]

    def take(self) -> bool:
        """Look once; True while there is something to wait for."""
        before = (self.state, self.counts)
        with reading() as session:
            mailing: Mailing = find_mailing(session, self.name)
            self.state, self.send_at = mailing.state, mailing.send_at
            self.counts = reports.counts(session, mailing.id)
        if (self.state, self.counts) != before:
            self._changed = time.monotonic()
        self._mind_the_workers()
        if self.state in {MailingState.scheduled, MailingState.freezing}:
            return True
        if self.state == MailingState.sending and not self.waiting and not self.counts[State.deferred]:
            self._last_looks -= 1  # whoever sent the last batch ends the mailing a moment after
            return self._last_looks > 0
        return self.state == MailingState.sending and self.waiting > 0

    def shown(self) -> RenderableType:
        """The bar, and the deliveries by state below it."""
        done = self.total - self.waiting
        rate = self._rate(done)
        what = f"{self.state}"
        if self._is_early():
            assert self.send_at
            what = f"scheduled for {self.send_at.astimezone().isoformat(' ', 'minutes')}"
        self._bar.update(
            self._task,
            description=what,
            completed=done,
            total=self.total or None,
            of=f"{done:,}/{self.total:,}" if self.total else "",
            rate=f"{rate:,.0f}/s" if rate else "",
            left=f"{timedelta(seconds=round(self.waiting / rate))} left" if rate else "",
        )
        states = ", ".join(f"{state} {number:,}" for state, number in sorted(self.counts.items()))
        return Group(self._bar, Text(states))

    def end(self) -> int:
        """The report, what follows from it, and the exit status."""
        with reading() as session:
            summed = reports.report(session, find_mailing(session, self.name))
        show_report(summed)
        if self.state == MailingState.paused:
            say(f"it is paused; go on with: broadside mailing resume {self.name}", "yellow")
            return REFUSED
        if self.state == MailingState.cancelled:
            say("it was cancelled", "yellow")
            return REFUSED
        if self.state == MailingState.draft:
            say("it is a draft again, and nobody got it", "yellow")
            return REFUSED
        if self.counts[State.deferred]:
            say("those deferred are tried again until the mailing's deadline, as long as workers run", "yellow")
        for state in (State.failed, State.uncertain):
            if self.counts[state]:
                say(f"see which {'are' if state == State.uncertain else 'have'} {state}: "
                    f"broadside mailing deliveries {self.name} --state {state}", "yellow")  # fmt: skip
        return PARTLY if any(self.counts[state] for state in UNFINISHED) else DONE

    def _rate(self, done: int) -> float:
        """Messages a second since the first were done."""
        now = time.monotonic()
        if self._began is None:
            if done:
                self._began = (now, done)
            return 0.0
        since, first = self._began
        return (done - first) / (now - since) if now > since else 0.0

    def _is_early(self) -> bool:
        return self.state == MailingState.scheduled and self.send_at is not None and self.send_at > datetime.now(UTC)

    def _mind_the_workers(self) -> None:
        """Say once where nothing has happened for a while and nobody holds anything."""
        if self._is_early() or self.counts[State.claimed]:
            self._changed = time.monotonic()
        elif not self._warned and time.monotonic() - self._changed > PATIENCE:
            self._warned = True
            warn("no worker is running: start one with `broadside worker`, or everything with `broadside up`")
