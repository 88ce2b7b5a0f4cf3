"""From the cells of a row to a person: which column is which field, and back to cells for the export."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from config.errors import Refused, Unknown
from subscribers import fields
from subscribers.addresses import Address, normalise
from subscribers.fields import ATTRIBUTE, FIELDS

# A spreadsheet runs a cell that begins like this as a formula. An apostrophe before it makes it text; reading takes
# one apostrophe off again, so that nothing is lost on the way there and back.
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_DEFUSED = re.compile(r"'+[=+\-@\t\r]")


@dataclass(frozen=True, slots=True)
class Person:
    """What one row, or several of the same address, say of a person. A field that is not said is not a key."""

    address: Address
    values: dict[str, Any]
    attributes: dict[str, Any]

    def then(self, later: "Person") -> "Person":
        """The two as one, in which the later row's word counts."""
        return Person(self.address, {**self.values, **later.values}, {**self.attributes, **later.attributes})


class Columns:
    """What the columns of a file mean.

    Raises Unknown for a mapping from a column that is not there or to a field that does not exist, Refused where two
    columns would be one field or none is the address.
    """

    def __init__(self, names: Sequence[str], mapping: Mapping[str, str], file: str, ignored: str = "") -> None:
        for name in mapping:
            if name not in names:
                raise Unknown(f"column in {file}", name, filter(None, names))
        self.width = len(names)
        self._fields: list[tuple[int, str]] = []
        self._attributes: list[tuple[int, str]] = []
        self._nameless = [place for place, name in enumerate(names) if not name]
        email: int | None = None
        taken: dict[str, str] = {}
        for place, name in enumerate(names):
            meaning = meaning_of(name, mapping)
            if not meaning or name == ignored:
                continue
            if meaning in taken:
                raise Refused(
                    f"{file}: the columns {taken[meaning]!r} and {name!r} would both be {meaning};"
                    " rename one, or leave it out with an empty mapping"
                )
            taken[meaning] = name
            if meaning == "email":
                email = place
            elif meaning in FIELDS:
                self._fields.append((place, meaning))
            else:
                self._attributes.append((place, meaning.removeprefix(ATTRIBUTE)))
        if email is None:
            raise Refused(
                f"{file}: no column is named email; there are: {', '.join(filter(None, names))}."
                " Say which one holds the address by a mapping such as --map COLUMN=email"
            )
        self._email = email

    def address(self, cells: Sequence[str]) -> Address:
        """The address of a row. Raises Refused."""
        return normalise(plain(cells[self._email]) if len(cells) > self._email else "")

    def person(self, cells: list[str]) -> Person:
        """The person in a row; an empty cell says nothing. Raises Refused with everything that is wrong."""
        if len(cells) < self.width:
            cells = cells + [""] * (self.width - len(cells))
        wrong = []
        stray = [cell for cell in (*cells[self.width :], *(cells[place] for place in self._nameless)) if cell.strip()]
        if stray:
            wrong.append(f"no column is named for the value {stray[0][:80]!r}")
        values: dict[str, Any] = {}
        for place, name in self._fields:
            if cell := cells[place].strip():
                try:
                    value = FIELDS[name](plain(cell))
                except Refused as error:
                    wrong.append(f"{name}: {error}")
                else:
                    if value:
                        values[name] = value
        attributes = {name: plain(cell) for place, name in self._attributes if (cell := cells[place].strip())}
        try:
            address = self.address(cells)
        except Refused as error:
            wrong.insert(0, str(error))
        if wrong:
            raise Refused("; ".join(wrong))
        return Person(address, values, attributes)


def understood(name: str, mapping: Mapping[str, str]) -> bool:
    """True for a column that is a field or that the mapping speaks of; any other is somebody's own attribute."""
    return name in mapping or fields.field_of(name) is not None


def meaning_of(name: str, mapping: Mapping[str, str]) -> str:
    """`email`, a field, `attributes.x`, or empty for a column that is left out. Raises Unknown."""
    if name in mapping:
        return fields.target(mapping[name]) if mapping[name] else ""
    if not name or name.startswith(ATTRIBUTE):
        return name
    return fields.field_of(name) or f"{ATTRIBUTE}{name}"


def column_for(attribute: str) -> str:
    """The name of an attribute's column: its own, unless that would be read as something else."""
    own = fields.field_of(attribute) is None and not attribute.startswith(ATTRIBUTE) and attribute == attribute.strip()
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
