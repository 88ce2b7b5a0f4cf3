"""What the SMTP server of a round saw, noted before it answers, in a file that outlives it.

One line an event: `granted`, `taken`, `refused` or `quit`, the connection, and what it was about.
"""

import os
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.receiver_session import Received, Say, Script, Session

NOTES = "KILL_NOTES"
"""The variable that names the file."""
PACE = "KILL_PACE"
"""The variable with the seconds before each answer to a message."""


def number(address: str) -> int:
    """Of reader123@example.org, 123."""
    return int("".join(c for c in address.partition("@")[0] if c.isdigit()))


class Noting(Script):
    """Takes most, refuses some for now when it meets them first and some for good, and answers at a pace."""

    def __init__(self) -> None:
        self.file = os.open(os.environ[NOTES], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self.pace = float(os.environ[PACE])
        self.run = time.time_ns()
        self.met: set[str] = set()

    def note(self, event: str, session: Session, *about: str) -> None:
        os.write(self.file, " ".join([event, f"{self.run}.{session.number}", *about]).encode() + b"\n")

    def on_command(self, session: Session, verb: str, argument: str) -> Say | None:
        if verb == "RCPT":
            address = argument.removeprefix("TO:<").rstrip(">")
            if refusal := self.refusal(address):
                self.note("refused", session, address, refusal[:3])
                return Say(refusal)
        elif verb == "DATA" and session.rcpt:
            self.note("granted", session, session.rcpt)
        elif verb == "QUIT":
            self.note("quit", session)
        return None

    def refusal(self, address: str) -> str:
        which = number(address) % 50
        if which == 7:
            return "550 5.1.1 no such user"
        if which in (13, 14) and address not in self.met:
            self.met.add(address)
            return "451 4.7.1 come back later"
        return ""

    def on_message(self, session: Session, message: Received) -> Say | None:
        name = f"{self.run}-{session.number}-{session.accepted}"
        self.note("taken", session, message.rcpt, name)
        return Say(f"250 2.0.0 taken as {name}", delay=self.pace)


@dataclass
class Seen:
    """The truth of a round."""

    taken: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """{address: the names under which its messages were taken}"""
    refused: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """{address: codes}"""
    cut: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """{address: the connections that broke off when its answer may not have been read}"""

    @property
    def messages(self) -> int:
        return sum(map(len, self.taken.values()))


def seen(file: Path) -> Seen:
    """Read the notes, also while they are being written."""
    found = Seen()
    open_ends: dict[str, list[str]] = defaultdict(list)
    for event, connection, *about in _lines(file):
        match event:
            case "granted":
                # This message travelled in one burst with the end of the last one, whose answer may be on its way.
                open_ends[connection] = [*open_ends[connection][-1:], about[0]]
            case "taken":
                # Its body was not sent before the answer to the one before it was read.
                open_ends[connection] = about[:1]
                found.taken[about[0]].append(about[1])
            case "refused":
                found.refused[about[0]].add(about[1])
            case "quit":
                open_ends.pop(connection, None)
    for connection, addresses in open_ends.items():
        for address in addresses:
            found.cut[address].add(connection)
    return found


def _lines(file: Path) -> Iterator[list[str]]:
    if not file.exists():
        return
    for line in file.read_text().splitlines(keepends=True):
        if line.endswith("\n"):
            yield line.split()
