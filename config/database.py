"""The database: the declarative base, column types that read the same on SQLite and PostgreSQL, and sessions."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Connection,
    DateTime,
    Dialect,
    Engine,
    Integer,
    MetaData,
    Text,
    TypeDecorator,
    create_engine,
    event,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.orm import DeclarativeBase, Session

from config.settings import settings

NAMES = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

# A host that vanishes, or a process put to sleep, between a lock and its commit would make every other wait for it:
# PostgreSQL lets go of the locks of either after a minute.
LET_GO = (
    "-c tcp_keepalives_idle=30 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3 "
    "-c idle_in_transaction_session_timeout=60s"
)


class Base(DeclarativeBase):
    """All tables; constraint names are fixed so that migrations can name them on both databases."""

    metadata = MetaData(naming_convention=NAMES)


class UtcTime(TypeDecorator[datetime]):
    """An instant: timezone-aware in Python, UTC in the database."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs a time zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Words(TypeDecorator[tuple[str, ...]]):
    """Several words in one column in their order, as `|fr|en|`; empty as ``.

    One canonical text a value, so that equal values are equal in SQL on both databases, and membership of a word
    is the search for `|word|`.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Sequence[str] | None, dialect: Dialect) -> str | None:
        del dialect
        if value is None or isinstance(value, str):
            return value
        return f"|{'|'.join(word.replace('|', ' ') for word in value)}|" if value else ""

    def process_result_value(self, value: str | None, dialect: Dialect) -> tuple[str, ...] | None:
        del dialect
        return None if value is None else tuple(filter(None, value.split("|")))


Json = JSON().with_variant(JSONB(), "postgresql")
BigKey = BigInteger().with_variant(Integer(), "sqlite")
"""A 64-bit key; on SQLite INTEGER, which alone counts up by itself there."""


def _sqlite_connect(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves, below
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=60000"):
        connection.execute(f"PRAGMA {pragma}")


def _notice_another_file(engine: Engine, path: Path) -> None:
    """Let go of a connection whose file was replaced: it would go on reading and writing what nobody else sees."""

    def connected(_connection: Any, record: Any) -> None:
        record.info["file"] = path.stat().st_ino

    def taken(_connection: Any, record: Any, _proxy: Any) -> None:
        if not path.exists() or path.stat().st_ino != record.info["file"]:
            raise DisconnectionError

    event.listen(engine, "connect", connected)
    event.listen(engine, "checkout", taken)


def _sqlite_begin(connection: Connection) -> None:
    # A deferred BEGIN that turns into a write fails at once when another wrote in between, in spite of the
    # timeout; IMMEDIATE waits its turn. Readers say so (execution option) and never wait.
    deferred = connection.get_execution_options().get("read_only", False)
    connection.exec_driver_sql("BEGIN" if deferred else "BEGIN IMMEDIATE")


def make_engine(url: str) -> Engine:
    """An engine for `url`. Made after a fork, never before; its error texts hold no parameters, so no addresses."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        if parsed.database:
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(parsed, hide_parameters=True)
        event.listen(engine, "connect", _sqlite_connect)
        event.listen(engine, "begin", _sqlite_begin)
        if parsed.database:
            _notice_another_file(engine, Path(parsed.database))
        return engine
    return create_engine(
        parsed,
        hide_parameters=True,
        pool_pre_ping=True,
        connect_args={
            "connect_timeout": 10,
            "options": "-c synchronous_commit=on -c timezone=UTC " + LET_GO,
            "keepalives_idle": 30,
            "keepalives_interval": 10,
            "keepalives_count": 3,
            # While an answer is waited for, keepalives are not sent.
            "tcp_user_timeout": 60_000,
        },
    )


_engines: dict[tuple[int, str], Engine] = {}
"""By process and URL."""


def engine() -> Engine:
    """The engine of this process: a child after a fork gets its own."""
    key = os.getpid(), settings().database
    found = _engines.get(key)
    # Where two threads make one each at once, both use the first: the second has connected to nothing yet.
    return found or _engines.setdefault(key, make_engine(settings().database))


def close_engines() -> None:
    """Close this process's connections, as between two tests; who asks for an engine next gets another."""
    while _engines:
        (process, _), ended = _engines.popitem()
        if process == os.getpid():
            ended.dispose()


@contextmanager
def transaction() -> Iterator[Session]:
    """A session whose work is committed at the end, or undone if the block raises."""
    with Session(engine(), expire_on_commit=False) as session, session.begin():
        yield session


@contextmanager
def rehearsal() -> Iterator[Session]:
    """A session as of a transaction, all of whose work is undone at the end."""
    with Session(engine(), expire_on_commit=False) as session:
        try:
            yield session
        finally:
            session.rollback()


@contextmanager
def reading() -> Iterator[Session]:
    """A session that only reads; on SQLite it never waits for a writer."""
    with Session(engine().execution_options(read_only=True), expire_on_commit=False) as session:
        if session.get_bind().dialect.name == "postgresql":
            # A person may page through a long list; a reader keeps nobody waiting.
            session.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        yield session


_CLOCK = select(text("clock_timestamp()"))


def database_time(session: Session) -> datetime:
    """Now, by the database's clock: the only clock that leases are measured by."""
    if session.get_bind().dialect.name == "sqlite":
        return datetime.now(UTC)  # the database is on this machine
    now = session.connection().scalar(_CLOCK)  # not by the session, which would write what is pending first
    assert isinstance(now, datetime)
    return now.astimezone(UTC)


def in_seconds(moment: datetime, seconds: float) -> datetime:
    """The instant `seconds` after `moment`."""
    return moment + timedelta(seconds=seconds)
