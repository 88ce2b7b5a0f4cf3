"""The tree of errors that a person is meant to read.

BroadsideError              exit status 1
  Refused                   the request or its input is wrong: says what, where and what to do
    Unknown                 a name that does not exist, with the nearest that does
  Unavailable               a part we need (database, Redis, relay) does not answer; trying again may help
"""

from collections.abc import Iterable
from difflib import get_close_matches


class BroadsideError(Exception):
    """An error whose text is one clear sentence for a person: what is wrong, where, and what to do."""


class Refused(BroadsideError):
    """Final: asking again unchanged is refused again."""


class Unknown(Refused):
    """A name that does not exist. `what` is the kind of thing ("list"), `known` the names there are."""

    def __init__(self, what: str, name: str, known: Iterable[str]) -> None:
        known = sorted(known)
        near = get_close_matches(name, known, n=1, cutoff=0.5)
        if near:
            hint = f"did you mean {near[0]!r}?"
        elif known:
            hint = f"there are: {', '.join(known[:12])}"
        else:
            hint = f"there is no {what} yet"
        super().__init__(f"no {what} named {name!r}; {hint}")
        self.what = what
        self.name = name


class Unavailable(BroadsideError):
    """Retryable: something Broadside depends on does not answer now."""
