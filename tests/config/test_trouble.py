"""What goes wrong again and again is told once a minute: trouble in a line, a defect with all that helps to find it."""

import logging
import sys

import psycopg
import pytest
from psycopg import errors
from sqlalchemy.exc import DBAPIError

from config import trouble
from config.errors import Unavailable
from tests.press import set_up


def told(error: Exception, message: str = "the task %s failed") -> logging.LogRecord | None:
    """The record as it is logged, if it is."""
    try:
        raise error  # noqa: TRY301 -- for its traceback
    except Exception:
        record = logging.LogRecord("test", logging.ERROR, __file__, 1, message, ("deliver",), sys.exc_info())
    return record if trouble.OnceInAWhile().filter(record) else None


def test_the_same_is_told_once_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(trouble.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(trouble, "_said", {})
    monkeypatch.setattr(trouble, "_met", set())
    for minute in range(3):
        now[0] = 1000 + minute * trouble.AGAIN
        outside = told(Unavailable("Redis is away"))
        assert outside is not None
        assert (outside.getMessage(), outside.exc_info) == ("Redis is away", None)
        defect = told(KeyError("x"))
        assert defect is not None
        assert (defect.getMessage(), defect.exc_info is None) == ("the task deliver failed", False)
        now[0] += trouble.AGAIN - 1
        assert told(Unavailable("Redis is away")) is None
        assert told(KeyError("y")) is None
    assert told(KeyError("x"), "mailing of %s") is not None
    assert told(ValueError("x")) is not None
    now[0] += 2 * trouble.AGAIN
    told(KeyError("x"))
    assert len(trouble._said) == 1


@pytest.mark.parametrize("kind", [errors.IdleInTransactionSessionTimeout, errors.ReadOnlySqlTransaction])
def test_a_transaction_that_postgresql_ends_is_trouble_from_outside(
    kind: type[psycopg.Error], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_up(monkeypatch, database_url="postgresql://broadside@localhost/broadside")
    assert not issubclass(kind, psycopg.OperationalError), "then it needs no rule of its own"
    error = DBAPIError.instance("COMMIT", None, kind("it ends here"), psycopg.Error)
    words = trouble.in_words(error)
    assert words is not None and "it ends here" in words


def test_a_failed_transaction_is_a_defect() -> None:
    error = DBAPIError.instance("SELECT 1", None, errors.InFailedSqlTransaction("aborted"), psycopg.Error)
    assert trouble.in_words(error) is None
