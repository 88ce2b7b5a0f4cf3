"""One connection of the tests' SMTP server: parsing, answering, and the hooks of a script."""

import asyncio
import base64
import ssl
import time
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(slots=True)
class Received:
    mail_from: str
    rcpt: str
    content: bytes
    """As sent, without the final dot; empty lines' and dots' stuffing undone."""
    parameters: str = ""
    """What stood behind the address in MAIL."""
    connection: int = 0
    time: float = 0.0


@dataclass(frozen=True, slots=True)
class Say:
    """What a script wants instead of the usual answer."""

    reply: str | None = ""
    """The whole reply, lines separated by CRLF; empty: the usual one; None: nothing, nor to anything after it."""
    close: bool = False
    """Close the connection after it."""
    delay: float = 0.0
    """Seconds before it; what follows on this connection waits, too."""
    take: bool | None = None
    """For a message: remember it; None: if the reply is 2xx."""


class Script:
    """How a receiver behaves; this one behaves well. Each method returns None for the usual answer."""

    def on_connect(self, session: "Session") -> Say | None:
        return None

    def on_command(self, session: "Session", verb: str, argument: str) -> Say | None:
        return None

    def on_data(self, session: "Session", seen: int) -> Say | None:
        """In mid-message, `seen` bytes of it have arrived."""
        return None

    def on_message(self, session: "Session", message: Received) -> Say | None:
        return None


class Server(Protocol):
    """What a session asks of the receiver that it belongs to."""

    script: Script
    pipelining: bool
    smtputf8: bool
    eightbitmime: bool
    size: int | None
    starttls: ssl.SSLContext | None
    implicit_tls: ssl.SSLContext | None
    auth: tuple[str, str] | None
    pieces: int
    delay: float
    sessions: list["Session"]

    def remember(self, message: Received) -> None: ...


