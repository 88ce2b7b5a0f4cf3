"""The conversation on one connection, without the connection: replies' bytes in, commands' bytes out.

With PIPELINING (RFC 2920) the next message's MAIL, RCPT and DATA travel in the same burst as the end of this one, so
a conversation holds at most two messages: one whose end was given out, and the one announced behind it.
"""

from collections import deque
from enum import Enum, IntEnum, auto

from mailer.smtp.connection import Extensions
from mailer.smtp.envelope import Envelope, announcement
from mailer.smtp.replies import Garbled, ReplyReader, readable

_LAST_LINE = b".\r\n"
"""Behind a message whose last line is whole."""


class Step(IntEnum):
    """What a reply answers. A number, as time limits are looked up by it: an Enum's hash is a function in Python."""

    MAIL = auto()
    RCPT = auto()
    DATA = auto()
    END = auto()
    """The final dot of a message."""
    DOT = auto()
    """The lone dot after a DATA that was granted although the recipient was refused; its reply means nothing."""
    RSET = auto()


class Phase(Enum):
    """What the conversation would do next."""

    IDLE = auto()
    """Nothing is under way: announce a message."""
    COMMAND = auto()
    """Without PIPELINING: give out the next command of the announced message."""
    READY = auto()
    """DATA was granted: give out the message."""
    VOID = auto()
    """DATA was granted to a refused recipient: give out a lone dot."""
    WAITING = auto()
    """Only the server can go on."""


# By names of their own, in the order of definition: looked up in its class a member takes forty nanoseconds before
# Python 3.12, and a message asks for thirty.
MAIL, RCPT, DATA, END, DOT, RSET = Step
IDLE, COMMAND, READY, VOID, WAITING = Phase


class Message:
    """An envelope on its way, and what is known of it."""

    __slots__ = ("attempts", "busy", "ended", "envelope", "key", "lost", "refused")

    def __init__(self, envelope: Envelope) -> None:
        self.envelope = envelope
        self.key = envelope.key
        self.attempts = 0
        """Connections it was announced on."""
        self.ended = False
        """Some of its final dot may have left this machine."""
        self.refused = False
        self.busy = ""
        """Why its own commands ended a connection by the server's word; a second such end is the verdict on it."""
        self.lost = ""
        """How the last connection it was announced on was lost, unless by the server's own word."""


class Burst:
    """Bytes to write. `dot` is the place of the final dot of `message` in them; without a message there is none."""

    __slots__ = ("data", "dot", "message")

    def __init__(self, data: bytes, message: Message | None = None, dot: int = -1) -> None:
        self.data = data
        self.message = message
        self.dot = dot


class Closed(Exception):
    """The conversation is over: the connection broke, or bytes broke the protocol. The text says which."""


class Dismissed(Closed):
    """The server's own word ended it: 421, a log-in that it wants, a verdict on half a message."""


