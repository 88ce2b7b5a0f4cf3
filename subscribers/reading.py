"""Tables in files: which encoding, which delimiter, which rows. They come from every spreadsheet there is."""

import codecs
import csv
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from config.errors import Refused

DELIMITERS = (",", ";", "\t")
DELIMITER_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical line"}
RECORD_LIMIT = 1_000_000
"""Characters in one row; more is a file without line ends, or a quotation mark that is never closed."""
SAMPLE_ROWS = 20
ENOUGH = 100_000
"""Bytes beyond ASCII that tell an encoding as well as all of them."""
_PIECE = 1 << 20
_ZIP = b"PK\x03\x04"
_MULTIBYTE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_HIGH = re.compile(rb"[\x80-\xff]")
_SEPARATOR_LINE = re.compile("sep=([,;\t|])\r?\n?\\Z")


@dataclass(frozen=True, slots=True)
class Table:
    """A file that was looked at: how it is written and what its first line says."""

    path: Path
    encoding: str
    delimiter: str
    columns: tuple[str, ...]
    header_line: int

    @property
    def form(self) -> str:
        """What kind of file it is, for people."""
        return f"CSV, {DELIMITER_NAMES.get(self.delimiter, repr(self.delimiter))} between the columns"

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Each row with the number of the line that it begins on; empty ones are left out. May be read again.

        Raises Refused, naming the line, where the file is broken.
        """
        with open_text(self.path, self.encoding) as file:
            for line, cells in _records(self.path, file, self.delimiter):
                if line > self.header_line and any(cells):
                    yield line, cells


def open_table(path: Path, known: Callable[[str], bool], encoding: str = "") -> Table:
    """Look at the file: encoding (unless given), delimiter, header. `known` says if a column's name is understood.

    Raises Refused if the file cannot be read or has no header.
    """
    encoding = encoding or guess_encoding(path)
    try:
        codecs.lookup(encoding)
    except LookupError:
        raise Refused(f"there is no encoding named {encoding!r}; usual ones are utf-8 and windows-1252") from None
    best: Table | None = None
    best_score = (-1, -1, -1)
    troubles = []
    for delimiter in _delimiters(path, encoding):
        sample, trouble = _sample(path, encoding, delimiter)
        if not sample:
            troubles += [trouble] if trouble else []
            continue
        line, header = sample[0]
        columns = tuple(cell.strip("\ufeff").strip() for cell in header)
        width = len(columns)
        even = sum(len(cells) == width for _, cells in sample) if width > 1 else 0
        score = (sum(map(known, columns)), even, width)
        if score > best_score:
            best, best_score = Table(path, encoding, delimiter, columns, line), score
    if best is None:
        if troubles:
            raise troubles[0]
        raise Refused(f"{path.name} is empty; its first line should name the columns, such as email,first_name")
    return best


def guess_encoding(path: Path) -> str:
    """`utf-8-sig`, `utf-16`, `utf-16-le`, `utf-16-be` or `windows-1252`, from the whole file's bytes.

    Raises Refused where it is none of them, or UTF-8 that breaks half-way.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    multibyte = high = 0
    broken_at: int | None = None
    seen = 0
    try:
        with path.open("rb") as file:
            first = True
            while piece := file.read(_PIECE):
                if first and piece.startswith(_ZIP):
                    raise Refused(
                        f"{path.name} is a workbook or an archive; save its sheet as CSV UTF-8, or unpack it, and"
                        " import the files in it one by one"
                    )
                if first and (utf16 := _utf16(piece)):
                    return utf16
                first = False
                if broken_at is None:
                    try:
                        decoder.decode(piece)
                    except UnicodeDecodeError as error:
                        broken_at = max(0, seen + error.start)
                if high < ENOUGH and not piece.isascii():
                    multibyte += sum(len(found) for found in _MULTIBYTE.findall(piece))
                    high += len(_HIGH.findall(piece))
                seen += len(piece)
    except OSError as error:
        raise Refused(f"{path} cannot be read: {(error.strerror or str(error)).lower()}") from None
    if broken_at is None and not decoder.getstate()[0]:
        return "utf-8-sig"
    if multibyte * 2 > high:
        where = _line_of(path, seen if broken_at is None else broken_at)
        raise Refused(f"{path.name}: line {where} is broken: the file is UTF-8 elsewhere; save it again as UTF-8")
    return "windows-1252"


def _utf16(start: bytes) -> str | None:
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    head = start[:4096]
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if len(head) >= 4 and max(even, odd) * 3 > len(head) // 2 and min(even, odd) == 0:
        return "utf-16-be" if even else "utf-16-le"
    return None


def _line_of(path: Path, offset: int) -> int:
    lines = 1
    with path.open("rb") as file:
        while offset > 0 and (piece := file.read(min(offset, _PIECE))):
            lines += piece.count(b"\n")
            offset -= len(piece)
    return lines


def open_text(path: Path, encoding: str) -> TextIO:
    """The file's text, its line ends as they are. Raises Refused."""
    try:
        return path.open(encoding=encoding, newline="")
    except OSError as error:
        raise Refused(f"{path} cannot be read: {(error.strerror or str(error)).lower()}") from None


def _delimiters(path: Path, encoding: str) -> Sequence[str]:
    """The delimiters to try: the one that Excel's first line `sep=;` names, or all."""
    with open_text(path, encoding) as file:
        try:
            said = _SEPARATOR_LINE.match(file.readline(10))
        except UnicodeError:
            return DELIMITERS
    return (said[1],) if said else DELIMITERS


def _sample(path: Path, encoding: str, delimiter: str) -> tuple[list[tuple[int, list[str]]], Refused | None]:
    """The first rows as this delimiter cuts them, and the error that ended them."""
    rows: list[tuple[int, list[str]]] = []
    with open_text(path, encoding) as file:
        try:
            for line, cells in _records(path, file, delimiter):
                if any(cells):
                    rows.append((line, cells))
                if len(rows) == SAMPLE_ROWS:
                    break
        except Refused as trouble:
            return rows, trouble
    return rows, None


def _records(path: Path, file: TextIO, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    room = RECORD_LIMIT
    begins = 1

    def lines() -> Iterator[str]:
        nonlocal room
        number = 0
        while line := file.readline(RECORD_LIMIT + 1):
            number += 1
            room -= len(line)
            if room < 0:
                raise Refused(
                    f"{path.name}: the row that begins on line {begins} does not end within"
                    f" {RECORD_LIMIT:,} characters; is a quotation mark never closed?"
                )
            if "\0" in line:
                raise Refused(f"{path.name}: line {number} holds a NUL character; save the file again as UTF-8 text")
            if number == 1 and _SEPARATOR_LINE.match(line):
                line = "\n"
            yield line

    reader = csv.reader(lines(), delimiter=delimiter, strict=True)
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise Refused(
                f"{path.name}: the row that begins on line {begins} is broken ({error}); look at its quotation marks"
            ) from None
        except UnicodeError:
            raise Refused(
                f"{path.name}: line {reader.line_num + 1} or one shortly after is not {file.encoding};"
                " save the file again as UTF-8"
            ) from None
        yield begins, cells
        begins = reader.line_num + 1
        room = RECORD_LIMIT
