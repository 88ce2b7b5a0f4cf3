"""Trouble from outside Broadside, in words for who runs it: a database, a queue or a disk that cannot be used."""

import errno
import logging
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from redis.exceptions import RedisError, ResponseError
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from config.errors import BroadsideError, Refused
from config.settings import settings

AGAIN = 60.0
"""Seconds until a process tells of the same trouble once more: it lasts for minutes, and is met many times a second."""
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NOT_OURS = {"25006", "25P03", "25P04"}
"""PostgreSQL's read-only transaction (a primary that became a standby), and its limits of a transaction's time.

The driver calls them internal errors."""
_said: dict[str, float] = {}
_met: set[str] = set()


def in_words(error: BaseException) -> str | None:
    """What to tell a person of an error from outside Broadside; None where it is a defect of ours."""
    if isinstance(error, BroadsideError):
        return str(error)
    if isinstance(error, DBAPIError) and _is_of_the_server(error):
        return _of_the_database(error)
    if isinstance(error, RedisError):
        reason = str(error).partition("\n")[0] or type(error).__name__
        full = isinstance(error, ResponseError)  # it answers, and refuses to write
        remedy = "has it memory and disk left?" if full else "is it running, and BROADSIDE_REDIS_URL right?"
        return f"Redis at {settings().redis_name} cannot be used: {reason}; {remedy}"
    if isinstance(error, OSError) and (error.filename is not None or error.errno in _FULL):
        # An error of writing, other than one of opening, does not know its file.
        where = error.filename or f"a file (perhaps in {settings().state_dir}) cannot be written"
        return f"{where}: {error.strerror}{'; free some space there' if error.errno in _FULL else ''}"
    return None


@contextmanager
def keeps_no_other_waiting(log: logging.Logger, words: str, *which: object) -> Iterator[None]:
    """Do one of several things: where it fails by a defect of ours or is refused, that is logged and the next begins.

    Raises trouble from outside, which the others would meet as well. `words` and `which` are for the log.
    """
    try:
        yield
    except Exception as error:
        if in_words(error) is not None and not isinstance(error, Refused):
            raise
        log.exception(words, *which)


def _is_of_the_server(error: DBAPIError) -> bool:
    return isinstance(error, OperationalError | InterfaceError) or getattr(error.orig, "sqlstate", None) in _NOT_OURS


def _of_the_database(error: DBAPIError) -> str:
    url = make_url(settings().database)
    reason = str(error.orig).strip().split("\n", maxsplit=1)[0].rpartition("failed: ")[2]
    if url.password:
        reason = reason.replace(str(url.password), "***")
    if url.get_backend_name() == "sqlite":
        remedy = "; free some space there" if "full" in reason else ""
        return f"the database {url.database} cannot be used: {reason}{remedy}"
    where = f"{url.host or 'localhost'}:{url.port or 5432}/{url.database}"
    # PostgreSQL's class 53: no disk space, memory or connection left.
    spent = (getattr(error.orig, "sqlstate", None) or "").startswith("53")
    remedy = "free some of it there" if spent else "is it running, and BROADSIDE_DATABASE_URL right?"
    if "the database system is" in reason:  # starting up, in recovery mode ...
        remedy = "if that lasts, its own log says why (no room on its disk?)"
    return f"the database {where} cannot be used: {reason}; {remedy}"


def not_lately(words: str) -> bool:
    """Whether these words were not said in the last minute; then they count as said."""
    now = time.monotonic()
    for old in [old for old, at in _said.items() if now - at >= AGAIN]:
        del _said[old]
    if words in _said:
        return False
    _said[words] = now
    return True


def _place(error: BaseException) -> str:
    """Where an error was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""


class OnceInAWhile(logging.Filter):
    """Lets trouble from outside pass as one line, a defect of ours whole; the same of either at most once a minute."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        while error is not None and type(error).__module__.partition(".")[0] in {"celery", "kombu"}:
            error = error.__cause__ or error.__context__
        if error is None:
            return True
        words = in_words(error)
        if words is None:
            return not_lately(f"{record.getMessage()}: {type(error).__name__} {_place(error)}")
        record.msg, record.args, record.exc_info, record.exc_text = words, (), None, None
        if not not_lately(words):
            return False
        _met.add(words)
        return True


def over(log: logging.Logger) -> None:
    """Log that what was told of is over, if there was anything."""
    if _met:
        for words in _met:
            _said.pop(words, None)
        _met.clear()
        log.warning("it works again")
