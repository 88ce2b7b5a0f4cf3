"""What a run is told from outside while it goes on, and what it tells at its end."""

from dataclasses import dataclass, field
from enum import IntEnum

from mailer.smtp.errors import RelayError


class Go(IntEnum):
    """What a watch says. Each is more of an end than the one before, and none is taken back."""

    ON = 0
    FINISH = 1
    """Begin nothing more: what waits is handed back, what is announced goes on to its end."""
    STOP = 2
    """Send the end of nothing more: only replies to what was sent are read."""


ON, FINISH, STOP = Go


@dataclass(slots=True)
class RunResult:
    """What became of the keys that have no verdict in the journal, and why sending ended early if it did."""

    not_begun: list[int] = field(default_factory=list)
    """Taken from the iterator, but their end was never sent: safe to send again."""
    given_up: dict[int, str] = field(default_factory=dict)
    """Not begun either, for each connection on which they were announced was lost: how the last one was."""
    unknown: list[int] = field(default_factory=list)
    """Their end was sent and no reply came."""
    relay_error: RelayError | None = None
    """Set when nothing more could be sent for lack of a connection: RelayUnavailable or RelayRefused."""
