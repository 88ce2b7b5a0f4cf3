"""The demo itself, in an environment that `cli.demo` has made: set up, send, watch, and say what happened."""

import json
import os
import shlex
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

from babel import Locale
from rich.live import Live

from cli import demo_office
from cli.demo import REMEDY, empty
from cli.findings import show_findings
from cli.output import REFUSED, count, facts, fail, out, say, warn
from cli.part import local_inbox
from cli.up import Office, hold, show_places
from cli.watching import Look
from config.database import reading, transaction
from config.errors import BroadsideError, Refused, Unavailable
from config.settings import PREFIX, Settings, settings
from mailer import control
from mailer.check import check_mailing
from mailer.ledger import reports
from mailer.ledger.states import State
from mailer.models import Mailing
from tasks.asking import ask_for_work

_A_KIND = {
    "op-ed": "An op-ed",
    "press-release": "A press release",
    "campaign-update": "A campaign update",
    "newsletter": "A newsletter",
    "invitation": "An invitation",
}
LOG = "demo.log"
SCRIPT = "settings.sh"
LOOK_EVERY = 0.1
"""Seconds between looks at a mailing that goes out."""
TELL_EVERY = 2.0
"""Seconds between lines about it where there is no terminal."""


class Ended(Exception):
    """Ctrl-C, between two steps."""


def main(people: int, kind: str, *, once: bool) -> int:
    """Run the demo with its mailing of that kind; an exit status."""
    folder = settings().state_dir
    readers = demo_office.readers(demo_office.MAILINGS[kind], people)
    say(f"{_A_KIND[kind]} goes out to {readers:,} invented people, and none of it leaves this machine.", "bold")
    say("Each step is a command of Broadside's own.")
    lock = hold(folder, warn, REMEDY)
    empty(folder, keep=".lock")
    with (folder / LOG).open("ab") as log:
        try:
            return Demo(folder, kind, people, readers, Office(warn, lock, log)).run(once=once)
        except Unavailable as error:
            raise Unavailable(f"{error}; {folder / LOG} may say why") from None


