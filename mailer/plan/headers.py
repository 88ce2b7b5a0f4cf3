"""Header fields, each encoded as a whole value: lines of RFC 5322, words of RFC 2047, URLs of RFC 2369.

Every function gives a finished field, folded, ending in CRLF. Whatever a value holds, it stays inside its field:
line breaks and control characters become spaces. All is ASCII but an address whose local part is not (RFC 6532).
Errors never repeat the value, which may be personal.
"""

import re
from binascii import b2a_base64
from collections.abc import Sequence
from functools import lru_cache
from urllib.parse import quote, urlsplit

from mailer.plan.domains import ascii_domain
from mailer.plan.quoted_printable import well_formed

FOLD = "\r\n "
_LINE = 76
"""The longest line that may hold an encoded word (RFC 2047, section 2); other lines are folded there too."""
_WORD = 75
_AROUND = len("=?utf-8?B??=")
_LONG = 60
"""Longer text without a space is encoded, because only then can it be folded."""
_LONGEST_ADDRESS = 320
_LONGEST_URL = 900
"""Neither can be folded, and no line may be over 998 octets."""

_NOISE = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029]+")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")
_LOCAL_ATOM = r'[^\x00-\x20"(),.:;<>@\[\]\\\x7f-\xa0\u2028\u2029\ud800-\udfff]+'
_LOCAL_PART = re.compile(rf"{_LOCAL_ATOM}(?:\.{_LOCAL_ATOM})*")
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_URL = re.compile(r"[a-z][a-z0-9+.-]*:[!-;=?-~]+")


class BadValue(ValueError):
    """A value that its header field cannot hold. The text never repeats it, for it may be personal."""


def cleaned(value: str) -> str:
    """The value as a header may hold it: each run of white space and control characters is one space, none around."""
    if value.isprintable() and "  " not in value:  # nothing of all that is in it, as in nearly all
        return value.strip()
    return _NOISE.sub(" ", well_formed(value)).strip()


def unstructured(name: str, value: str) -> str:
    """A field of free text, such as Subject. Raises BadValue for none."""
    value = cleaned(value)
    if not value:
        raise BadValue(f"the {name.lower()} is empty")
    if not value.isascii() or "=?" in value or _has_long_word(value):
        return _field(name, _encoded_words(value, len(name) + 2))
    return _field(name, value.split(" "))


def mailbox(name: str, display_name: str, address: str) -> str:
    """A field of one address, with or without a display name; the domain in A-labels, the local part as it is.

    A local part that is not ASCII stays UTF-8: such a message needs a server that offers SMTPUTF8.
    Raises BadValue for what is no address.
    """
    local, _, domain = address.rpartition("@")
    domain = _domain(domain)
    if not domain or len(address) > _LONGEST_ADDRESS or not _LOCAL_PART.fullmatch(local):
        raise BadValue("not an address")
    phrase = _phrase(display_name, len(name) + 2)
    return _field(name, [*phrase, f"<{local}@{domain}>"] if phrase else [f"{local}@{domain}"])


@lru_cache(maxsize=4096)
def _domain(domain: str) -> str:
    """The domain in A-labels, empty for what is none. Kept: readers share their domains."""
    try:
        domain = ascii_domain(domain)
    except ValueError:
        return ""
    return domain if _DOMAIN.fullmatch(domain) else ""


def split_mailbox(value: str) -> tuple[str, str]:
    """(display name, address) of `Name <address>`, `"Name" <address>` or a bare address."""
    value = value.strip()
    if not value.endswith(">"):
        return "", value
    display_name, _, address = value[:-1].rpartition("<")
    display_name = display_name.strip()
    if len(display_name) > 1 and display_name[0] == display_name[-1] == '"':
        display_name = re.sub(r"\\(.)", r"\1", display_name[1:-1])
    return display_name, address.strip()


def list_id(title: str, identifier: str) -> str:
    """List-Id (RFC 2919): the title as a phrase and `name.domain` in brackets. Raises BadValue for no such pair."""
    try:
        identifier = ascii_domain(identifier)
    except ValueError:
        raise BadValue("a List-Id is name.domain") from None
    if "." not in identifier or not _DOMAIN.fullmatch(identifier):
        raise BadValue("a List-Id is name.domain")
    return _field("List-Id", [*_phrase(title, len("List-Id: "), quoted=False), f"<{identifier}>"])


def urls(name: str, *addresses: str) -> str:
    """A field of URLs in angle brackets (RFC 2369), each on a line of its own. Raises BadValue for what is no URL."""
    return f"{name}: <{f'>,{FOLD}<'.join(map(_ascii_url, addresses))}>\r\n"


def _field(name: str, words: Sequence[str]) -> str:
    """The words with a space between them, folded where a line would grow too long."""
    line = f"{name}: {' '.join(words)}"
    if len(line) <= _LINE and line.isascii():  # as nearly all
        return f"{line}\r\n"
    out = [name, ":"]
    column = len(name) + 1
    for number, word in enumerate(words):
        width = 1 + (len(word) if word.isascii() else len(word.encode()))
        if number and column + width > _LINE:
            out.append("\r\n")
            column = 0
        out += (" ", word)
        column += width
    out.append("\r\n")
    return "".join(out)


def _phrase(value: str, column: int, *, quoted: bool = True) -> Sequence[str]:
    """A display name in words (RFC 5322, section 3.2.5): atoms, one quoted string if that is wanted, or encoded words.

    A quoted string here never holds a quoted pair: readers disagree about what it means there.
    """
    value = cleaned(value)
    if value.isascii() and "=?" not in value:
        if _ATOMS.fullmatch(value) and not _has_long_word(value):
            return value.split()
        if quoted and 0 < len(value) <= _LONG and '"' not in value and "\\" not in value:
            return (f'"{value}"',)
    return _encoded_words(value, column)


def _has_long_word(value: str) -> bool:
    return len(value) > _LONG and max(map(len, value.split())) > _LONG


def _encoded_words(value: str, column: int) -> list[str]:
    """RFC 2047 words (UTF-8, B), the first short enough to stand at `column`; no character is split.

    They are cut before a space where there is one: Python before 3.12 reads a space of its own between two encoded
    words of a name, which does less harm there.
    """
    data = value.encode()
    words = []
    start, room = 0, min(_WORD, _LINE - column)
    while start < len(data):
        end = start + (room - _AROUND) // 4 * 3
        if end < len(data):
            space = data.rfind(b" ", start + 1, end + 1)
            if space > 0:
                end = space
            while data[end] & 0xC0 == 0x80:
                end -= 1
        words.append(f"=?utf-8?B?{b2a_base64(data[start:end], newline=False).decode()}?=")
        start, room = end, _WORD
    return words


def _ascii_url(address: str) -> str:
    """The URL in ASCII: an internationalised host in A-labels, the rest percent-encoded."""
    if not address.isascii():
        parts = urlsplit(address)
        host, colon, port = parts.netloc.partition(":")
        address = parts._replace(netloc=ascii_domain(host) + colon + port).geturl()
        address = quote(address, safe="%/:?#[]@!$&'()*+,;=")
    if len(address) > _LONGEST_URL or not _URL.fullmatch(address):
        raise BadValue("not a URL")
    return address
