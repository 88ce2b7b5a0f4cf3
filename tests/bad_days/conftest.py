"""A small office for bad days: quick leases, a Redis of its own, and a log to read afterwards."""

import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import NullPool, create_engine, text

from config.migrate import upgrade
from tests import servers
from tests.conftest import forget
from tests.press import set_up
from tests.servers import Server

QUICK = {"public_url": "https://press.example.org", "batch_size": 20, "deferral_seconds": 1, "lease_seconds": 8}


@pytest.fixture
def redis(environment: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A Redis that may be ended and started again."""
    with servers.redis_server() as server:
        set_up(monkeypatch, redis_url=server.url, **QUICK)
        yield server


@pytest.fixture
def postgres(redis: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A PostgreSQL server that may be ended and started again, with an empty, migrated database."""
    with servers.postgres_server() as server:
        use_database(server, monkeypatch)
        yield server
        forget()


def use_database(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make an empty, migrated database there, and use it."""
    admin = create_engine(f"{server.url}/postgres", poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text("CREATE DATABASE press"))
    set_up(monkeypatch, database_url=f"{server.url}/press")
    upgrade()


@pytest.fixture
def small_disk() -> Iterator[Callable[[int], Path]]:
    """Mount a disk of so many megabytes, where PostgreSQL's user may reach it too."""
    mounted: list[Path] = []

    def mount(megabytes: int) -> Path:
        folder = Path(tempfile.mkdtemp(prefix="broadside-disk-"))
        command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0777", "tmpfs", str(folder)]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            folder.rmdir()
            pytest.skip("a small disk can only be mounted by root")
        mounted.append(folder)
        folder.chmod(0o755)
        return folder

    yield mount
    forget()
    for folder in mounted:
        subprocess.run(["umount", "--lazy", folder], check=True)
        folder.rmdir()


def fill(folder: Path) -> Path:
    """Fill the disk that the folder is on; the file that does it."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (65536, 4096, 1):
            try:
                while file.write(bytes(size)):
                    pass
            except OSError:
                continue
    return ballast
