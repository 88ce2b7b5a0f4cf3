"""A server's bytes made into replies (RFC 5321, 4.2), however the network cut them up."""

from collections.abc import Iterator

LINE_LIMIT = 4096
"""Octets in a line; RFC 5321 allows 512, some servers take more."""
LINES_LIMIT = 128
TEXT_LIMIT = 500

_CODES = {b"%d" % code: code for code in range(200, 600)}


class Garbled(Exception):
    """What the server sent is no SMTP reply: nothing after it can be trusted."""


class ReplyReader:
    """Collects bytes and yields whole replies as (code, text lines)."""

    def __init__(self) -> None:
        self._rest = b""
        self._lines: list[bytes] = []
        self._code = 0

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """The replies completed by these bytes: the code, and the text's lines joined by spaces.

        Raises Garbled where the bytes are no reply, after yielding those before.
        """
        lines = (self._rest + data if self._rest else data).split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            code = _CODES.get(line[:3])
            mark = line[3:4]
            if code is None or len(line) > LINE_LIMIT or (self._lines and code != self._code):
                raise Garbled
            if mark == b"-":
                self._lines.append(line[4:].strip())
                self._code = code
                if len(self._lines) > LINES_LIMIT:
                    raise Garbled
            elif mark in (b" ", b"\r", b""):
                text = line[4:].strip()
                if self._lines:
                    text = b" ".join([*self._lines, text])
                    self._lines = []
                yield code, text
            else:
                raise Garbled
        if len(self._rest) > LINE_LIMIT:
            raise Garbled


def readable(text: bytes) -> str:
    """The reply's words, at most 500 characters, control characters made spaces."""
    words = text.decode("utf-8", "replace")
    if not words.isprintable():
        words = "".join(c if c.isprintable() else " " for c in words)
    return words[:TEXT_LIMIT]
