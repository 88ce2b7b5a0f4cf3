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

    def about(self, session: Session, address: str, mail_from: str | None = None) -> tuple[str, str]:
        """Whom, and the sender's domain, by which mailings are told apart."""
        return address, (mail_from or session.mail_from or "").rpartition("@")[2]

    def on_command(self, session: Session, verb: str, argument: str) -> Say | None:
        if verb == "RCPT":
            address = argument.removeprefix("TO:<").rstrip(">")
            if refusal := self.refusal(address):
                self.note("refused", session, *self.about(session, address), refusal[:3])
                return Say(refusal)
        elif verb == "DATA" and session.rcpt:
            self.note("granted", session, *self.about(session, session.rcpt))
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
        self.note("taken", session, *self.about(session, message.rcpt, message.mail_from), name)
        return Say(f"250 2.0.0 taken as {name}", delay=self.pace)


@dataclass
class Seen:
    """The truth of one mailing."""

    taken: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """{address: the names under which its messages were taken}"""
    refused: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """{address: codes}"""
    cut: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """{address: the connections that broke off when its answer may not have been read}"""

    @property
    def messages(self) -> int:
        return sum(map(len, self.taken.values()))


class Reader:
    """Reads the notes as they grow."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._at = 0
        self._seen: dict[str, Seen] = defaultdict(Seen)
        self._open_ends: dict[str, list[tuple[str, str]]] = defaultdict(list)

    def seen(self, domain: str) -> Seen:
        """What is known by now of the mailing whose sender is at that domain."""
        for event, connection, *about in self._new():
            self._read(event, connection, about)
        found = self._seen[domain]
        found.cut.clear()
        for connection, messages in self._open_ends.items():
            for address, of in messages:
                if of == domain:
                    found.cut[address].add(connection)
        return found

    def forget(self, domain: str) -> None:
        """Keep nothing more of a mailing."""
        self._seen.pop(domain, None)

    def _read(self, event: str, connection: str, about: list[str]) -> None:
        ends = self._open_ends
        match event:
            case "granted":
                # This message travelled in one burst with the end of the last one, whose answer may be on its way.
                ends[connection] = [*ends[connection][-1:], (about[0], about[1])]
            case "taken":
                # Its body was not sent before the answer to the one before it was read.
                ends[connection] = [(about[0], about[1])]
                self._seen[about[1]].taken[about[0]].append(about[2])
            case "refused":
                self._seen[about[1]].refused[about[0]].add(about[2])
            case "quit":
                ends.pop(connection, None)

    def _new(self) -> Iterator[list[str]]:
        if not self._file.exists():
            return
        with self._file.open("rb") as file:
            file.seek(self._at)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self._at += len(line)
                yield line.decode().split()