class Session(asyncio.Protocol):
    """One connection. Scripts may read `mail_from`, `rcpt`, `number`, `accepted` and keep notes in `notes`."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.number = len(server.sessions)
        server.sessions.append(self)
        self.accepted = 0
        self.notes: dict[str, Any] = {}
        self.commands: list[str] = []
        self.bytes_received = 0
        self.secure = server.implicit_tls is not None
        self.authenticated = False
        self.closed = False
        self.lost = False
        self._buffer = bytearray()
        self._out: list[bytes] = []
        self._in_data = False
        self._scanned = 0
        self._paused = False
        self._greeted = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._reset()

    def _reset(self) -> None:
        self.mail_from: str | None = None
        self.rcpt: str | None = None
        self.parameters = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        if not self._greeted:
            self._greeted = True
            self._answer(self.server.script.on_connect(self), "220 receiver.example ESMTP")
            self._go_on()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = self.lost = True

    def data_received(self, data: bytes) -> None:
        self.bytes_received += len(data)
        self._buffer += data
        self._go_on()

    def hang_up(self) -> None:
        if not self.closed:
            self.closed = True
            self.transport.close()

    def abort(self) -> None:
        if not self.lost and self._greeted:
            self.closed = True
            self.transport.abort()

    def _go_on(self) -> None:
        buffer = self._buffer
        at = 0
        while not self._paused and not self.closed:
            if self._in_data:
                if buffer.startswith(b".\r\n", at):
                    content, end = b"", at + 3
                else:
                    found = buffer.find(b"\r\n.\r\n", max(at, self._scanned))
                    if found < 0:
                        self._scanned = max(at, len(buffer) - 4)
                        if len(buffer) > at and (say := self.server.script.on_data(self, len(buffer) - at)):
                            self._answer(say, "")
                        break
                    content, end = bytes(buffer[at : found + 2]), found + 5
                at, self._in_data = end, False
                self._scanned = 0
                self._message(content)
            else:
                end = buffer.find(b"\r\n", at)
                if end < 0:
                    break
                line = buffer[at:end].decode("utf-8", "replace")
                at = end + 2
                self._command(line)
        if at:
            del buffer[:at]
            self._scanned = max(0, self._scanned - at)
        self._write()

    def _message(self, content: bytes) -> None:
        if content.startswith(b".."):
            content = content[1:]
        if b"\r\n.." in content:
            content = content.replace(b"\r\n..", b"\r\n.")
        message = Received(self.mail_from or "", self.rcpt or "", content, self.parameters, self.number, time.time())
        valid = self.rcpt is not None
        self._reset()
        if not valid:
            self._answer(self.server.script.on_message(self, message), "554 5.5.1 no valid recipients")
            return
        say = self.server.script.on_message(self, message)
        take = say.take if say and say.take is not None else not (say and say.reply) or say.reply[:1] == "2"
        if take:
            self.accepted += 1
            self.server.remember(message)
        if say is None and self.server.delay:
            say = Say(delay=self.server.delay)
        self._answer(say, "250 2.0.0 taken")

    def _command(self, line: str) -> None:
        verb, _, argument = line.partition(" ")
        verb = verb.upper()
        self.commands.append(line)
        say = self.server.script.on_command(self, verb, argument)
        usual = "" if say and (say.reply or say.reply is None) else self._usual(verb, argument)
        code = ((say.reply if say and say.reply is not None else "") or usual)[:3]
        if verb == "MAIL" and code[:1] == "2":
            self.mail_from, _, self.parameters = argument[6:].partition("> ")
            self.mail_from = self.mail_from.removesuffix(">")
        elif verb == "RCPT" and code[:1] == "2":
            self.rcpt = argument.removeprefix("TO:<").rstrip(">")
        elif verb == "DATA" and code == "354":
            self._in_data = True
        elif verb == "STARTTLS" and code == "220":
            self._start_tls()
            return
        self._answer(say, usual)
        if verb == "QUIT":
            self._write()
            self.hang_up()

    def _usual(self, verb: str, argument: str) -> str:
        server = self.server
        match verb:
            case "MAIL":
                if server.auth and not self.authenticated:
                    return "530 5.7.0 log in first"
                return "250 2.1.0 ok" if self.mail_from is None else "503 5.5.1 nested MAIL command"
            case "RCPT":
                return "250 2.1.5 ok" if self.mail_from is not None else "503 5.5.1 MAIL first"
            case "DATA":
                return "354 go on" if self.rcpt is not None else "554 5.5.1 no valid recipients"
            case "EHLO":
                return self._extensions()
            case "HELO" | "NOOP":
                return "250 ok"
            case "RSET":
                self._reset()
                return "250 2.0.0 ok"
            case "QUIT":
                return "221 bye"
            case "STARTTLS" if server.starttls and not self.secure:
                return "220 go on"
            case "AUTH" if server.auth:
                expected = "\0" + "\0".join(server.auth)
                given = base64.b64decode(argument.removeprefix("PLAIN ")).decode()
                self.authenticated = given.endswith(expected)
                return "235 2.7.0 ok" if self.authenticated else "535 5.7.8 wrong"
            case _:
                return "502 5.5.1 what?"

    def _extensions(self) -> str:
        server = self.server
        words = ["receiver.example"]
        words += ["PIPELINING"] if server.pipelining else []
        words += ["SMTPUTF8"] if server.smtputf8 else []
        words += ["8BITMIME"] if server.eightbitmime else []
        words += [f"SIZE {server.size}"] if server.size is not None else []
        words += ["STARTTLS"] if server.starttls and not self.secure else []
        words += ["AUTH PLAIN"] if server.auth else []
        return "\r\n".join(f"250{'-' if word is not words[-1] else ' '}{word}" for word in words)

    def _answer(self, say: Say | None, usual: str) -> None:
        if say is None:
            self._out.append(usual.encode() + b"\r\n")
            return
        reply = usual if say.reply == "" else say.reply
        data = reply.encode("utf-8", "surrogateescape") + b"\r\n" if reply else b""
        if say.delay:
            self._write()
            self._paused = True
            asyncio.get_running_loop().call_later(say.delay, self._resume, data, say.close)
            return
        self._out.append(data)
        if say.close:
            self._write()
            self.hang_up()
        elif reply is None:
            self._paused = True

    def _resume(self, data: bytes, close: bool) -> None:
        self._paused = False
        self._out.append(data)
        if close:
            self._write()
            self.hang_up()
        self._go_on()

    def _write(self) -> None:
        data, self._out = b"".join(self._out), []
        if not data or self.closed:
            return
        if not self.server.pieces:
            self.transport.write(data)
            return
        for at in range(0, len(data), self.server.pieces):  # TCP_NODELAY is asyncio's default: a packet each
            self.transport.write(data[at : at + self.server.pieces])

    def _start_tls(self) -> None:
        self._paused = True
        self._buffer.clear()

        async def go() -> None:
            self.transport.write(b"220 go on\r\n")
            try:
                secure = await asyncio.get_running_loop().start_tls(
                    self.transport, self, self.server.starttls, server_side=True
                )
            except (OSError, ConnectionError):
                self.hang_up()
                return
            assert secure is not None
            self.transport, self.secure, self._paused = secure, True, False
            self._reset()
            self._go_on()

        task = asyncio.get_running_loop().create_task(go())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
