"""The services of docker-compose.yml without containers: their commands, settings and health checks, as processes."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from compose_spec import PyCompose
from sqlalchemy import NullPool, create_engine, text

from tasks.redis_server import redis_program
from tests.servers import free_port
from tests.test_compose import SECRETS, run_compose

ROOT = Path(__file__).parents[1]
PROGRAM = Path(sys.executable).parent / "broadside"
PATIENCE = 90.0
"""Seconds until every part is healthy, on a busy machine."""


class Services:
    """The compose file's services: how each is run here, where hosts, ports and volumes are other ones."""

    def __init__(self, folder: Path, database: str, redis: str) -> None:
        self._folder = folder
        self.described: dict[str, Any] = PyCompose.from_yaml(run_compose(SECRETS, "inbox").stdout).to_dict()["services"]
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.ports = {name: str(free_port()) for name in ("WEB_PORT", "INBOX_PORT", "INBOX_SMTP_PORT")}
        self._changed = {
            "BROADSIDE_DATABASE_URL": database,
            "BROADSIDE_REDIS_URL": redis,
            **{f"BROADSIDE_{name}": port for name, port in self.ports.items()},
        }

    def environment(self, name: str) -> dict[str, str]:
        machine = {key: value for key, value in os.environ.items() if not key.startswith("BROADSIDE_")}
        state = {"BROADSIDE_STATE_DIR": str(self._folder / name)}
        return machine | self.described[name]["environment"] | self._changed | state

    def run(self, *arguments: str, service: str = "worker") -> str:
        done = subprocess.run(
            [PROGRAM, *arguments], env=self.environment(service), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self, name: str) -> subprocess.Popen[bytes]:
        with (self._folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [PROGRAM, *self.described[name]["command"]], env=self.environment(name), stdout=log, stderr=log
            )

    def is_healthy(self, name: str) -> bool:
        """What the service's health check says; the python in it is this one."""
        test = self.described[name]["healthcheck"]["test"]
        command = ["sh", "-c", test] if isinstance(test, str) else list(test[1:])
        ports = {"8025": self.ports["WEB_PORT"], "8026": self.ports["INBOX_PORT"]}
        for usual, here in ports.items():
            command = [word.replace(usual, here) for word in command]
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        environment = self.environment(name) | {"PATH": path}
        return subprocess.run(command, env=environment, capture_output=True, check=False, cwd=ROOT).returncode == 0


@pytest.fixture
def services(tmp_path: Path, postgres_server: str) -> Iterator[Services]:
    """All of them, running on a database and a Redis of their own."""
    name = f"compose{os.getpid()}"
    admin = create_engine(f"{postgres_server}/postgres", isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE template0"))
    redis_port = str(free_port())
    database = f"{postgres_server}/{name}".replace("+psycopg", "")
    made = Services(tmp_path, database, f"redis://127.0.0.1:{redis_port}/0")
    (tmp_path / "redis").mkdir()
    try:
        with ExitStack() as running:
            flags = made.described["redis"]["command"][1:]
            redis = subprocess.Popen(
                [redis_program(), *flags, "--port", redis_port, "--bind", "127.0.0.1", "--dir", tmp_path / "redis"],
                stdout=subprocess.DEVNULL,
            )
            running.callback(_end, redis)
            made.run(*made.described["migrate"]["command"], service="migrate")
            for part in ("worker", "beat", "web", "inbox"):
                made.running[part] = made.start(part)
                running.callback(_end, made.running[part])
            yield made
    finally:
        with admin.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    assert process.wait() == 0


def _soon(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_they_send_a_mailing_into_the_inbox(services: Services, tmp_path: Path) -> None:
    for name in ("web", "inbox", "worker"):
        _soon(lambda name=name: services.is_healthy(name))
    demo = ROOT / "cli" / "demo_content"
    folder = tmp_path / "value-gap"
    shutil.copytree(demo / "value-gap", folder)
    people = tmp_path / "people.csv"
    people.write_text("email,languages\n" + "".join(f"p{number}@gazette.example,fr\n" for number in range(600)))
    services.run("house", "import", str(demo / "house.yaml"))
    for name in ("press", "members", "policy"):
        services.run("list", "create", name, "--title", name.title())
    services.run("subscribers", "import", str(people), "--list", "press", "--basis", "consent", "--source", "test")
    services.run("mailing", "import", str(folder))
    services.run("mailing", "send", "value-gap", "--wait")
    report = json.loads(services.run("mailing", "report", "value-gap", "--json"))
    assert report["state"] == "finished"
    assert report["deliveries"] == {"sent": 600}
    # The flight recorder is where the worker's volume is, and nowhere else.
    assert list((tmp_path / "worker" / "recorder").rglob("done/*"))
    assert not (tmp_path / "beat" / "recorder").exists()
    assert not (tmp_path / "web").exists() or not any((tmp_path / "web").iterdir())
    for name in ("worker", "web", "inbox"):
        _end(services.running[name])
        assert not services.is_healthy(name), name
