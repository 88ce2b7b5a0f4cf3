"""vCards, 2.1 (versit, 1996), 3.0 (RFC 2426) and 4.0 (RFC 6350): address books of phones and mail programs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import vobject
from vobject.base import ParseError

from config.errors import Refused
from subscribers.reading import Table, guess_encoding, open_text
from subscribers.sources.table import Tool

COLUMNS = (
    "email",
    "first_name",
    "last_name",
    "name",
    "organisation",
    "country",
    "language",
    "title",
    "categories",
    "note",
)
ADDRESS_BOOK = Tool("an address book", (), frozenset())
_START = b"BEGIN:VCARD"


@dataclass(frozen=True, slots=True)
class CardTable(Table):
    """A file of vCards, as the table that it would be."""

    @property
    def form(self) -> str:
        return "vCard"

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Each card as a row, with the number of the line that it begins on. Raises Refused where one is broken."""
        for line, text in _cards(self.path, self.encoding):
            try:
                card = next(vobject.readComponents(text, allowQP=True))
            except (ParseError, StopIteration, ValueError, LookupError) as error:
                reason = str(error).splitlines()[0] if str(error) else "not readable"
                raise Refused(
                    f"{self.path.name}: the card that begins on line {line} is broken ({reason[:120]});"
                    " mend or delete it"
                ) from None
            yield line, _row(card)


def is_vcard(path: Path) -> bool:
    """True if the file begins as a vCard does."""
    try:
        with path.open("rb") as file:
            start = file.read(64)
    except OSError:
        return False
    return start.replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \r\n\t").upper().startswith(_START)


def open_vcards(path: Path, encoding: str) -> Table:
    """The file as a table. Raises Refused."""
    return CardTable(path, encoding or guess_encoding(path), ",", COLUMNS, 0)


def _cards(path: Path, encoding: str) -> Iterator[tuple[int, str]]:
    """The text of each card, and the line that it begins on: one that is broken does not hide the others' places."""
    begins, lines = 0, []
    with open_text(path, encoding) as file:
        try:
            for number, line in enumerate(map(_bare, file), 1):
                if line.strip().upper() == "BEGIN:VCARD" and not begins:
                    begins = number
                if begins:
                    lines.append(line)
                if begins and line.strip().upper() == "END:VCARD":
                    yield begins, "\r\n".join(lines) + "\r\n"
                    begins, lines = 0, []
        except UnicodeError:
            raise Refused(f"{path.name} is not {encoding}; say its encoding by --encoding") from None
    if begins:
        raise Refused(f"{path.name}: the card that begins on line {begins} does not end; mend or delete it")


def _bare(line: str) -> str:
    return line.rstrip("\r\n")


def _row(card: Any) -> list[str]:
    contents: dict[str, Sequence[Any]] = card.contents
    name = contents["n"][0].value if "n" in contents else None
    said = {
        "email": _text(min(contents["email"], key=_rank)) if "email" in contents else "",
        "first_name": " ".join(filter(None, (_joined(name.given), _joined(name.additional)))) if name else "",
        "last_name": _joined(name.family) if name else "",
        "name": _text(contents["fn"][0]) if "fn" in contents else "",
        "organisation": _joined(contents["org"][0].value[:1]) if "org" in contents else "",
        "country": next((_joined(one.value.country) for one in contents.get("adr", ()) if one.value.country), ""),
        "language": _text(min(contents["lang"], key=_rank)) if "lang" in contents else "",
        "title": _text(contents["title"][0]) if "title" in contents else "",
        "categories": "; ".join(_joined(one.value) for one in contents.get("categories", ())),
        "note": _text(contents["note"][0]) if "note" in contents else "",
    }
    return [said[column] for column in COLUMNS]


def _rank(one: Any) -> int:
    """The preferred of several first: `PREF=1` of 4.0, `TYPE=PREF` of 3.0, a lone `PREF` of 2.1."""
    preferred = one.params.get("PREF", ())
    if preferred and str(preferred[0]).isdecimal():
        return int(preferred[0])
    types = {str(word).upper() for word in (*one.params.get("TYPE", ()), *getattr(one, "singletonparams", ()))}
    return 1 if "PREF" in types or preferred else 100


def _text(one: Any) -> str:
    return _joined(one.value)


def _joined(value: Any) -> str:
    return "; ".join(map(str, value)).strip() if isinstance(value, list | tuple) else str(value).strip()
