"""From the cells of a row to a person: which column is which field, and back to cells for the export."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from email.utils import parseaddr
from functools import cache, lru_cache
from typing import Any, NamedTuple

from config.errors import Refused
from subscribers.addresses import INVISIBLE, Address, normalise
from subscribers.fields import ATTRIBUTE, FIELDS, one_line
from subscribers.sources.meanings import NAME, Meaning, meanings_of, understood
from subscribers.sources.names import parts_of
from subscribers.sources.statuses import Said, Statuses
from subscribers.sources.table import Tool

# A spreadsheet runs a cell that begins like this as a formula. An apostrophe before it makes it text; reading takes
# one apostrophe off again, so that nothing is lost on the way there and back.
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_DEFUSED = re.compile(r"'+[=+\-@\t\r]")


class Person(NamedTuple):
    """What one row, or several of the same address, say of a person. A field that is not said is not a key."""

    address: Address
    values: dict[str, Any]
    attributes: dict[str, Any]
    said: Said | None = None
    """How the file says that they stand; None if nothing keeps them from mail."""

    def then(self, later: "Person") -> "Person":
        """The two as one, in which the later row's word counts, but whoever left in one row has left."""
        said = self.said.and_said(later.said) if self.said else later.said
        return Person(self.address, {**self.values, **later.values}, {**self.attributes, **later.attributes}, said)


