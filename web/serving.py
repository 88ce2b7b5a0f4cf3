"""Running servers in one process until a signal asks them to stop."""

import asyncio
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from config.errors import Refused

GRACE_SECONDS = 5
"""How long answers that were begun may take after a signal."""


def listen(host: str, port: int, setting: str) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises Refused, naming `setting`, where there is none to be had."""
    try:
        address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.socket(*address[:3])
    except OSError as error:
        raise Refused(
            f"cannot listen on {host}: {error.strerror}; set BROADSIDE_HOST to an address of this machine"
        ) from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address[4])
        listener.listen(1024)
    except OSError as error:
        listener.close()
        raise Refused(f"cannot listen on {host} port {port}: {error.strerror}; set {setting} to another port") from None
    listener.setblocking(False)
    return listener


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to `until_stopped`: uvicorn would raise them again once it is done."""
        yield


async def serve_pages(app: ASGIApp, listener: socket.socket, stop: asyncio.Event) -> None:
    """Serve `app` over HTTP until `stop` is set. Requests are not logged: their paths hold tokens."""
    config = uvicorn.Config(
        app,
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    server = _Server(config)

    async def end() -> None:
        await stop.wait()
        server.should_exit = True

    ending = asyncio.create_task(end())
    try:
        await server.serve(sockets=[listener])
    finally:
        ending.cancel()


def until_stopped(work: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    """Run `work` and set its event at SIGINT or SIGTERM; returns when it has ended."""

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        await work(stop)

    asyncio.run(main())
