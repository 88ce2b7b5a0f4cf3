"""One connection in use: the socket, its conversation, and the bytes between them."""

import math
import selectors
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import Protocol

from mailer.smtp.connection import CONNECT_TIMEOUT, GREETING_TIMEOUT, Connection
from mailer.smtp.transaction import IDLE, Burst, Closed, Conversation, Message, Step

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
RECEIVE = 65536
"""More than a TLS record holds: nothing stays behind in the TLS layer, where no selector would see it."""
PLAIN_SLICE = 131072
TLS_SLICE = 16384
"""One TLS record: while it is not written whole the server can read none of it, so "not sent" stays provable."""


class Journal(Protocol):
    """Where what happened to each message is kept as it happens."""

    def end_sent(self, key: int) -> bool:
        """Some of the message's end may leave with the send() that follows. False: it must not; the lease is over."""

    def end_withdrawn(self, key: int) -> None:
        """That send() wrote nothing of the end."""

    def replied(self, key: int, code: int, text: str) -> None:
        """The server's verdict, or ours in the form of one."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds to wait for each answer (RFC 5321, 4.5.3.2)."""

    connect: float = CONNECT_TIMEOUT
    greeting: float = GREETING_TIMEOUT
    mail: float = 300.0
    rcpt: float = 300.0
    data: float = 120.0
    block: float = 180.0
    """Without the server taking a byte of the message."""
    end: float = 600.0

    def after(self, step: Step | None) -> float:
        """How long the reply to this step may take."""
        match step:
            case None:
                return math.inf
            case Step.END | Step.DOT:
                return self.end
            case Step.RCPT:
                return self.rcpt
            case Step.DATA:
                return self.data
            case _:
                return self.mail


class MayNotEnd(Exception):
    """The journal did not let the end of a message go out."""


class Lane:
    """A connection with its conversation. Does no work of its own accord: the run tells it to read and to write."""

    def __init__(self, connection: Connection, timeouts: Timeouts) -> None:
        self.link: socket.socket = connection.socket
        self.conversation = Conversation(connection.extensions)
        self.fruitful = False
        """A verdict came through it."""
        self.wants = READ
        """The selector events it waits for."""
        self.registered = READ
        self.deadline = math.inf
        self.idle_since = monotonic()
        self.secure = isinstance(self.link, ssl.SSLSocket)
        self._limits = {step: timeouts.after(step) for step in (None, *Step)}
        self._block = timeouts.block
        self._slice = TLS_SLICE if self.secure else PLAIN_SLICE
        self._data = b""
        self._at = 0
        self._dot = -1
        self._message: Message | None = None

    @property
    def unwritten(self) -> bool:
        """Whether a burst is not yet written whole."""
        return self._at < len(self._data)

    @property
    def busy(self) -> bool:
        """Whether a message or a reply is under way."""
        return self.conversation.phase is not IDLE or self._at < len(self._data)

    def load(self, burst: Burst) -> None:
        """Take a burst to write."""
        self._data, self._at, self._dot, self._message = burst.data, 0, burst.dot, burst.message

    def cut(self) -> None:
        """Forget what was to be written behind the message's end."""
        self._data = self._data[: self._dot + 3] if self._dot >= 0 else b""

    def flush(self, journal: Journal) -> bool:
        """Write what the socket takes; True when all is written. Raises MayNotEnd, and Closed when the peer is gone."""
        data, size, message = self._data, len(self._data), self._message
        while self._at < size:
            at = self._at
            stop = min(at + self._slice, size)
            offers_end = message is not None and not message.ended and stop > self._dot
            if offers_end:
                assert message is not None
                if not journal.end_sent(message.key):
                    raise MayNotEnd
                message.ended = True
            sent, failure = 0, None
            try:
                sent = self.link.send(data if stop - at == size else memoryview(data)[at:stop])
            except (BlockingIOError, ssl.SSLWantWriteError):
                self.wants = READ | WRITE
            except ssl.SSLWantReadError:
                self.wants = READ
            except OSError as error:
                failure = error
            if offers_end and at + sent <= self._dot:
                assert message is not None
                message.ended = False
                journal.end_withdrawn(message.key)
            if failure:
                raise Closed(f"the connection broke: {failure.strerror or failure}")
            self._at = at + sent
            if at + sent < stop:
                if sent:
                    self.wants = READ | WRITE
                self._wait()
                return False
        self._data, self._at, self._message = b"", 0, None
        self.wants = READ
        self._wait()
        return True

    def read(self) -> None:
        """Take in what has arrived. Raises Closed when the conversation or the connection is over."""
        try:
            data = self.link.recv(RECEIVE)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
        except OSError as error:
            raise Closed(f"the connection broke: {error.strerror or error}") from None
        if not data:
            raise Closed("it closed the connection")
        if self.conversation.receive(data):  # a reply that comes byte by byte has the time of one
            self._wait()

    def is_alive(self) -> bool:
        """Whether a connection that rested is still good: nothing said (421), not closed (RFC 5321, 3.8)."""
        try:
            self.link.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        except OSError:
            return False
        return False

    def close(self) -> None:
        """Close; say QUIT first where the server expects a command. Does not wait for its answer."""
        if not self.busy:
            with suppress(OSError):
                self.link.send(b"QUIT\r\n")
        self.link.close()

    def _wait(self) -> None:
        now = monotonic()
        if self._at < len(self._data):
            self.deadline = now + self._block
            return
        step = self.conversation.expecting
        if step is None:
            self.idle_since = now
        self.deadline = now + self._limits[step]
