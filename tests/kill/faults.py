"""What goes wrong in a round: something is killed, and a supervisor starts it again; a host or a day is lost."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mailer.ledger import recorder
from tests.kill.office import Host, Office


def _nothing(_office: Office) -> None:
    pass


@dataclass(frozen=True)
class Fault:
    """`strike` breaks something; `mend`, some seconds later, is what a supervisor does about it."""

    name: str
    strike: Callable[[Office], None]
    mend: Callable[[Office], None] = _nothing
    only: str = ""
    """The database on which alone it makes sense."""
    lasts: float = 0.0
    """Seconds until it is mended, where that is not left to chance."""


def _kill_one(office: Office, choose: Callable[[Host], list[int]]) -> None:
    """One process of a host that is up, if there is any: after another fault there may be none."""
    pids = choose(office.rng.choice(office.hosts)) if office.hosts else []
    if pids:
        with suppress(ProcessLookupError):
            os.kill(office.rng.choice(pids), signal.SIGKILL)


def _child(office: Office) -> None:
    _kill_one(office, Host.children)


def _node(office: Office) -> None:
    _kill_one(office, Host.nodes)


def _command(office: Office) -> None:
    _kill_one(office, lambda host: [host.worker.process.pid] if host.worker else [])


def _workers(office: Office) -> None:
    for host in office.hosts:
        host.kill()


def _lose_a_host(office: Office) -> None:
    office.lose(office.rng.choice(office.hosts))


FAULTS = {
    fault.name: fault
    for fault in (
        # What runs below a worker command it starts again itself; the command, the workers and beat `supervise` does.
        Fault("child", _child),
        Fault("node", _node),
        Fault("command", _command),
        Fault("workers", _workers),
        Fault("beat", lambda office: office.beat.kill()),
        Fault("redis", lambda office: office.redis.kill(), lambda office: office.redis.start()),
        Fault("postgres", lambda office: office.postgres.kill(), lambda office: office.postgres.start(), "postgresql"),
        Fault(
            "away", lambda office: office.postgres.stop(), lambda office: office.postgres.start(), "postgresql", 60.0
        ),
        Fault("smtp", lambda office: office.kill_smtp(), lambda office: office.start_smtp()),
        Fault("host", _lose_a_host, only="postgresql"),
    )
}
BACK = "back"
"""The database goes back in time: a fault of its own, see `go_back`."""


def claims(office: Office) -> set[str]:
    """The recorders of all hosts: one for each claim that was made."""
    return {path.name for host in office.hosts for path in recorder.all_files(host.folder)}


def go_back(office: Office, taken: Callable[[], int], finished: Callable[[], bool]) -> list[str]:
    """Copy the database, let the mailing go on, put the copy back under running workers, reconcile; what was wrong."""
    wrong = []
    office.back_up()
    before, known = taken(), claims(office)
    while (taken() < before + 150 or len(claims(office)) < len(known) + 3) and not finished():
        time.sleep(0.05)
    office.restore()
    patient = office.rng.random() < 0.7
    if patient:
        time.sleep(1)  # a claim whose commit the restoring met
        known = claims(office)
        time.sleep(office.rng.uniform(3, 6))
        if new := claims(office) - known:
            wrong.append(f"{len(new)} claims were made before anybody had reconciled")
    deadline = time.monotonic() + 60
    while statuses := [status for host in list(office.hosts) if (status := _reconcile(host))]:
        if patient or time.monotonic() > deadline:
            # Each host is asked once more: the first could not know what the others' recorders say.
            if not any(_reconcile(host) for host in office.hosts):
                break
            wrong.append(f"reconcile ended with status {statuses[0]}")
            break
        time.sleep(0.5)
    return wrong


def _reconcile(host: Host) -> int:
    command = [sys.executable, "-c", "from cli.main import run; run()", "ledger", "reconcile"]
    with host.log.open("ab") as output:
        return subprocess.run(
            command,
            env={**os.environ, "BROADSIDE_STATE_DIR": str(host.folder)},
            cwd=Path(__file__).parents[2],
            stdout=output,
            stderr=output,
            check=False,
        ).returncode
