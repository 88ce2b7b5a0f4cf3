"""The processes of a host: one worker command is two Celery nodes and a watch over them."""

import ctypes
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

from sqlalchemy.exc import DBAPIError

from config.settings import settings
from mailer.ledger.recovery import recover_host
from tasks.app import BULK, HOUSEKEEPING, URGENT

log = logging.getLogger(__name__)

WATCH_EVERY = 2.0
"""Seconds between looks at recorders whose process died."""
PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Ask Linux to end this process when its parent is gone, even by `kill -9`."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def start(*command: str, env: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
    """Start a part in a session of its own, so that Ctrl-C reaches only us and we end the parts in order."""
    return subprocess.Popen(
        command,
        start_new_session=True,
        preexec_fn=die_with_parent,  # noqa: PLW1509  (one thread, and before it starts any)
        env={**os.environ, **(env or {})},
    )


def celery(*arguments: str) -> tuple[str, ...]:
    """A Celery command line with our app."""
    return (sys.executable, "-m", "celery", "--app", "tasks.app:app", "--quiet", *arguments)


def worker_commands(processes: int) -> list[Sequence[str]]:
    """The nodes of a host: `processes` for mail, and one that serves only urgent mail and housekeeping."""
    quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "WARNING")
    return [
        celery("worker", "-n", f"mail-{os.getpid()}@%h", "-Q", f"{URGENT},{BULK}", "-c", str(processes), *quiet),
        celery("worker", "-n", f"house-{os.getpid()}@%h", "-Q", f"{URGENT},{HOUSEKEEPING}", "-c", "1", *quiet),
    ]


def beat_command() -> Sequence[str]:
    """The scheduler."""
    return celery("beat", "--loglevel", "WARNING", "--pidfile", "")


def run_worker(processes: int) -> int:
    """Run this host's nodes until told to stop; every 2 s recover what a dead process left. Returns an exit status."""
    settings().state_dir.mkdir(parents=True, exist_ok=True)
    stopping = False

    def stop(_signal: int, _frame: object) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    commands = worker_commands(processes)
    nodes = [start(*command) for command in commands]
    while not stopping:
        try:
            recover_host()
        except DBAPIError as error:
            log.warning("the database does not answer (%s)", type(error.orig).__name__)
        for place, node in enumerate(nodes):
            if node.poll() is not None and not stopping:
                log.error("a worker node ended with status %d and is started again", node.returncode)
                nodes[place] = start(*commands[place])
        deadline = time.monotonic() + WATCH_EVERY
        while not stopping and time.monotonic() < deadline:
            time.sleep(0.1)
    return drain(nodes)


def drain(parts: Sequence[subprocess.Popen[bytes]], patience: float = 30.0) -> int:
    """Ask parts to end and wait until they have finished what they are at; 1 if one had to be killed."""
    for part in parts:
        if part.poll() is None:
            part.terminate()
    killed = 0
    deadline = time.monotonic() + patience
    for part in parts:
        try:
            part.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            part.kill()
            part.wait()
            killed = 1
    return killed