class Columns:
    """What the columns of a file mean.

    Raises Unknown for a mapping from a column that is not there or to a field that does not exist, Refused where two
    columns would be one field or none is the address.
    """

    def __init__(
        self,
        names: Sequence[str],
        mapping: Mapping[str, str],
        file: str,
        ignored: str = "",
        *,
        tool: Tool | None = None,
        decided: Mapping[str, str] | None = None,
        everybody: Said | None = None,
    ) -> None:
        """`decided` and `everybody` are what the caller and the file's name say of who had left."""
        self.width = len(names)
        self.meanings = meanings_of(names, mapping, tool, file, ignored)
        self._nameless = [place for place, name in enumerate(names) if not name]
        self._fields: list[tuple[int, str, Callable[[str], Any]]] = []
        self._attributes: list[tuple[int, str]] = []
        self._spare: dict[str, list[Meaning]] = {}
        self._emails = [one.place for one in sorted(self._that_are("email"), key=lambda one: one.rank)]
        self._names = [one.place for one in sorted(self._that_are(NAME), key=lambda one: one.rank)]
        for name in FIELDS:
            several = sorted(self._that_are(name), key=lambda one: one.rank)
            if len(several) == 1 and several[0].strict:
                self._fields.append((several[0].place, name, _reader(name)))
            elif several:
                self._spare[name] = several
        for one in self.meanings:
            if one.becomes.startswith(ATTRIBUTE):
                self._attributes.append((one.place, one.becomes.removeprefix(ATTRIBUTE)))
        statuses = [(one.place, one.column, one.status) for one in self.meanings if one.status]
        watched = [(one.place, one.column) for one in self.meanings if one.watched]
        self.statuses = Statuses(statuses, decided or {}, everybody, file, watched)

    def likeness(self, cells: Sequence[str]) -> str:
        """The same text for all rows of one address, in a quarter of the time of telling if it is one."""
        cell = self._address_cell(cells)
        if cell.isascii() and cell[:1] != "'" and "<" not in cell:
            return cell.strip(INVISIBLE).lower()  # what normalise makes the key of, if it takes it
        try:
            return self._address(cells)[0].key
        except Refused:
            return ""

    def person(self, cells: list[str]) -> Person:
        """The person in a row; an empty cell says nothing. Raises Refused with everything that is wrong."""
        if len(cells) < self.width:
            cells = cells + [""] * (self.width - len(cells))
        wrong = []
        if len(cells) > self.width or self._nameless:
            stray = [*cells[self.width :], *(cells[place] for place in self._nameless)]
            wrong += [f"no column is named for the value {cell[:80]!r}" for cell in stray if cell.strip()][:1]
        values: dict[str, Any] = {}
        for place, name, read in self._fields:
            try:
                if value := read(cells[place]):
                    values[name] = value
            except Refused as error:
                wrong.append(f"{name}: {error}")
        attributes = {name: plain(cell) for place, name in self._attributes if (cell := cells[place].strip())}
        for name, several in self._spare.items():
            self._first_of(name, several, cells, values, attributes, wrong)
        try:
            address, written = self._address(cells)
        except Refused as error:
            wrong.insert(0, str(error))
            raise Refused("; ".join(wrong)) from None
        said = self.statuses.said(cells)
        if wrong and not said:  # who left has left, whatever else is wrong with the row
            raise Refused("; ".join(wrong))
        if (self._names or written) and not ("first_name" in values or "last_name" in values):
            self._take_apart(cells, written, values)
        return Person(address, values, attributes, said)

    def _that_are(self, what: str) -> list[Meaning]:
        return [one for one in self.meanings if one.becomes == what]

    def _address(self, cells: Sequence[str]) -> tuple[Address, str]:
        """The address, and the name that stands before it in the same cell: `Jane Doe <jane@example.org>`."""
        text = plain(self._address_cell(cells))
        if "<" in text:
            name, inner = parseaddr(text)
            if inner:
                return normalise(inner), name
        return normalise(text), ""

    def _address_cell(self, cells: Sequence[str]) -> str:
        first = cells[self._emails[0]] if len(cells) > self._emails[0] else ""
        for place in self._emails[1:]:
            first = first if first.strip() else cells[place] if len(cells) > place else ""
        return first

    @staticmethod
    def _first_of(
        name: str,
        several: Sequence[Meaning],
        cells: Sequence[str],
        values: dict[str, Any],
        attributes: dict[str, Any],
        wrong: list[str],
    ) -> None:
        """The first of several columns for one field that says something; what a field cannot take is kept."""
        for one in several:
            if name in values or not (cell := cells[one.place].strip()):
                continue
            try:
                if value := FIELDS[name](plain(cell)):
                    values[name] = value
            except Refused as error:
                if one.strict:
                    wrong.append(f"{name}: {error}")
                else:
                    attributes[one.column] = plain(cell)

    def _take_apart(self, cells: Sequence[str], written: str, values: dict[str, Any]) -> None:
        whole = next((cell for place in self._names if (cell := plain(cells[place].strip()))), written)
        if not whole or "@" in whole:
            return
        first, last = map(one_line, parts_of(one_line(whole)))
        values.update({key: part for key, part in (("first_name", first), ("last_name", last)) if part})


@cache
def _reader(field: str) -> Callable[[str], Any]:
    """What makes a field's value of a cell. It remembers: the cells of a column repeat."""

    @lru_cache(maxsize=4096)
    def read(cell: str) -> Any:
        text = cell.strip()
        return FIELDS[field](plain(text)) if text else None

    return read


def column_for(attribute: str) -> str:
    """The name of an attribute's column: its own, unless that would be read as something else."""
    own = not understood(attribute, {}) and not attribute.startswith(ATTRIBUTE) and attribute == attribute.strip()
    return attribute if own else f"{ATTRIBUTE}{attribute}"


def plain(cell: str) -> str:
    """The text that a cell stands for."""
    return cell[1:] if cell[:1] == "'" and _DEFUSED.match(cell) else cell


def cell(value: object) -> str:
    """The cell for a value: several values joined by `; `, an attribute that is no text as JSON, no formula."""
    if isinstance(value, tuple):
        value = "; ".join(value)
    text = value if isinstance(value, str) else written(value)
    return f"'{text}" if _FORMULA.match(text) else text


def written(value: object) -> str:
    """An attribute's value as text; one that is no text (set by other ways than a file) as JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
