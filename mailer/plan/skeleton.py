"""The MIME structure of an edition (RFC 2045, 2046, 2231), all that is the same for each of its readers.

    multipart/mixed           where there are attachments
      multipart/alternative
        text/plain
        text/calendar         of an invitation; not last, where what knows no calendars would show it
        multipart/related     where there are pictures
          text/html
          pictures
      attachments

Boundaries begin with `=_`, which neither quoted-printable nor base64 can produce, so no content holds one.
"""

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from config.errors import Refused
from mailer.plan.compiled import CompiledEdition, MediaRef
from mailer.plan.headers import FOLD, cleaned

_HOLE = b"\0"
"""Stands where a body will be; nothing else here can hold a NUL."""
_BASE64_LINE = 57
"""Octets that make a line of 76."""
_PIECE = 55
"""Characters of a file name on a line."""
_PLAIN_NAME = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 !#$&'()+,-.;=@[]^_`{}~")


@dataclass(frozen=True, slots=True)
class Skeleton:
    """What stands around the bodies: before the text, between text and HTML, and so on. Each body ends in CRLF."""

    pieces: tuple[bytes, ...]
    """One more than there are bodies; the first begins with the header fields MIME-Version and Content-Type."""


def skeleton(edition: CompiledEdition, media: Mapping[str, bytes]) -> Skeleton:
    """The edition's structure around its bodies; `media` holds the bytes of its files by their hash.

    Raises Refused for a file whose bytes are missing.
    """
    name = edition.hash[:32]
    html = _body("text/html")
    if edition.pictures:
        pictures = [_file(picture, media, edition.language) for picture in edition.pictures]
        html = _multipart("related", f"=_r{name}", [html, *pictures], ' type="text/html";')
    alternatives = [_body("text/plain"), html]
    if edition.calendar:
        # A parameter other than the object's own method makes Outlook refuse it (RFC 6047, section 2.4).
        alternatives.insert(1, _body("text/calendar", f"; method={edition.calendar.method}"))
    message = _multipart("alternative", f"=_a{name}", alternatives)
    if edition.attachments:
        attachments = [_file(attachment, media, edition.language) for attachment in edition.attachments]
        message = _multipart("mixed", f"=_m{name}", [message, *attachments])
    return Skeleton(tuple((b"MIME-Version: 1.0\r\n" + message).split(_HOLE)))


def _body(content_type: str, parameter: str = "") -> bytes:
    head = (
        f"Content-Type: {content_type}; charset=utf-8{parameter}\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    )
    return head.encode("ascii") + _HOLE


def _multipart(subtype: str, boundary: str, parts: Sequence[bytes], parameter: str = "") -> bytes:
    line = boundary.encode("ascii")
    head = f'Content-Type: multipart/{subtype};{parameter}{FOLD}boundary="{boundary}"\r\n'.encode("ascii")
    return head + b"".join([b"\r\n--" + line + b"\r\n" + part for part in parts]) + b"\r\n--" + line + b"--\r\n"


def _file(file: MediaRef, media: Mapping[str, bytes], language: str) -> bytes:
    if file.hash not in media:
        raise Refused(f"the {language} edition needs {file.filename!r}, which is not in the store; import it again")
    data = media[file.hash]
    kind, identity = ("inline", f"Content-ID: <{file.cid}>\r\n") if file.cid else ("attachment", "")
    head = (
        f"Content-Type: {_content_type(file.content_type, data)}\r\n"
        f"Content-Transfer-Encoding: base64\r\n{identity}"
        f"Content-Disposition: {kind};{FOLD}{f';{FOLD}'.join(filename_parameter(file.filename))}\r\n\r\n"
    )
    lines = [base64.b64encode(data[at : at + _BASE64_LINE]) for at in range(0, len(data), _BASE64_LINE)]
    return head.encode("ascii") + b"\r\n".join(lines)


def _content_type(declared: str, data: bytes) -> str:
    if declared.startswith("message/"):  # base64 is not allowed there (RFC 2046, section 5.2.1)
        return "application/octet-stream"
    if declared.startswith("text/") and "charset=" not in declared.lower():
        try:
            data.decode()
        except UnicodeDecodeError:
            return "application/octet-stream"
        return f"{declared}; charset=utf-8"
    return declared


def filename_parameter(filename: str) -> list[str]:
    """The parameter `filename` of RFC 2183, in as many pieces as it needs; RFC 2231 where it is long or not plain."""
    filename = cleaned(filename)
    if len(filename) <= _PIECE and _PLAIN_NAME.issuperset(filename):
        return [f'filename="{filename}"']
    pieces = list(_percent_encoded(filename))
    if len(pieces) == 1:
        return [f"filename*=utf-8''{pieces[0]}"]
    numbered = [f"filename*{number}*={piece}" for number, piece in enumerate(pieces)]
    return [numbered[0].replace("=", "=utf-8''", 1), *numbered[1:]]


def _percent_encoded(text: str) -> Iterator[str]:
    """Pieces of at most _PIECE characters that split no character: some readers decode each piece apart."""
    piece = ""
    for character in text:
        encoded = quote(character, safe="")
        if len(piece) + len(encoded) > _PIECE:
            yield piece
            piece = ""
        piece += encoded
    yield piece
