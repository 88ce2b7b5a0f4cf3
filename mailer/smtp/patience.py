"""When a relay is given up: what says that it is dead, and what only that it had a bad moment."""

from mailer.smtp.errors import RelayError

STRIKES = 3
"""So many more connections than there are at once may come to nothing in a row. If each met a poisonous message, the
next ones meet others: a few such messages do not pass for a dead relay."""


class Patience:
    """A run's with its relay."""

    def __init__(self, connections: int) -> None:
        self.trouble: RelayError | None = None
        """What went wrong last."""
        self.strikes = 0
        """Openings failed and connections lost in a row, without a verdict between."""
        self._most = connections + STRIKES
        self._open_failed = False

    @property
    def is_over(self) -> bool:
        """Whether no other connection is opened."""
        return self._open_failed or self.strikes >= self._most

    def opening_failed(self, error: RelayError) -> None:
        """No other is opened then, unless one that was open meanwhile works."""
        self.trouble, self._open_failed = error, True
        self.strikes += 1

    def connection_lost(self, error: RelayError, *, fruitless: bool) -> None:
        """`fruitless`: it brought no verdict, and it was not a message's doing."""
        self.trouble = error
        self.strikes += fruitless

    def verdict(self) -> None:
        """The relay decided on a message."""
        self.strikes = 0

    def begin_anew(self) -> None:
        """No connection is left: if the last ones worked, another try is worth it."""
        if not self.strikes:
            self._open_failed = False
