"""A claim's lease as its holder measures it: by a clock that also counts sleep, from before it was asked for."""

import time

# Parts of a lease: with the usual 60 s they are 10, 15 and 30 s.
MARGIN = 1 / 6
"""Before the end, in which no message is ended."""
RENEWAL = 1 / 4
"""Between renewals."""
GRACE = 1 / 2
"""That a taker waits, by its own clock, since it saw that the lease is over."""

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def boot_time() -> float:
    """Seconds since the kernel started, sleep and SIGSTOP included."""
    return time.clock_gettime(_CLOCK)


class Lease:
    """How long the holder may go on. All times in seconds of `boot_time`."""

    def __init__(self, seconds: float, asked_at: float) -> None:
        self.seconds = seconds
        self._asked_at = asked_at

    def may_begin(self) -> bool:
        """True while there is time enough for a message's end, and for more to begin."""
        return boot_time() < self._asked_at + self.seconds * (1 - MARGIN)

    def wants_renewal(self) -> bool:
        """True once a renewal is due."""
        return boot_time() >= self._asked_at + self.seconds * RENEWAL

    def renewed(self, asked_at: float) -> None:
        """The database granted a renewal that was asked for at `asked_at`."""
        self._asked_at = asked_at

    def lost(self) -> None:
        """The database says that somebody else has the batch."""
        self._asked_at = float("-inf")
