"""An SMTP server of the tests' own: fast, scriptable, and it remembers what it accepted.

In a test:       with Receiver(script=Script()) as receiver: ... receiver.port ... receiver.messages
As a process:    with ReceiverProcess(folder) as receiver: ... receiver.messages()
From a shell:    python -m tests.receiver --port 2525 --store FOLDER

A message is remembered at its final dot, before the reply is written. In a store it is one JSON line (mail_from, rcpt,
parameters, size, time, connection) and then its bytes.
"""

import argparse
import asyncio
import importlib
import json
import os
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tests.receiver_session import Received, Say, Script, Session

STORE = "received"


class RefuseEvery(Script):
    """Refuses every n-th recipient it is asked for, by the address's number, during the first so many seconds."""

    def __init__(self, every: int, seconds: float, reply: str = "451 4.3.0 try again later") -> None:
        self.every, self.until, self.reply = every, time.monotonic() + seconds, reply

    def on_command(self, session: Session, verb: str, argument: str) -> Say | None:
        if verb == "RCPT" and time.monotonic() < self.until:
            digits = "".join(c for c in argument.partition("@")[0] if c.isdigit())
            if digits and int(digits) % self.every == 0:
                return Say(self.reply)
        return None


@dataclass
class Receiver:
    """The server, in a thread of its own. `messages` grows as they come in."""

    script: Script = field(default_factory=Script)
    port: int = 0
    pipelining: bool = True
    smtputf8: bool = True
    eightbitmime: bool = True
    size: int | None = 0
    starttls: ssl.SSLContext | None = None
    implicit_tls: ssl.SSLContext | None = None
    auth: tuple[str, str] | None = None
    """User name and password; then MAIL needs them."""
    pieces: int = 0
    """Write replies in pieces of so many bytes, each in a packet of its own."""
    delay: float = 0.0
    """Seconds before each message's reply."""
    store: Path | None = None
    content: str = "all"
    """all, or headers: of long runs keep only those."""
    keep: bool = True
    """Keep messages in memory."""
    messages: list[Received] = field(default_factory=list)
    sessions: list[Session] = field(default_factory=list)

    async def serve(self) -> asyncio.Server:
        self._file = os.open(self.store / STORE, os.O_WRONLY | os.O_CREAT | os.O_APPEND) if self.store else -1
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Session(self), "127.0.0.1", self.port, ssl=self.implicit_tls)
        self.port = server.sockets[0].getsockname()[1]
        return server

    def remember(self, message: Received) -> None:
        if self.content == "headers":
            message.content = message.content.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
        if self._file >= 0:
            head = {
                "mail_from": message.mail_from,
                "rcpt": message.rcpt,
                "parameters": message.parameters,
                "size": len(message.content),
                "connection": message.connection,
                "time": message.time,
            }
            os.write(self._file, json.dumps(head).encode() + b"\n" + message.content)
        if self.keep:
            self.messages.append(message)

    def __enter__(self) -> Self:
        started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main(started)), daemon=True)
        self._thread.start()
        assert started.wait(30), "the receiver did not start"
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(30)

    async def _main(self, started: threading.Event) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        server = await self.serve()
        started.set()
        await self._ended.wait()
        for listener in server.sockets:  # asyncio trips over a connection that it accepts while its server closes
            self._loop.remove_reader(listener.fileno())
        for _ in range(1000):
            for session in self.sessions:
                session.abort()
            await asyncio.sleep(0.001)
            if len(asyncio.all_tasks()) == 1 and all(session.lost for session in self.sessions):
                break
        server.close()
        if self._file >= 0:
            os.close(self._file)


def stored(folder: Path) -> Iterator[Received]:
    """What a receiver with this store has remembered so far; half a record at the end is left out."""
    path = folder / STORE
    if not path.exists():
        return
    with path.open("rb") as file:
        while (line := file.readline()).endswith(b"\n"):
            head = json.loads(line)
            size = head.pop("size")
            content = file.read(size)
            if len(content) < size:
                return
            yield Received(content=content, **head)


class ReceiverProcess:
    """A receiver as a process of its own. `arguments` are those of the command line below."""

    def __init__(self, store: Path, *arguments: str, port: int = 0) -> None:
        self.store, self.port, self._arguments = store, port, arguments

    def __enter__(self) -> Self:
        self.store.mkdir(parents=True, exist_ok=True)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.receiver", "--port", str(self.port), "--store", self.store, *self._arguments],
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parent.parent,
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline().split()[-1])
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(30)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def messages(self) -> list[Received]:
        return list(stored(self.store))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.receiver")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--store", type=Path)
    parser.add_argument("--content", choices=["all", "headers"], default="all")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds before each message's reply")
    parser.add_argument("--no-pipelining", action="store_true")
    parser.add_argument("--refuse-every", type=int, help="refuse recipients whose number is a multiple of this")
    parser.add_argument("--refuse-seconds", type=float, default=5.0, help="for so long from the start")
    parser.add_argument("--refuse-with", default="451 4.3.0 try again later")
    parser.add_argument("--script", help="module:callable that returns a Script")
    given = parser.parse_args()
    script = Script()
    if given.refuse_every:
        script = RefuseEvery(given.refuse_every, given.refuse_seconds, given.refuse_with)
    elif given.script:
        module, _, name = given.script.partition(":")
        script = getattr(importlib.import_module(module), name)()
    if given.store:
        given.store.mkdir(parents=True, exist_ok=True)

    async def run() -> None:
        receiver = Receiver(
            script,
            given.port,
            pipelining=not given.no_pipelining,
            delay=given.delay,
            store=given.store,
            content=given.content,
            keep=False,
        )
        server = await receiver.serve()
        sys.stdout.write(f"receiving on port {receiver.port}\n")
        sys.stdout.flush()
        ended = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, ended.set)
        await ended.wait()
        server.close()

    asyncio.run(run())


if __name__ == "__main__":
    main()
