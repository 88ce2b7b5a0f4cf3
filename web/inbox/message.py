"""Reading a kept message for people: decoded headers, text, HTML and parts, whatever state the message is in.

Nothing here trusts the message: an unknown charset, a broken encoding or a header of raw octets still gives
something to look at, because an inbox for trying out is where broken mail is looked at.
"""

import binascii
import email
import email.errors
import email.message
import email.policy
import mimetypes
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.header import decode_header
from email.utils import parseaddr
from functools import cached_property

from web.inbox.store import Inbox

HEAD = 64 * 1024
"""Octets of a file that are read for its summary."""
MOST_PARTS = 200
PICTURES = {"image/png": ".png", "image/jpeg": ".jpg", "image/gif": ".gif", "image/webp": ".webp"}
"""Picture types that are shown; anything else is only ever downloaded."""


@dataclass(frozen=True, slots=True)
class Summary:
    """A line of the list."""

    number: int
    sender: str
    recipients: tuple[str, ...]
    """Of the envelope."""
    to: str
    subject: str
    received: datetime
    size: int
    """Octets, the lines added at delivery included."""

    @property
    def sender_name(self) -> str:
        """The name in From, else the address."""
        return parseaddr(self.sender)[0] or self.sender


@dataclass(frozen=True, slots=True)
class Part:
    """A picture or attachment: `index` is its place in its message."""

    index: int
    content_type: str
    name: str
    """Safe as a file name."""
    content_id: str
    content: bytes


def summarise(inbox: Inbox, number: int) -> Summary | None:
    """What the list shows of message `number`; None if it is not kept any more."""
    try:
        with inbox.path(number).open("rb") as file:
            head = file.read(HEAD).partition(b"\r\n\r\n")[0]
            status = inbox.path(number).stat()
    except FileNotFoundError:
        return None
    headers = read_headers(email.message_from_bytes(head, policy=email.policy.compat32))
    found = {name.lower(): value for name, value in reversed(headers)}
    return Summary(
        number=number,
        sender=found.get("from", ""),
        recipients=tuple(value for name, value in headers if name.lower() == "delivered-to"),
        to=found.get("to", ""),
        subject=found.get("subject", ""),
        received=datetime.fromtimestamp(status.st_mtime, UTC),
        size=status.st_size,
    )


class Message:
    """One message, read in full."""

    def __init__(self, raw: bytes) -> None:
        """Parse `raw`, octets as received; never raises."""
        try:
            self._parsed = email.message_from_bytes(raw, policy=email.policy.compat32)
        except RecursionError:  # parts within parts within parts: show it as one
            self._parsed = email.message_from_bytes(raw.partition(b"\r\n\r\n")[0], policy=email.policy.compat32)
        self._leaves = list(_leaves(self._parsed))

    @cached_property
    def headers(self) -> list[tuple[str, str]]:
        """Name and decoded value of each header, in order."""
        return read_headers(self._parsed)

    @cached_property
    def text(self) -> str | None:
        """The plain text part."""
        return self._body("text/plain")

    @cached_property
    def html(self) -> str | None:
        """The HTML part as written: never show it unprepared."""
        return self._body("text/html")

    @cached_property
    def parts(self) -> list[Part]:
        """Pictures and attachments: every leaf but the two bodies."""
        bodies = {id(self._leaf("text/plain")), id(self._leaf("text/html"))}
        return [_part(index, leaf) for index, leaf in enumerate(self._leaves) if id(leaf) not in bodies]

    def part(self, index: int) -> Part | None:
        """The part with this index."""
        return next((part for part in self.parts if part.index == index), None)

    def _leaf(self, content_type: str) -> email.message.Message | None:
        for leaf in self._leaves:
            if leaf.get_content_type() == content_type and leaf.get_content_disposition() != "attachment":
                return leaf
        return None

    def _body(self, content_type: str) -> str | None:
        leaf = self._leaf(content_type)
        if leaf is None:
            return None
        return _decode(_content(leaf), leaf.get_content_charset()).replace("\r\n", "\n")


def read_headers(message: email.message.Message) -> list[tuple[str, str]]:
    """The headers in order, unfolded, RFC 2047 words decoded, raw octets read as UTF-8."""
    return [(_printable(name), _header(value)) for name, value in message.raw_items()]


def _header(value: object) -> str:
    text = str(value).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    text = re.sub(r"[\r\n]+(?=[ \t])", "", text)
    try:
        words = decode_header(text)
    except (email.errors.HeaderParseError, binascii.Error, ValueError):
        return _printable(text)
    return _printable("".join(word if isinstance(word, str) else _decode(word, charset) for word, charset in words))


def _decode(content: bytes, charset: str | None) -> str:
    try:
        # A charset may be a Python codec that gives something else than text, or half a character (utf-7).
        return content.decode(charset or "utf-8", "replace").encode("utf-8", "replace").decode()
    except (LookupError, UnicodeError, ValueError):
        return content.decode("utf-8", "replace")


def _printable(text: str) -> str:
    return "".join(" " if unicodedata.category(character) in {"Cc", "Cs"} else character for character in text)


def _leaves(message: email.message.Message) -> Iterator[email.message.Message]:
    """The parts that are no containers, in order; an enclosed message counts as one."""
    waiting: list[email.message.Message] = [message]
    given = 0
    while waiting and given < MOST_PARTS:
        part = waiting.pop()
        inside = part.get_payload()
        if part.get_content_maintype() == "multipart" and isinstance(inside, list):
            waiting.extend(one for one in reversed(inside) if isinstance(one, email.message.Message))
        else:
            given += 1
            yield part


def _content(part: email.message.Message) -> bytes:
    inside = part.get_payload()
    if isinstance(inside, list):  # message/rfc822
        return b"".join(bytes(one) for one in inside if isinstance(one, email.message.Message))
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _part(index: int, leaf: email.message.Message) -> Part:
    content_type = leaf.get_content_type()
    given = leaf.get_filename()
    return Part(
        index=index,
        content_type=content_type
        if re.fullmatch(r"[a-z0-9.+-]+/[a-z0-9.+-]+", content_type)
        else "application/octet-stream",
        name=safe_name(_header(given) if given else "", index, content_type),
        content_id=_printable(str(leaf.get("Content-ID", ""))).strip().removeprefix("<").removesuffix(">"),
        content=_content(leaf),
    )


def safe_name(given: str, index: int, content_type: str) -> str:
    """A file name that stays in the folder it is saved to and shows its true ending."""
    name = re.split(r"[/\\]", given)[-1]
    # Cf holds the marks that turn the direction of text: with one, "exe.gpj" can be made to look like a picture.
    name = "".join(letter for letter in name if unicodedata.category(letter)[0] != "C" and letter not in '<>:"|?*;%')
    name = name.strip(" .")
    if not name:
        return f"part-{index}{PICTURES.get(content_type) or mimetypes.guess_extension(content_type) or '.bin'}"
    stem, dot, ending = name.rpartition(".")
    return f"{stem[:100]}{dot}{ending[:20]}" if dot else name[:100]
