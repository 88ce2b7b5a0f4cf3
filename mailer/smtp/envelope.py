"""A message's envelope and the commands that announce it (RFC 5321, 3.3; RFC 1870; RFC 6531)."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from mailer.plan.domains import ascii_domain
from mailer.smtp.connection import Extensions

_UNSAFE = re.compile(r"[\x00-\x20\x7f<>]")


class Envelope(NamedTuple):
    """One message to one recipient."""

    key: int
    """The caller's number for it: the slot in the flight recorder."""
    return_path: str
    recipient: str
    """The address as Unicode; its domain travels as A-labels."""
    pieces: Sequence[bytes]
    """The message: CRLF only, no line begins with a dot, the last line ends in CRLF.

    Most of them many messages have in common. They are joined as they are written: one copy of the message instead
    of three, and those that wait take no room.
    """

    @property
    def content(self) -> bytes:
        """The message in one."""
        return b"".join(self.pieces)

    @property
    def size(self) -> int:
        """Octets of the message."""
        return sum(map(len, self.pieces))


class Unsendable(Exception):
    """This message cannot go through this server: a refusal of our own, in the form of a server's reply."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


def announcement(envelope: Envelope, offered: Extensions) -> tuple[bytes, bytes]:
    """The MAIL and the RCPT command, each with its CRLF.

    Raises Unsendable: 552 5.3.4 over the server's size limit, 553 5.6.7 without SMTPUTF8 where the local part
    needs it, 553 5.1.3 for an address that cannot be written in a command.
    """
    parameters = ""
    if offered.size is not None:
        size = envelope.size
        if 0 < offered.size < size:
            raise Unsendable(552, f"5.3.4 the message has {size} octets, the server takes {offered.size}")
        parameters = f" SIZE={size}"
    recipient, utf8 = _written(envelope.recipient)
    return_path, utf8_too = _written(envelope.return_path)
    if utf8 or utf8_too:
        if not offered.smtputf8:
            raise Unsendable(553, "5.6.7 the address needs SMTPUTF8, which the server does not offer")
        parameters += " BODY=8BITMIME SMTPUTF8" if offered.eightbitmime else " SMTPUTF8"
    return f"MAIL FROM:<{return_path}>{parameters}\r\n".encode(), f"RCPT TO:<{recipient}>\r\n".encode()


def _written(address: str) -> tuple[str, bool]:
    """The address as it stands in a command, and whether that needs SMTPUTF8."""
    if _UNSAFE.search(address):
        raise Unsendable(553, "5.1.3 the address holds a character that no address may have")
    if address.isascii():
        return address, False
    local, _, domain = address.rpartition("@")
    try:
        return f"{local}@{ascii_domain(domain)}", not local.isascii()
    except ValueError:
        raise Unsendable(553, "5.1.3 the domain of the address is not a valid name") from None
