"""An SMTP server that accepts everything and keeps nothing but a count: the fastest receiver that Python allows.

It is there so that a benchmark measures the sender. One process, one thread; after DATA it only looks for the final
dot. It answers as RFC 5321 and RFC 2920 (PIPELINING) have it.
"""

import selectors
import socket
import time
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.sharedctypes import Synchronized
from typing import Self

_END = b"\r\n.\r\n"
_ROOM = 262144
_ANSWERS = {
    b"EHLO": b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n",
    b"DATA": b"354 go on\r\n",
    b"QUIT": b"221 bye\r\n",
}
_OK = b"250 ok\r\n"


@dataclass
class Sink:
    """The server in a process of its own. `taken` counts whole messages, `first` is when the first one's end came."""

    port: int = 0

    def __enter__(self) -> Self:
        context = get_context("fork")
        self._taken, self._first = context.Value("q", 0), context.Value("d", 0.0)
        listener = socket.create_server(("127.0.0.1", 0))
        self.port = listener.getsockname()[1]
        self._process = context.Process(target=_serve, args=(listener, self._taken, self._first), daemon=True)
        self._process.start()
        listener.close()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.join()

    @property
    def taken(self) -> int:
        """Messages whose final dot came."""
        return int(self._taken.value)

    @property
    def first(self) -> float:
        """When the first message since `start_over` was whole, in seconds since 1970."""
        return float(self._first.value)

    def start_over(self) -> None:
        """Count from nothing again."""
        self._taken.value, self._first.value = 0, 0.0


class _Session:
    """One connection: commands up to DATA, then bytes up to the dot."""

    def __init__(self, link: socket.socket) -> None:
        self.link = link
        self.rest = b""
        self.in_data = False

    def take(self, data: bytes) -> tuple[bytes, int]:
        """The answer to what has come, and how many messages it ended."""
        answers, ended = [], 0
        data = self.rest + data
        while data:
            if self.in_data:
                # From the right: a client waits for 354, so at most one end is in hand, and it is near the tail.
                at = data.rfind(_END)
                if at < 0:
                    data = data[-4:]
                    break
                self.in_data, data, ended = False, data[at + len(_END) :], ended + 1
                answers.append(_OK)
                continue
            line, found, after = data.partition(b"\r\n")
            if not found:
                break
            data, verb = after, line[:4].upper()
            answers.append(_ANSWERS.get(verb, _OK))
            self.in_data = verb == b"DATA"
        self.rest = data
        return b"".join(answers), ended


def _serve(listener: socket.socket, taken: "Synchronized[int]", first: "Synchronized[float]") -> None:
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.data is None:
                link, _ = listener.accept()
                link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                link.sendall(b"220 sink\r\n")
                selector.register(link, selectors.EVENT_READ, _Session(link))
                continue
            session: _Session = key.data
            try:
                data = session.link.recv(_ROOM)
                answer, ended = session.take(data)
                if answer:
                    session.link.sendall(answer)
            except OSError:
                data = b""
            else:
                if ended:
                    taken.value += ended
                    first.value = first.value or time.time()
            if not data:
                selector.unregister(session.link)
                session.link.close()
