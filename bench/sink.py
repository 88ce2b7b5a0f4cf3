"""An SMTP server that accepts everything and keeps nothing but a count: the fastest receiver that Python allows.

It is there so that a benchmark measures the sender. One process, one thread; after DATA it only looks for the final
dot. It answers as RFC 5321 and RFC 2920 (PIPELINING) have it.
"""

import ctypes
import selectors
import socket
import time
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.sharedctypes import RawValue
from typing import Self

_END = b"\r\n.\r\n"
_ROOM = 262144
_ANSWERS = {
    b"EHLO": b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n",
    b"DATA": b"354 go on\r\n",
    b"QUIT": b"221 bye\r\n",
}
_OK = b"250 ok\r\n"


class Tally(ctypes.Structure):
    """Of messages whose final dot came: how many, when the first and the last, in seconds since 1970."""

    taken: int
    first: float
    last: float
    _fields_ = (("taken", ctypes.c_longlong), ("first", ctypes.c_double), ("last", ctypes.c_double))

    def add(self, messages: int) -> None:
        """Count messages that came now."""
        self.last = time.time()
        self.first = self.first or self.last
        self.taken += messages


@dataclass
class Sink:
    """The server in a process of its own; it counts all messages and, apart, those from a return path in `domain`."""

    domain: str = ""
    port: int = 0

    def __enter__(self) -> Self:
        context = get_context("fork")
        self._all, self._marked = RawValue(Tally), RawValue(Tally)
        listener = socket.create_server(("127.0.0.1", 0))
        self.port = listener.getsockname()[1]
        mark = f"@{self.domain}>".encode() if self.domain else b"\n"  # which no command holds
        self._process = context.Process(target=_serve, args=(listener, mark, self._all, self._marked), daemon=True)
        self._process.start()
        listener.close()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.join()

    @property
    def taken(self) -> int:
        """Messages in all."""
        return self._all.taken

    @property
    def first(self) -> float:
        """When the first one's end came, in seconds since 1970."""
        return self._all.first

    @property
    def marked(self) -> Tally:
        """Those from the domain that is counted apart."""
        return self._marked

    def start_over(self) -> None:
        """Count from nothing again."""
        for tally in (self._all, self._marked):
            tally.taken, tally.first, tally.last = 0, 0.0, 0.0


class _Session:
    """One connection: commands up to DATA, then bytes up to the dot."""

    def __init__(self, link: socket.socket, mark: bytes) -> None:
        self.link = link
        self.mark = mark
        self.rest = b""
        self.in_data = False
        self.is_marked = False

    def take(self, data: bytes) -> tuple[bytes, int, int]:
        """The answer to what has come, how many messages it ended, and how many of them are marked."""
        answers, ended, marked = [], 0, 0
        data = self.rest + data
        while data:
            if self.in_data:
                # From the right: a client waits for 354, so at most one end is in hand, and it is near the tail.
                at = data.rfind(_END)
                if at < 0:
                    data = data[-4:]
                    break
                self.in_data, data, ended = False, data[at + len(_END) :], ended + 1
                marked += self.is_marked
                answers.append(_OK)
                continue
            line, found, after = data.partition(b"\r\n")
            if not found:
                break
            data, verb = after, line[:4].upper()
            answers.append(_ANSWERS.get(verb, _OK))
            self.in_data = verb == b"DATA"
            if verb == b"MAIL":
                self.is_marked = self.mark in line
        self.rest = data
        return b"".join(answers), ended, marked


def _serve(listener: socket.socket, mark: bytes, everything: Tally, marked: Tally) -> None:
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.data is None:
                link, _ = listener.accept()
                link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                link.sendall(b"220 sink\r\n")
                selector.register(link, selectors.EVENT_READ, _Session(link, mark))
                continue
            session: _Session = key.data
            try:
                data = session.link.recv(_ROOM)
                answer, ended, of_mark = session.take(data)
                if answer:
                    session.link.sendall(answer)
            except OSError:
                data = b""
            else:
                if ended:
                    everything.add(ended)
                if of_mark:
                    marked.add(of_mark)
            if not data:
                selector.unregister(session.link)
                session.link.close()
