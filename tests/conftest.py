"""Real parts for the tests: both databases, a Redis, a state folder. Each is started at first use and ended at the end."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis
from sqlalchemy import NullPool, create_engine, text

from config import keys, redis_connection
from config.database import close_engines
from config.settings import settings
from mailer.sending import close_fleets
from tests import servers


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a PostgreSQL server of this test run's own, without a database name."""
    with servers.postgres() as url:
        yield url


@pytest.fixture(scope="session")
def running_redis() -> Iterator[str]:
    """The URL of a Redis server of this test run's own."""
    with servers.redis() as url:
        yield url


@pytest.fixture
def redis_server(running_redis: str) -> str:
    """The URL of an empty Redis: no hint of another test's, and no claim of another database's to be witnessed."""
    with Redis.from_url(running_redis) as redis:
        redis.flushdb()
    return running_redis


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """Broadside's settings for one test: no BROADSIDE_ variable of the machine's, a state folder of its own.

    Change them with monkeypatch.setenv before anything reads them, and call `forget()` after a later change.
    """
    for name in list(os.environ):
        if name.startswith("BROADSIDE_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("BROADSIDE_STATE_DIR", str(tmp_path / "state"))
    forget()
    yield {}
    forget()


def forget() -> None:
    """Let the next reader of settings, keys or the engine read afresh."""
    close_engines()
    close_fleets()
    redis_connection.close()
    for cached in (settings, keys.signing_key, keys._keyed):
        cached.cache_clear()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(
    request: pytest.FixtureRequest, environment: object, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[str]:
    """An empty, migrated database, its URL in the settings; each test runs on both kinds."""
    from config.migrate import upgrade

    if request.param == "sqlite":
        monkeypatch.setenv("BROADSIDE_DATABASE_URL", f"sqlite:///{tmp_path / 'test.db'}")
        forget()
        upgrade()
        yield settings().database
        return
    server = request.getfixturevalue("postgres_server")
    name = f"t{os.getpid()}_{time.monotonic_ns()}"
    admin = create_engine(f"{server}/postgres", isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE template0"))
    monkeypatch.setenv("BROADSIDE_DATABASE_URL", f"{server}/{name}")
    forget()
    upgrade()
    try:
        yield settings().database
    finally:
        forget()
        with admin.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