class Demo:
    """One run: what it found out on its way."""

    def __init__(self, folder: Path, kind: str, people: int, readers: int, office: Office) -> None:
        self.folder = folder
        self.kind, self.name = kind, demo_office.MAILINGS[kind]
        self.people, self.readers = people, readers
        self.office = office
        self.agreed = False

    def run(self, *, once: bool) -> int:
        """Start every part, do everything, end every part; an exit status."""
        began = time.monotonic()
        with ExitStack() as running:
            try:
                on_lists = self._start(running)
                mailing_id = self._prepare(on_lists)
                self._send(mailing_id)
                self._sum_up(mailing_id, time.monotonic() - began)
                if not once:
                    self._invite()
                    self.office.run()
            except Ended:
                once = False
            if not once:
                say("ending")
        return self.office.status if self.agreed else REFUSED

    def _start(self, running: ExitStack) -> dict[str, int]:
        """Start every part, to run until the end of `running`; how many people are on each list's file."""
        with self._step("up", "Redis, database, workers, beat, public pages and inbox are up"):
            running.enter_context(self.office)
            on_lists = demo_office.lay_out(self.folder, self.people)  # while they start
            if not self.office.wait_until_ready():
                raise Ended
        say(f"  the mail will arrive at {local_inbox(settings())}", "bold")
        return on_lists

    def _prepare(self, on_lists: dict[str, int]) -> int:
        """Set up the press office and bring in the mailings; the id of the one to send."""
        with self._step("house import house.yaml", "IMPALA: its address, its colours, its words about itself"):
            demo_office.enter_house(self.folder)
        with self._step('list create members --title "IMPALA members"  # and so on', "members, press, policy"):
            demo_office.create_lists()
        for audience in demo_office.LISTS:
            name = audience.name
            command = f"subscribers import {name}.csv --list {name} \\\n    --basis {audience.basis} --source demo"
            with self._step(command, f"{on_lists[name]:,} people"):
                demo_office.import_people(self.folder, audience, lambda _done, _total: self._go_on())
        with self._step(f"mailing import {self.name}", f"{_A_KIND[self.kind].lower()} in English, French and Arabic"):
            ids = {name: demo_office.import_mailing(self.folder, name) for name in demo_office.MAILINGS.values()}
            mailing_id = ids[self.name]
        with self._step(f"mailing check {self.name}", "each message made and looked at, and no error found"):
            with reading() as session:
                report = check_mailing(session, session.get_one(Mailing, mailing_id))
            if not report.ok:
                show_findings(report)
                raise Refused(f"the demo's {self.kind} does not pass its check")
            foreign = sum(finding.rule == "unwritten-language" for finding in report.findings)
            say(f"  {count(foreign, 'warning')}: languages without a text, whose readers get the English one")
        return mailing_id

    def _send(self, mailing_id: int) -> None:
        """Send, and watch until it has finished."""
        with self._step(f"mailing send {self.name} --wait", ""):
            with transaction() as session:
                control.send(session, session.get_one(Mailing, mailing_id))
            ask_for_work(mailing_id)
            look, told = Look(self.name), time.monotonic()
            # No thread draws the bar: this process starts others again where one ends, and forks with one thread only.
            with Live(console=out, auto_refresh=False, transient=True) if out.is_terminal else nullcontext() as live:
                while look.take():
                    if live is not None:
                        live.update(look.shown(), refresh=True)
                    elif time.monotonic() - told >= TELL_EVERY:
                        told = time.monotonic()
                        say(f"  {look.counts[State.sent]:,} of {look.total:,} sent")
                    self._go_on()
                    self.office.look()
                    self.office.ending.wait(LOOK_EVERY)

    def _sum_up(self, mailing_id: int, seconds: float) -> None:
        """Say what the ledger and the inbox say, and whether they agree."""
        with reading() as session:
            mailing = session.get_one(Mailing, mailing_id)
            summed = reports.report(session, mailing)
            languages = reports.sent_by_language(session, mailing_id)
            assert mailing.started_at is not None
            took = ((mailing.finished_at or datetime.now(UTC)) - mailing.started_at).total_seconds()
        received = received_by_inbox()
        sent = summed["deliveries"].get(State.sent, 0)
        states = ", ".join(f"{number:,} {state}" for state, number in summed["deliveries"].items())
        self.agreed = sent == summed["recipients"] == received == self.readers
        say()
        say(f"{sent:,} people have it in {took:.1f} seconds, {sent / took:,.0f} messages a second.", "bold")
        facts(
            {Locale.parse(language).get_language_name("en") or language: f"{n:,}" for language, n in languages.items()}
            | {"ledger": f"{summed['recipients']:,} recipients, {states}", "inbox": f"{received:,} received"}
        )
        if not self.agreed:
            fail(f"ledger and inbox do not agree on {self.readers:,} people; see {self.folder / LOG}")
        say(f"{seconds:.0f} seconds from start to here.")

    def _invite(self) -> None:
        """Say where to look and what to try."""
        another = next(name for kind, name in demo_office.MAILINGS.items() if kind != self.kind)
        say()
        show_places(
            {
                "look at the mail": local_inbox(settings()),
                "the way out": "follow the last link of a mail",
                "try commands": f". {shlex.quote(str(write_script(self.folder)))}",
                "such as": f"broadside mailing send {another} --wait",
            }
        )
        say()
        say("Everything stays up until Ctrl-C.")

    @contextmanager
    def _step(self, command: str, result: str) -> Iterator[None]:
        """Show a command, do what it does in the block, and show what came of it and the time it took."""
        self._go_on()
        say()
        say(f"$ broadside {command}", "bold cyan")
        began = time.monotonic()
        yield
        if result:
            say(f"  {result} ({time.monotonic() - began:.1f} s)")

    def _go_on(self) -> None:
        if self.office.ending.asked:
            raise Ended


def write_script(folder: Path) -> Path:
    """Write what makes a shell speak to the demo, and to nothing that it was set to speak to before; its path."""
    ours = {f"{PREFIX}{name.upper()}": os.environ.get(f"{PREFIX}{name.upper()}") for name in Settings.model_fields}
    lines = [
        f"unset {name}" if value is None else f"export {name}={shlex.quote(value)}" for name, value in ours.items()
    ]
    lines.append(f"export PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH")
    path = folder / SCRIPT
    path.write_text("\n".join([*lines, ""]))
    return path


def received_by_inbox() -> int:
    """How many messages the inbox has ever received, by its own count."""
    connection = HTTPConnection(urlsplit(local_inbox(settings())).netloc, timeout=10)
    try:
        connection.request("GET", "/api/messages?limit=0")
        return int(json.load(connection.getresponse())["count"])
    finally:
        connection.close()


if __name__ == "__main__":
    try:
        sys.exit(main(int(sys.argv[1]), sys.argv[2], once="--once" in sys.argv[3:]))
    except BroadsideError as error:
        fail(str(error))
    except KeyboardInterrupt:  # before there was anything to end
        fail("ended")
    sys.exit(REFUSED)
