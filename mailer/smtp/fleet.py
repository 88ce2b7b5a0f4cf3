"""Several connections to one relay, driven by one process and kept between runs."""

import selectors
from collections.abc import Callable, Iterator
from time import monotonic

from config.settings import RelayUrl
from mailer.smtp.envelope import Envelope
from mailer.smtp.lane import Journal, Timeouts
from mailer.smtp.opener import Opener
from mailer.smtp.run import Crew, Run
from mailer.smtp.terms import Go, RunResult

IDLE_LIMIT = 60.0
"""Seconds for which a resting connection is trusted: servers and firewalls forget one that says nothing for minutes."""
LOOK_EVERY = 1.0
"""Seconds: a pause has to stop everything within two."""


class Fleet:
    """Sends messages to one relay over up to `connections` connections. Not for use by several threads.

    `look_every` is how often, in seconds, a run asks its watch; `idle_limit` how long a resting connection is trusted.
    """

    def __init__(
        self,
        relay: RelayUrl,
        connections: int,
        *,
        timeouts: Timeouts | None = None,
        idle_limit: float = IDLE_LIMIT,
        look_every: float = LOOK_EVERY,
    ) -> None:
        limits = timeouts or Timeouts()
        self._idle_limit = idle_limit
        shortest = min(limits.mail, limits.rcpt, limits.data, limits.block, limits.end)
        self._tick = min(look_every, shortest / 4)
        self._crew = Crew(
            name=relay.name,
            connections=connections,
            timeouts=limits,
            opener=Opener(relay, limits.connect, limits.greeting),
            selector=selectors.DefaultSelector(),
        )

    @property
    def size_limit(self) -> int | None:
        """Octets of the largest message that the relay takes, as it last said; 0: no limit; None: nothing said yet."""
        return self._crew.size_limit

    def run(
        self, envelopes: Iterator[Envelope], journal: Journal, watch: Callable[[], Go] = lambda: Go.ON
    ) -> RunResult:
        """Send all envelopes; return when each one taken has a verdict or is named in the result.

        Takes envelopes a little ahead of need: a row (mailer.smtp.run) and one a connection. `watch` says how to go
        on. What envelopes, journal or watch raise is raised here: once outstanding replies are read where it was the
        iterator, else at once, with each connection closed on which something was under way.
        """
        for lane in list(self._crew.lanes):
            if monotonic() - lane.idle_since > self._idle_limit or not lane.is_alive():
                self._crew.dismiss(lane)
        try:
            return Run(self._crew, envelopes, journal, watch, self._tick).go()
        except BaseException:
            for lane in list(self._crew.lanes):
                if lane.busy:
                    self._crew.dismiss(lane)
            raise

    def close(self) -> None:
        """Say QUIT on every connection and close it."""
        for lane in list(self._crew.lanes):
            self._crew.dismiss(lane)
        self._crew.opener.close()
        self._crew.selector.close()
