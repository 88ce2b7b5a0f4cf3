"""The processes of a host: one worker command is two Celery nodes and a watch over them."""

import ctypes
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from typing import IO

from config.settings import settings
from tasks.queues import BULK, HOUSEKEEPING, URGENT
from tasks.sharing import Sign

log = logging.getLogger(__name__)

WATCH_EVERY = 2.0
"""Seconds between looks at recorders whose process died."""
TIDY_EVERY = 3600.0
"""Seconds between removals of recorders that were recorded long ago, on each host its own."""
KEEP_RECORDERS = 24 * 3600.0
"""Seconds for which a recorder that was recorded is kept: `ledger reconcile` may ask for it."""
PR_SET_PDEATHSIG = 1
_LIBRARY = ctypes.CDLL(None) if sys.platform == "linux" else None
AT_ONCE = 3.0
"""Seconds that a part has to end its own parts when everything is to end at once."""


def die_with_parent() -> None:
    """Ask Linux to end this process when its parent is gone, even by `kill -9`."""
    if _LIBRARY is not None:
        _LIBRARY.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def start(*command: str, keep: Collection[int] = (), output: IO[bytes] | None = None) -> subprocess.Popen[bytes]:
    """Start a part in a session of its own, so that Ctrl-C reaches only us and we end the parts in order.

    It inherits the descriptors in `keep`. What it logs goes to `output`, by default to our standard error; what it
    prints goes nowhere, as Celery prints of each signal it gets.
    """
    return subprocess.Popen(
        command,
        start_new_session=True,
        preexec_fn=die_with_parent,  # noqa: PLW1509  (one thread, and before it starts any)
        pass_fds=tuple(keep),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=output,
    )


class Ending:
    """What signals ask of this process: the first to end in good order, the second to end at once."""

    def __init__(self) -> None:
        self.asked = False
        self.at_once = False

    def listen(self) -> None:
        """Take SIGINT (Ctrl-C), SIGTERM and SIGHUP (the terminal was closed)."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._signalled)

    def _signalled(self, _signal: int, _frame: object) -> None:
        self.at_once = self.asked
        self.asked = True

    def wait(self, seconds: float) -> bool:
        """Sleep, but not beyond the first signal; True if there was one."""
        deadline = time.monotonic() + seconds
        while not self.asked and (left := deadline - time.monotonic()) > 0:
            time.sleep(min(left, 0.1))
        return self.asked


def python(module: str, *arguments: str) -> tuple[str, ...]:
    """The command line that runs one of our modules, whatever lies in the folder it is started from."""
    # Celery warns of root for the sake of pickled tasks; ours are JSON.
    return (sys.executable, "-P", "-W", "ignore:You're running the worker with superuser", "-m", module, *arguments)


def worker_commands(processes: int) -> list[Sequence[str]]:
    """The nodes of a host: `processes` for mail, and one that serves only urgent mail and housekeeping."""

    def node(name: str, queues: str, size: int) -> Sequence[str]:
        return python("tasks", "worker", f"{name}-{os.getpid()}", queues, str(size))

    return [node("mail", f"{URGENT},{BULK}", processes), node("house", f"{HOUSEKEEPING},{URGENT}", 1)]


def beat_command() -> Sequence[str]:
    """The scheduler."""
    return python("tasks", "beat")


def run_worker(processes: int) -> int:
    """Run this host's nodes until told to stop; every 2 s recover what a dead process left. Returns an exit status.

    Raises Refused where another machine uses the state folder.
    """
    settings().state_dir.mkdir(parents=True, exist_ok=True)
    sign = Sign(settings().state_dir, WATCH_EVERY)
    ending = Ending()
    ending.listen()
    commands = worker_commands(processes)
    nodes = [start(*command) for command in commands]
    # Only now, while the nodes start: what follows takes half a second to load.
    from config import trouble  # noqa: PLC0415
    from mailer.ledger import recorder  # noqa: PLC0415
    from mailer.ledger.recovery import recover_host  # noqa: PLC0415

    tidied = -TIDY_EVERY
    shared = ""
    while not (ending.asked or shared):
        try:
            shared = sign.renew()
            if time.monotonic() - tidied >= TIDY_EVERY:
                tidied = time.monotonic()
                recorder.prune(settings().state_dir, time.time() - KEEP_RECORDERS)
            recover_host()
        except Exception as error:
            if trouble.in_words(error) is None:
                raise
            log.warning("what died here cannot be looked at", exc_info=True)
        for place, node in enumerate(nodes):
            if node.poll() is not None and not ending.asked:
                log.error("a worker node ended with status %d and is started again", node.returncode)
                nodes[place] = start(*commands[place])
        ending.wait(WATCH_EVERY)
    if shared:
        log.error("%s", shared)
    return drain(nodes, at_once=lambda: ending.at_once, mercy=0.0) or bool(shared)


def drain(
    parts: Sequence[subprocess.Popen[bytes]],
    patience: float = 30.0,
    at_once: Callable[[], bool] = lambda: False,
    mercy: float = AT_ONCE,
) -> int:
    """Ask parts to end and wait until they have finished what they are at; 1 if one had to be killed.

    As soon as `at_once` is true they are asked again. Those left after `patience` seconds, or `mercy` seconds after
    that, are killed: what a worker had in hand is told by its flight recorder.
    """
    for part in parts:
        if part.poll() is None:
            part.terminate()
    deadline = time.monotonic() + patience
    hurried = False
    while left := [part for part in parts if part.poll() is None]:
        if at_once() and not hurried:
            hurried, deadline = True, time.monotonic() + mercy
            for part in left:
                part.terminate()
        if time.monotonic() >= deadline:
            for part in left:
                with suppress(ProcessLookupError):
                    os.killpg(part.pid, signal.SIGKILL)  # its session's group, so its children as well
                part.wait()
            return 1
        time.sleep(0.02)
    return 0
