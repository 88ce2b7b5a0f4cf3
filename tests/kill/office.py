"""A press office in separate parts, each to be killed and started again: Redis, database, SMTP server, beat, hosts."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from sqlalchemy import NullPool, create_engine, text

from cli.part import part_command
from config.migrate import upgrade
from config.settings import settings
from tasks.processes import beat_command
from tests import servers
from tests.conftest import forget
from tests.kill import notes
from tests.press import open_office
from tests.workers import Part, descendants

PROCESSES = 2
"""Of each host, for mail."""
CONNECTIONS = 4
BATCH = 100
PACE = 0.004
"""Seconds before the SMTP server answers a message: so that there is a middle to kill things in."""
SLOW_PACE = 0.05
"""The same where a copy of the database has to be made in the middle."""


def _copy(file: Path, other: Path) -> None:
    """Copy an SQLite database, also over one that is in use."""
    with closing(sqlite3.connect(file)) as database, closing(sqlite3.connect(other, timeout=60)) as copy:
        database.backup(copy)


@dataclass
class Host:
    """A machine with a state folder of its own, and its worker command."""

    folder: Path
    log: Path
    worker: Part | None = None

    def start(self) -> None:
        environment = {"BROADSIDE_STATE_DIR": str(self.folder)}
        self.worker = Part(*part_command("worker", str(PROCESSES)), environment=environment, log=self.log)

    def nodes(self) -> list[int]:
        """The process ids of the two Celery nodes."""
        assert self.worker is not None
        return [pid for pid in descendants(self.worker.process.pid) if _parent(pid) == self.worker.process.pid]

    def children(self) -> list[int]:
        """The process ids of those who do the work."""
        return [pid for node in self.nodes() for pid in descendants(node)]

    def kill(self) -> None:
        if self.worker is not None:
            self.worker.kill()

    def stop(self) -> None:
        if self.worker is not None:
            self.worker.signal(signal.SIGCONT)
            if self.worker.process.poll() is None:
                self.worker.stop()


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


@dataclass
class Servers:
    """What is kept from one round to the next: PostgreSQL with people in it, Redis, and a file with the same people."""

    people: int
    folder: Path
    stack: ExitStack = field(default_factory=ExitStack)
    rounds: int = 0

    def __enter__(self) -> Self:
        self.postgres = self.stack.enter_context(servers.postgres_server())
        self.redis = self.stack.enter_context(servers.redis_server())
        for name in [name for name in os.environ if name.startswith("BROADSIDE_")]:
            del os.environ[name]
        os.environ.update(
            BROADSIDE_REDIS_URL=self.redis.url,
            BROADSIDE_PUBLIC_URL="https://press.example.org",
            BROADSIDE_SECRET_KEY="for links in rounds that nobody follows",
            BROADSIDE_SUPPRESSION_KEY="for addresses in rounds that nobody has",
            BROADSIDE_BATCH_SIZE=str(BATCH),
            BROADSIDE_CONNECTIONS=str(CONNECTIONS),
            BROADSIDE_DEFERRAL_SECONDS="0.5",
            BROADSIDE_LEASE_SECONDS="5",
            BROADSIDE_STATE_DIR=str(self.folder / "nobody"),
        )
        self.administer("CREATE DATABASE people")
        for url in (f"{self.postgres.url}/people", f"sqlite:///{self.folder / 'people.db'}"):
            os.environ["BROADSIDE_DATABASE_URL"] = url
            forget()
            upgrade()
            open_office(self.people)
        forget()
        return self

    def __exit__(self, *_: object) -> None:
        forget()
        self.stack.close()

    def administer(self, statement: str) -> None:
        engine = create_engine(f"{self.postgres.url}/postgres", isolation_level="AUTOCOMMIT", poolclass=NullPool)
        with engine.connect() as connection:
            connection.execute(text(statement))


class Office:
    """One round's: a database of its own, an emptied Redis, beat, an SMTP server, and `hosts` hosts, running."""

    script = "tests.kill.notes:Noting"
    """How the SMTP servers behave."""
    relays = 1

    def __init__(
        self, kept: Servers, kind: str, hosts: int, rng: random.Random, folder: Path, pace: float = PACE
    ) -> None:
        """`kind` is postgresql or sqlite; `rng` decides what is killed; `pace` is the SMTP servers', in seconds."""
        self.kept, self.kind, self.rng, self.folder, self.pace = kept, kind, rng, folder, pace
        self.redis, self.postgres = kept.redis, kept.postgres
        self.notes = folder / "notes"
        self.lost: list[Host] = []
        """Hosts that never come back; their state folders were moved out of sight."""
        self.smtp: list[Part] = []
        self.hosts = [Host(folder / f"host{n}", folder / f"host{n}.log") for n in range(1, hosts + 1)]
        self.database = f"round{kept.rounds}"
        self.file = folder / "round.db"
        kept.rounds += 1

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True)
        self.redis.kill()
        self.redis.start()
        if self.kind == "postgresql":
            self.kept.administer(f"CREATE DATABASE {self.database} TEMPLATE people")
            os.environ["BROADSIDE_DATABASE_URL"] = f"{self.postgres.url}/{self.database}"
        else:
            _copy(self.kept.folder / "people.db", self.file)
            os.environ["BROADSIDE_DATABASE_URL"] = f"sqlite:///{self.file}"
        self.ports = [servers.free_port() for _ in range(self.relays)]
        self.start_smtp()
        os.environ["BROADSIDE_SMTP_URL"] = " ".join(f"smtp://127.0.0.1:{port}?tls=none" for port in self.ports)
        forget()
        settings()
        for host in self.hosts:
            host.start()
        self.start_beat()
        return self

    def __exit__(self, *_: object) -> None:
        for host in self.hosts:
            host.stop()
        self.beat.stop()
        self.kill_smtp()
        forget()
        if self.kind == "postgresql":
            self.kept.administer(f"DROP DATABASE {self.database} WITH (FORCE)")

    def start_smtp(self) -> None:
        if any(part.process.poll() is None for part in self.smtp):
            return
        environment = {notes.NOTES: str(self.notes), notes.PACE: str(self.pace)}
        command = (sys.executable, "-m", "tests.receiver", "--script", self.script, "--port")
        log = self.folder / "smtp.log"
        self.smtp = [Part(*command, str(port), environment=environment, log=log) for port in self.ports]

    def kill_smtp(self) -> None:
        for part in self.smtp:
            part.kill()

    def start_beat(self) -> None:
        self.beat = Part(*beat_command(), log=self.folder / "beat.log")

    def lose(self, host: Host) -> None:
        """This host is off for good, with all it knew."""
        host.kill()
        self.hosts.remove(host)
        host.folder.rename(host.folder.with_name(f"lost-{host.folder.name}"))
        self.lost.append(host)

    def supervise(self) -> list[str]:
        """Start again what has ended, as a supervisor would; what of it was not killed by us."""
        ended = {}
        for host in self.hosts:
            assert host.worker is not None
            if host.worker.process.poll() is not None:
                ended[f"a worker command ended with status {host.worker.process.returncode}"] = host.worker
                host.start()
        if self.beat.process.poll() is not None:
            ended[f"beat ended with status {self.beat.process.returncode}"] = self.beat
            self.start_beat()
        return [how for how, part in ended.items() if part.process.returncode != -signal.SIGKILL]

    def back_up(self) -> None:
        """Keep a copy of the database as it is now."""
        if self.kind == "sqlite":
            _copy(self.file, self.folder / "copy.db")
            return
        plain = self.postgres.url.replace("+psycopg", "")
        programs, dump = servers.postgres_programs(), self.folder / "copy.dump"
        subprocess.run([programs / "pg_dump", "-Fc", "-d", f"{plain}/{self.database}", "-f", dump], check=True)
        self.kept.administer(f"CREATE DATABASE {self.database}_copy TEMPLATE template0")
        subprocess.run([programs / "pg_restore", "-d", f"{plain}/{self.database}_copy", dump], check=True)

    def restore(self) -> None:
        """Put the copy where the database is, under whoever uses it."""
        if self.kind == "postgresql":
            self.kept.administer(f"DROP DATABASE {self.database} WITH (FORCE)")
            self.kept.administer(f"ALTER DATABASE {self.database}_copy RENAME TO {self.database}")
        elif self.rng.random() < 0.5:
            _copy(self.folder / "copy.db", self.file)
        else:  # as people do it: another file under that name
            for suffix in ("-wal", "-shm"):
                with suppress(FileNotFoundError):
                    self.file.with_name(self.file.name + suffix).unlink()
            (self.folder / "copy.db").replace(self.file)
