"""Witnesses that the database did not go back in time: the state folder and Redis remember the highest claim.

A database restored from a backup, or a standby that lagged at a failover, would hand out claims for batches that
were sent already. Its claim counter is then lower than what its witnesses saw.
"""

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from redis.exceptions import RedisError
from sqlalchemy import select

from config.database import reading
from config.errors import Unavailable
from config.files import make_once
from config.redis_connection import redis
from config.settings import settings
from config.trouble import in_words
from mailer.ledger.models import ClaimCounter

KEY = "broadside:highest-claim"
_DIGITS = 20
"""Of the number in the file."""
# Sets the key to the greater of its value and the argument, and returns it.
RAISE = """
local seen = tonumber(redis.call('GET', KEYS[1]) or '0')
local now = tonumber(ARGV[1])
if now > seen then redis.call('SET', KEYS[1], ARGV[1]) return now end
return seen
"""


class LedgerWentBackError(Unavailable):
    """The database is older than what was sent from it."""


def _file() -> Path:
    return settings().state_dir / "highest-claim"


def _number(content: bytes) -> int:
    if len(content) != _DIGITS or not content.isdigit():
        raise Unavailable(
            f"{_file()} should hold {_DIGITS} digits and does not (did the power fail?). Nothing is sent until it is"
            " removed; the next claim makes it again. If a backup of the database was restored since, run `broadside"
            " ledger reconcile` after that"
        )
    return int(content)


def seen() -> int:
    """The highest claim number that any witness within reach remembers; 0 where none does.

    Raises Unavailable where Redis does not answer or the file cannot be read as a number.
    """
    try:
        in_redis = int(redis().get(KEY) or 0)
    except RedisError as error:
        raise Unavailable(f"{in_words(error)} Nothing is sent without it") from None
    try:
        in_file = _number(_file().read_bytes())
    except FileNotFoundError:
        in_file = 0
    return max(in_redis, in_file)


def check(last: int, highest: int) -> None:
    """Raise LedgerWentBackError where the database's last claim is older than the `highest` seen beforehand."""
    if last < highest:
        raise LedgerWentBackError(
            f"the database's last claim is {last}, but claim {highest} has been seen: it went back in time "
            "(a restored backup?). Nothing is sent until `broadside ledger reconcile` has been run"
        )


def ask() -> None:
    """Raise LedgerWentBackError where the database went back in time, before anything is done by what it says."""
    highest = seen()
    with reading() as session:
        check(session.scalar(select(ClaimCounter.value)) or 0, highest)


def note(number: int) -> None:
    """Remember a committed claim. Losing the file or Redis loses nothing: the next claim fills it again."""
    with suppress(RedisError):  # the next claim asks first and will say so
        redis().eval(RAISE, 1, KEY, str(number))
    make_once(_file(), lambda: f"{0:0{_DIGITS}d}")
    file = os.open(_file(), os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        if number > _number(os.read(file, _DIGITS)):
            os.pwrite(file, f"{number:0{_DIGITS}d}".encode(), 0)  # one write of one length, so never half a number
    finally:
        os.close(file)
