"""Addresses without a header: one a line, or as mail programs write them, `Jane Doe <jane@example.org>`."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from config.errors import Refused
from subscribers.reading import RECORD_LIMIT, SAMPLE_ROWS, Table, open_text

COLUMNS = ("email", "name")
_PART = re.compile(r'(?:"[^"]*"|<[^<>]*>|[^;,\t"<])+|["<]')
_ADDRESS = re.compile(r"[^\s@]@[^\s@,;]+\.[^\s@,;]")
_NAMED = re.compile(r"(.*?)<\s*(?:mailto:)?([^<>]*)>")


@dataclass(frozen=True, slots=True)
class AddressTable(Table):
    """A list of addresses, as the table that it would be."""

    @property
    def form(self) -> str:
        return "a list of addresses"

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """An address and the name that stands with it, or nothing, with the number of their line."""
        with open_text(self.path, self.encoding) as file:
            number = 0
            try:
                while line := file.readline(RECORD_LIMIT + 1):
                    number += 1
                    if len(line) > RECORD_LIMIT or "\0" in line:
                        raise Refused(
                            f"{self.path.name}: line {number} is no line of text; save the file as UTF-8 text"
                        )
                    yield from ((number, [address, name]) for address, name in addresses_in(line))
            except UnicodeError:
                raise Refused(
                    f"{self.path.name}: line {number + 1} or one shortly after is not {file.encoding};"
                    " save the file again as UTF-8"
                ) from None


def begins_with_address(path: Path, encoding: str) -> bool:
    """True if a file's first line is no header but holds an address."""
    try:
        with open_text(path, encoding) as file:
            while line := file.readline(RECORD_LIMIT):
                if line.strip("\ufeff \t\r\n"):
                    return bool(_ADDRESS.search(line))
    except (UnicodeError, LookupError):  # whoever reads it as a table says what is wrong
        pass
    return False


def open_address_list(path: Path, encoding: str) -> Table:
    """The file as a list of addresses. Raises Refused if its lines have more in them, for which there are no names."""
    table = AddressTable(path, encoding, ",", COLUMNS, 0)
    for number, (line, (address, _name)) in enumerate(table.rows()):
        if "@" not in address:
            raise Refused(
                f"{path.name}: line {line} has {address[:40]!r} beside an address, and no first line says what that is;"
                " add one that names the columns, such as email,first_name,last_name"
            )
        if number == SAMPLE_ROWS:
            break
    return table


def addresses_in(line: str) -> Iterator[tuple[str, str]]:
    """The addresses in a line, each with its name; what is neither comes as an address that is none."""
    waiting: list[str] = []
    for part in _PART.findall(line):
        text = part.strip()
        if not text:
            continue
        named = _NAMED.match(text)
        if named is None and "@" not in text:
            waiting.append(_bare(text))
            continue
        if named is None:
            yield from ((word, "") for word in waiting)
            yield _bare(text), ""
        else:
            yield named[2].strip(), ", ".join([*waiting, _bare(named[1])]).strip(", ")
        waiting = []
    yield from ((word, "") for word in waiting)


def _bare(text: str) -> str:
    return text.strip().strip("\"'").strip()