class Conversation:
    """The state machine. After Closed was raised, `announced` and `ending` tell what was left behind."""

    def __init__(self, extensions: Extensions) -> None:
        self.extensions = extensions
        self.phase = IDLE
        self.announced: Message | None = None
        """Its commands were given out, or some of them; its body was not."""
        self.ending: Message | None = None
        """Its body and end were given out; whether they were written is `ending.ended`."""
        self.verdicts: list[tuple[Message, int, str]] = []
        """Replies that decide a message, in order; the caller takes them out after each `receive`."""
        self._expected: deque[tuple[Step, Message | None]] = deque()
        self._commands: deque[tuple[Step, bytes]] = deque()
        self._reader = ReplyReader()
        self._dirty = False  # the server may hold a MAIL whose transaction came to nothing: RSET first

    @property
    def expecting(self) -> Step | None:
        """What the next reply will answer."""
        return self._expected[0][0] if self._expected else None

    @property
    def takes_message(self) -> bool:
        """Whether the next burst has room for announcing a message."""
        phase = self.phase
        return phase is IDLE or (self.extensions.pipelining and (phase is READY or phase is VOID))

    def announceable(self, message: Message) -> tuple[bytes, bytes]:
        """The message's MAIL and RCPT for this server. Raises Unsendable."""
        return announcement(message.envelope, self.extensions)

    def next_burst(self, message: Message | None, commands: tuple[bytes, bytes] = (b"", b"")) -> Burst | None:
        """What to write now; `message` with its commands is announced in it where `takes_message` holds."""
        phase = self.phase
        current = self.announced
        if phase is READY:
            assert current is not None
            self.announced, self.ending = None, current
            self.phase = WAITING
            self._expected.append((END, current))
            following = self._announce(message, *commands) if message else b""
            data = b"".join((*current.envelope.pieces, _LAST_LINE, following))
            return Burst(data, current, len(data) - len(following) - len(_LAST_LINE))
        if phase is VOID:
            self.announced = None
            self.phase = WAITING
            self._expected.append((DOT, None))
            return Burst(_LAST_LINE + (self._announce(message, *commands) if message else b""))
        if phase is IDLE and message:
            return Burst(self._announce(message, *commands))
        if phase is COMMAND:
            return Burst(self._command())
        return None

    def receive(self, data: bytes) -> bool:
        """Take in bytes from the server; True if they completed a reply. Raises Closed where it cannot go on."""
        answered = False
        try:
            for code, text in self._reader.feed(data):
                answered = True
                self._apply(code, text)
        except Garbled:
            raise Closed("its answer was no SMTP reply") from None
        return answered

    def _announce(self, message: Message, mail: bytes, rcpt: bytes) -> bytes:
        self.announced = message
        self.phase = WAITING
        message.attempts += 1
        if self.extensions.pipelining:
            reset = b""
            if self._dirty:
                self._dirty = False
                self._expected.append((RSET, None))
                reset = b"RSET\r\n"
            self._expected.extend(((MAIL, message), (RCPT, message), (DATA, message)))
            return reset + mail + rcpt + b"DATA\r\n"
        if self._dirty:
            self._dirty = False
            self._commands.append((RSET, b"RSET\r\n"))
        self._commands.extend(((MAIL, mail), (RCPT, rcpt), (DATA, b"DATA\r\n")))
        return self._command()

    def _command(self) -> bytes:
        step, data = self._commands.popleft()
        self._expected.append((step, self.announced))
        self.phase = WAITING
        return data

    def _apply(self, code: int, text: bytes) -> None:
        if not self._expected:
            raise (Dismissed if code == 421 else Closed)(f"it said {code} unasked: {readable(text)}")
        step, message = self._expected.popleft()
        if step is END:
            assert message is not None
            self._end(message, code, text)
        elif code == 421:
            if message is not None and not message.refused:
                message.busy = readable(text)
            raise Dismissed(f"421 {readable(text)}")
        elif step is DATA:
            assert message is not None
            self._data(message, code, text)
        elif step is DOT:
            pass
        elif step is RSET:
            if code >= 300:
                raise Closed(f"RSET was answered {code} {readable(text)}")
        elif message is not None:
            self._mail_or_rcpt(step, message, code, text)
        if not self._expected and self.phase is WAITING:
            self.phase = COMMAND if self._commands else IDLE

    def _mail_or_rcpt(self, step: Step, message: Message, code: int, text: bytes) -> None:
        if code == 530:  # RFC 4954, 6 and RFC 3207, 4: said to us
            if step is RCPT:  # or of this recipient, if it is said again
                message.busy = f"it wants a log-in for this recipient: 530 {readable(text)}"
            raise Dismissed(f"it wants a log-in or encryption first: 530 {readable(text)}")
        if code >= 400:
            self._refuse(message, code, text)
        elif code >= 300 or message.refused:  # a recipient accepted without a sender: what would a dot do then?
            raise Closed(f"{step.name} was answered {code} {readable(text)}")

    def _data(self, message: Message, code: int, text: bytes) -> None:
        if code == 354:
            self.phase = VOID if message.refused else READY
            self._dirty = self._dirty and not message.refused  # the dot ends the transaction
        elif code >= 400:
            self._refuse(message, code, text)
            self.announced = None
        else:
            raise Closed(f"DATA was answered {code} {readable(text)}")

    def _refuse(self, message: Message, code: int, text: bytes) -> None:
        """Only the first refusal is the verdict; what follows it in the group (503, 554) is its consequence."""
        self._dirty = True
        if message.refused:
            return
        message.refused = True
        self.verdicts.append((message, code, readable(text)))
        if not self.extensions.pipelining:
            self._commands.clear()
            self.announced = None

    def _end(self, message: Message, code: int, text: bytes) -> None:
        if 300 <= code < 400 or (code < 300 and not message.ended):
            raise Closed(f"the message was answered {code} {readable(text)}")
        self.verdicts.append((message, code, readable(text)))
        self.ending = None
        if not message.ended or code == 421:
            raise Dismissed(f"{code} {readable(text)}")
