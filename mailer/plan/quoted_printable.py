"""Quoted-printable (RFC 2045, section 6.7) in chunks that can be joined.

Every encoded chunk begins at column 0 and ends in CRLF (where its text ends in a line break) or in the soft
break `=CRLF`. So chunks encoded apart join into one valid body, in any order and number. A dot never stands at
the start of a line, not even after a soft break, so the body needs no dot-stuffing (RFC 5321, section 4.5.2);
nor does "From ", which mailbox files would mangle.
"""

import re
from binascii import b2a_qp

LINE = 75
"""Characters on a line, less the `=` of a soft break."""
SOFT = b"=\r\n"
_HARD = b"\r\n"
_SPECIAL = re.compile(rb"[^\t -<>-~]+")
_SURROGATE = re.compile("[\ud800-\udfff]")
# Most personal values are short and plain: one look, no loop.
_plain = re.compile(rf"(?!\.|From )[\t -<>-~]{{1,{LINE}}}").fullmatch


def well_formed(text: str) -> str:
    """The text with each lone surrogate, which no encoding can carry, replaced by U+FFFD."""
    return _SURROGATE.sub("\ufffd", text)


def encode(text: str) -> bytes:
    """One chunk of text, as UTF-8 in quoted-printable; an empty text is an empty chunk.

    Line breaks may be CRLF, CR or LF; each becomes CRLF. Lines are at most 76 octets, the `=` included.
    """
    if _plain(text):
        return text.encode() + SOFT
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    try:
        data = text.encode()
    except UnicodeEncodeError:
        data = well_formed(text).encode()
    if 0 < len(data) <= LINE and b"\n" not in data:
        # The library's, where there is nothing to fold: for a name with accents less than half of the time.
        octets = b2a_qp(data, istext=False)
        if len(octets) <= LINE and not octets.startswith((b".", b"From ")):
            return octets + SOFT
    *lines, rest = data.split(b"\n")
    out: list[bytes] = []
    for line in lines:
        octets = _octets(line)
        if line.endswith((b" ", b"\t")):  # lost on the way before a line break, unless encoded
            octets = octets[:-1] + b"=%02X" % line[-1]
        _fold(octets, _HARD, out)
    if rest:
        _fold(_octets(rest), SOFT, out)
    return b"".join(out)


def _octets(line: bytes) -> bytes:
    return _SPECIAL.sub(lambda match: b"=" + match[0].hex("=").upper().encode("ascii"), line)


def _fold(line: bytes, end: bytes, out: list[bytes]) -> None:
    """Append one encoded line in pieces of at most 76 octets, the last of which ends in `end`."""
    start = 0
    while True:
        if line.startswith(b".", start):
            out.append(b"=2E")
        elif line.startswith(b"From ", start):
            out.append(b"=46")
        else:
            out.append(b"")
        start += len(out[-1]) // 3
        cut = start + LINE - len(out[-1])
        if cut >= len(line):
            out += (line[start:], end)
            return
        triple = line.find(b"=", cut - 2, cut)  # an =XX stays whole
        if triple >= 0:
            cut = triple
        out += (line[start:cut], SOFT)
        start = cut
