"""The inbox's SMTP server: RFC 5321 with PIPELINING, SIZE, 8BITMIME, SMTPUTF8 and enhanced status codes.

A protocol of our own because aiosmtpd reads a message line by line: measured here with four pipelining
connections and 43 KB messages, one core takes 4,000 messages a second this way and 900 that way,
so the inbox, not the sender, would have set the pace of a demonstration.
"""

import asyncio
import logging
import socket
from collections.abc import Callable
from contextlib import suppress
from email.utils import formatdate

from web.inbox.envelope import Rejected, read_mail, read_rcpt
from web.inbox.store import Inbox

logger = logging.getLogger(__name__)

MAX_SIZE = 32 * 1024 * 1024
MAX_LINE = 2048
"""Octets in a command line; RFC 5321 section 4.5.3.1.4 asks for 512 and more with extensions."""
MAX_RECIPIENTS = 1000
MAX_CONNECTIONS = 500
IDLE_SECONDS = 300
"""RFC 5321 section 4.5.3.2.7."""
END = b"\r\n.\r\n"


class Server:
    """What the connections of one SMTP inbox share."""

    def __init__(self, inbox: Inbox, name: str = "inbox.localhost") -> None:
        self.inbox = inbox
        self.name = name
        self.connections: set[Connection] = set()

    async def start(self, listener: socket.socket) -> asyncio.Server:
        """Take mail at `listener`."""
        return await asyncio.get_running_loop().create_server(lambda: Connection(self), sock=listener)

    def stop(self) -> None:
        """Say 421 to everybody and hang up; a message half received is the sender's to send again."""
        for connection in list(self.connections):
            connection.hang_up(f"421 4.3.2 {self.name} is stopping")


