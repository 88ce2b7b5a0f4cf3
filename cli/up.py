"""`broadside up`: everything in one terminal."""

import socket
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from cli.database import ready
from cli.output import DONE, REFUSED, out, plain, say, warn
from cli.part import local_inbox, local_web, part_command
from cli.running import USUAL_PROCESSES
from config.errors import Unavailable
from config.settings import Settings, settings
from tasks import redis_server
from tasks.processes import Ending, beat_command
from tasks.state_lock import StateLock
from tasks.supervisor import Part, Supervisor
from web.serving import listen

START = 60.0
"""Seconds that the parts have to start."""
WORKER_PATIENCE = 45.0
"""Seconds for the messages in hand; more than the worker command gives its nodes."""


class Office:
    """The parts of one machine that the settings do not name elsewhere, running from `with` to its end.

    Raises Refused where another runs on the state folder or a port is taken, and Unavailable where a part that the
    settings name does not answer.
    """

    def __init__(
        self, tell: Callable[[str], None], lock: StateLock | None = None, output: IO[bytes] | None = None
    ) -> None:
        """`tell` is told of parts that are started again; the parts log to `output`, by default the terminal.

        `lock` is the state folder, if that is held already.
        """
        self.ending = Ending()
        self.status = DONE
        self._tell = tell
        self._lock = lock
        self._output = output
        self._settings = settings()

    def __enter__(self) -> Self:
        chosen = self._settings
        with ExitStack() as undo:
            lock = self._lock or hold(chosen.state_dir, self._tell)
            undo.callback(lock.close)
            _look_for_ports(chosen)
            self.ending.listen()
            self._supervisor = Supervisor(self.ending, self._tell, (lock.parts,), self._output)
            undo.callback(self._stop)
            self._start_redis(chosen)
            ready()
            self._start_parts(chosen)
            self._undo = undo.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._undo.close()

    def _start_redis(self, chosen: Settings) -> None:
        if chosen.redis_url:
            redis_server.look_for_redis(chosen.redis)
            return
        redis_server.end_forgotten_redis(chosen.redis)
        folder = chosen.state_dir.absolute()
        part = self._supervisor.start("Redis", *redis_server.redis_command(chosen.redis_socket, folder), stage=0)
        redis_server.wait_for_redis(chosen.redis, lambda: part.ended, folder)

    def _start_parts(self, chosen: Settings) -> None:
        start = self._supervisor.start
        # The worker takes longest to start; it sends to the inbox, so it is ended before that.
        start("the worker", *part_command("worker", str(USUAL_PROCESSES)), stage=2, patience=WORKER_PATIENCE)
        start("beat", *beat_command(), stage=1)
        start("the web server", *part_command("web"), stage=1)
        if not chosen.smtp_url:
            start("the inbox", *part_command("inbox"), stage=1)

    def wait_until_ready(self) -> bool:
        """Wait until every part answers; False where a signal came first. Raises Unavailable if one does not start."""
        from tasks.app import app  # noqa: PLC0415 -- the parts start while this loads

        chosen = self._settings
        ports = [chosen.web_port] if chosen.smtp_url else [chosen.web_port, chosen.inbox_port, chosen.inbox_smtp_port]
        deadline = time.monotonic() + START
        nodes = 0
        while not self.ending.asked:
            dead = next((part for part in self._supervisor.parts if part.ended), None)
            if dead is not None:
                raise Unavailable(f"{dead.name} did not start")
            ports = [port for port in ports if not _answers(chosen.host, port)]
            if not ports:
                nodes = nodes or len(app.control.ping(timeout=0.2, limit=2) or ())
                if nodes:
                    return True
            if time.monotonic() > deadline:
                raise Unavailable(f"not every part has started after {START:.0f} seconds")
            self.ending.wait(0.05)
        return False

    def look(self) -> None:
        """Start again what ended by itself."""
        self._supervisor.look()

    def run(self) -> None:
        """Look after the parts until a signal asks to end."""
        self._supervisor.run()

    @property
    def parts(self) -> list[Part]:
        """What runs, in the order of its start."""
        return self._supervisor.parts

    def _stop(self) -> None:
        if self._supervisor.stop():
            self.status = REFUSED


def hold(folder: Path, tell: Callable[[str], None], remedy: str = "set BROADSIDE_STATE_DIR to another") -> StateLock:
    """The state folder, held; waits for what an `up` that was killed has left. Raises Refused where one runs."""
    return StateLock(folder, remedy, lambda: tell("waiting for the parts of an earlier run to end"))


def up() -> int:
    """Run everything until Ctrl-C or SIGTERM; an exit status."""
    chosen = settings()
    with Office(warn) as office:
        if office.wait_until_ready():
            say("Broadside is up. Ctrl-C ends it, once the messages in hand are sent.")
            say()
            show_places(_places(chosen))
            office.run()
        say("ending: the messages in hand are sent first (Ctrl-C again: at once)")
    if office.status == DONE:
        say("ended")
    else:
        warn("not every part could finish; what was in hand is looked at when Broadside is started again")
    return office.status


def show_places(places: Mapping[str, object]) -> None:
    """Addresses and paths by their names, each whole on its line, to be copied."""
    width = max(map(len, places))
    for name, place in places.items():
        if place:
            out.print(plain(f"{name:<{width}}  {place}"), soft_wrap=True)


def _places(chosen: Settings) -> dict[str, object]:
    return {
        "public pages": local_web(chosen) + (f"  as {chosen.public_url}" if chosen.public_url else ""),
        "inbox": "" if chosen.smtp_url else f"{local_inbox(chosen)}  (SMTP on port {chosen.inbox_smtp_port})",
        "relays": ", ".join(relay.name for relay in chosen.smtp_url),
        "database": "as BROADSIDE_DATABASE_URL says" if chosen.database_url else chosen.state_dir / "broadside.db",
        "queue": "as BROADSIDE_REDIS_URL says" if chosen.redis_url else "a Redis of its own, on no port",
        "workers": f"{USUAL_PROCESSES} processes that send",
        "state folder": chosen.state_dir.absolute(),
    }


def _look_for_ports(chosen: Settings) -> None:
    """Raise Refused for a port that is taken, before anything is started."""
    wanted = {"BROADSIDE_WEB_PORT": chosen.web_port}
    if not chosen.smtp_url:
        wanted |= {"BROADSIDE_INBOX_PORT": chosen.inbox_port, "BROADSIDE_INBOX_SMTP_PORT": chosen.inbox_smtp_port}
    with ExitStack() as held:
        for setting, port in wanted.items():
            held.enter_context(listen(chosen.host, port, setting))


def _answers(host: str, port: int) -> bool:
    with suppress(OSError), socket.create_connection((host, port), timeout=1):
        return True
    return False
