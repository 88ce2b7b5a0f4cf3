"""Real servers in a thread of the test."""

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Self

from starlette.types import ASGIApp

from web.inbox.smtp import Server
from web.inbox.store import Inbox
from web.serving import listen, serve_pages


@contextmanager
def running(work: Callable[[asyncio.Event], Coroutine[Any, Any, None]]) -> Iterator[None]:
    """`work` in an event loop of its own thread; its event is set at the end, and its errors are raised."""
    loop, stop, ready = asyncio.new_event_loop(), asyncio.Event(), threading.Event()
    failures: list[BaseException] = []

    def run() -> None:
        async def main() -> None:
            loop.call_soon(ready.set)
            await work(stop)

        try:
            loop.run_until_complete(main())
            loop.run_until_complete(loop.shutdown_default_executor())
        except BaseException as error:
            failures.append(error)
        finally:
            loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    ready.wait()
    try:
        yield
    finally:
        if not loop.is_closed():
            loop.call_soon_threadsafe(stop.set)
        thread.join()
    if failures:
        raise failures[0]


@contextmanager
def http(app: ASGIApp) -> Iterator[str]:
    """`app` over HTTP on a free port: its address, as in http://127.0.0.1:1234."""
    listener = listen("127.0.0.1", 0, "")
    port = listener.getsockname()[1]
    with running(lambda stop: serve_pages(app, listener, stop)):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def smtp(inbox: Inbox) -> Iterator[int]:
    """An SMTP server that delivers to `inbox`: its port."""
    listener = listen("127.0.0.1", 0, "")
    port = listener.getsockname()[1]

    async def work(stop: asyncio.Event) -> None:
        server = Server(inbox)
        taking = await server.start(listener)
        await stop.wait()
        taking.close()
        server.stop()
        await asyncio.sleep(0)

    with running(work):
        yield port


class Conversation:
    """A raw SMTP client: writes octets, reads whole replies."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")

    def __enter__(self) -> Self:
        assert self.reply()[0].startswith("220 ")
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()
        self.socket.close()

    def write(self, octets: bytes) -> None:
        self.socket.sendall(octets)

    def reply(self) -> list[str]:
        lines = []
        while True:
            line = self.file.readline().decode("ascii")
            if not line:
                return lines
            assert line.endswith("\r\n")
            lines.append(line[:-2])
            if line[3:4] != "-":
                return lines

    def ask(self, *commands: str) -> list[str]:
        """The last lines of the replies to commands that travel in one write."""
        self.write("".join(f"{command}\r\n" for command in commands).encode())
        return [self.reply()[-1] for _ in commands]