class Connection(asyncio.Protocol):
    """One SMTP session: commands, or the octets of a message, cut from one buffer."""

    transport: asyncio.Transport

    def __init__(self, server: Server) -> None:
        self.server = server
        self.buffer = bytearray()
        self.seen = 0
        """In a message: how much of the buffer certainly holds no end."""
        self.replies: list[str] = []
        self.greeting = ""
        self.receiving = False
        self.too_big = False
        self.closing = False
        self.commands: dict[str, Callable[[str], str]] = {
            "EHLO": self._ehlo,
            "HELO": self._helo,
            "MAIL": self._mail,
            "RCPT": self._rcpt,
            "DATA": self._data,
            "RSET": self._rset,
            "NOOP": lambda _: "250 2.0.0 well",
            "VRFY": lambda _: "252 2.1.5 write and see",
            "HELP": lambda _: "214 2.0.0 everything sent here is kept to be looked at and goes no further",
            "QUIT": self._quit,
        }
        self._forget()

    def _forget(self) -> None:
        self.sender: str | None = None
        self.utf8 = False
        self.recipients: list[str] = []

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.loop = asyncio.get_running_loop()
        self.last_heard = self.loop.time()
        self.timer = self.loop.call_later(IDLE_SECONDS, self._look_for_silence)
        self.server.connections.add(self)
        if len(self.server.connections) > MAX_CONNECTIONS:
            self.hang_up("421 4.7.0 too many connections, come back later")
            return
        self._say(f"220 {self.server.name} ESMTP")

    def connection_lost(self, exc: Exception | None) -> None:
        self.timer.cancel()
        self.server.connections.discard(self)

    def pause_writing(self) -> None:
        self.transport.pause_reading()  # who does not read our replies is not listened to either

    def resume_writing(self) -> None:
        with suppress(RuntimeError):  # closing meanwhile
            self.transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        self.last_heard = self.loop.time()
        self.buffer += data
        while not self.closing and (self._take_message() if self.receiving else self._take_command()):
            pass
        if self.replies:
            self._say(*self.replies)  # one write for all that was pipelined
            self.replies.clear()
        if self.closing:
            self.transport.close()

    def _say(self, *lines: str) -> None:
        self.transport.write(("\r\n".join(lines) + "\r\n").encode("ascii", "replace"))

    def hang_up(self, reply: str) -> None:
        """Say a last word and close."""
        self.closing = True
        self._say(reply)
        self.transport.close()

    def _look_for_silence(self) -> None:
        left = self.last_heard + IDLE_SECONDS - self.loop.time()
        if left <= 0:
            self.hang_up("421 4.4.2 nothing heard for too long")
        else:
            self.timer = self.loop.call_later(left, self._look_for_silence)

    # Commands

    def _take_command(self) -> bool:
        end = self.buffer.find(b"\n", 0, MAX_LINE)
        if end < 0:
            if len(self.buffer) >= MAX_LINE:
                self.replies.append("500 5.5.6 that line is too long")
                self.closing = True
            return False
        line = bytes(self.buffer[: end + 1])
        del self.buffer[: end + 1]
        self.replies.append(self._answer(line))
        return True

    def _answer(self, line: bytes) -> str:
        if not line.endswith(b"\r\n"):
            return "500 5.5.2 a line ends with CR and LF"
        try:
            text = line[:-2].decode()
        except UnicodeDecodeError:
            return "500 5.5.2 that is not UTF-8"
        if any(character < " " or character == "\x7f" for character in text):
            return "500 5.5.2 there is a control character in that line"
        verb, _, words = text.partition(" ")
        command = self.commands.get(verb.upper())
        if command is None:
            return "500 5.5.1 that command is not known here"
        try:
            return command(words.strip(" "))
        except Rejected as error:
            return error.reply

    def _ehlo(self, words: str) -> str:
        self._greet(words)
        offers = ["PIPELINING", f"SIZE {MAX_SIZE}", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "HELP"]
        lines = [self.server.name, *offers]
        return "\r\n".join([*(f"250-{line}" for line in lines[:-1]), f"250 {lines[-1]}"])

    def _helo(self, words: str) -> str:
        self._greet(words)
        return f"250 {self.server.name}"

    def _greet(self, words: str) -> None:
        if not words or not words.isascii() or " " in words:
            raise Rejected("501 5.5.4 say your host's name")
        self.greeting = words
        self._forget()

    def _mail(self, words: str) -> str:
        if not self.greeting:
            raise Rejected("503 5.5.1 say EHLO first")
        if self.sender is not None:
            raise Rejected("503 5.5.1 a sender was already named")
        self.sender, self.utf8 = read_mail(words, MAX_SIZE)
        return "250 2.1.0 sender ok"

    def _rcpt(self, words: str) -> str:
        if self.sender is None:
            raise Rejected("503 5.5.1 say MAIL first")
        if len(self.recipients) >= MAX_RECIPIENTS:
            raise Rejected("452 4.5.3 too many recipients")
        self.recipients.append(read_rcpt(words, self.utf8))
        return "250 2.1.5 recipient ok"

    def _data(self, words: str) -> str:
        if words:
            raise Rejected("501 5.5.4 DATA takes nothing")
        if not self.recipients:
            raise Rejected("503 5.5.1 say RCPT first")
        self.receiving, self.too_big, self.seen = True, False, 0
        return "354 go on, and end with a dot alone on a line"

    def _rset(self, words: str) -> str:
        self._forget()
        return "250 2.0.0 forgotten"

    def _quit(self, words: str) -> str:
        self.closing = True
        return "221 2.0.0 good-bye"

    # The message

    def _take_message(self) -> bool:
        buffer = self.buffer
        if not self.too_big and buffer.startswith(END[2:]):  # an empty message: the end's line break is that of DATA
            end, after = 0, len(END) - 2
        else:
            start = buffer.find(END, max(0, self.seen - len(END)))
            end, after = start + 2, start + len(END)
            if start < 0:
                self._wait_for_more()
                return False
        self.receiving = False
        with memoryview(buffer) as view:
            content = bytes(view[:end])
        del buffer[:after]
        self.replies.append(self._keep(content))
        self._forget()
        return True

    def _wait_for_more(self) -> None:
        if len(self.buffer) > MAX_SIZE:
            self.too_big = True
        if self.too_big:
            del self.buffer[: -len(END)]
        self.seen = len(self.buffer)

    def _keep(self, content: bytes) -> str:
        if self.too_big or len(content) > MAX_SIZE:
            return f"552 5.3.4 at most {MAX_SIZE} octets are taken"
        lines = content.count(b"\r\n")
        if content.count(b"\n") != lines or content.count(b"\r") != lines:
            # RFC 5321 section 2.3.8; servers that guess here let one message hide in another.
            return "554 5.6.0 the message has a CR or LF that stands alone"
        if content.startswith(b"."):
            content = content[1:]
        if b"\r\n." in content:  # RFC 5321 section 4.5.2
            content = content.replace(b"\r\n.", b"\r\n")
        try:
            number = self.server.inbox.add((self._trace().encode(), content))
        except OSError as error:
            logger.warning("inbox: cannot keep a message: %s", error.strerror or error)
            return "452 4.3.1 the inbox cannot write to its folder"
        return f"250 2.0.0 kept as {number}"

    def _trace(self) -> str:
        """The lines a final delivery puts before a message (RFC 5321 section 4.4)."""
        kind = "UTF8SMTP" if self.utf8 else "ESMTP"
        now = formatdate(localtime=True)
        return "".join(
            [
                f"Return-Path: <{self.sender}>\r\n",
                *(f"Delivered-To: {recipient}\r\n" for recipient in self.recipients),
                f"Received: from {self.greeting} by {self.server.name} with {kind};\r\n {now}\r\n",
            ]
        )
