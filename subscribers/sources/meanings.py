"""What each column of a file becomes: said by the caller, by our own names, by the table of other programs' names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from config.errors import Refused, Unknown
from subscribers import fields
from subscribers.fields import ATTRIBUTE, FIELDS
from subscribers.sources.statuses import KINDS
from subscribers.sources.table import Tool, about_another_channel, known, squeezed, status_kind

NAME = "name"
"""A whole name, which is taken apart."""
STATUS = "status"
LEFT_OUT = ""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a column becomes."""

    place: int
    column: str
    becomes: str
    """`email`, `name`, a field, `attributes.x`, or empty where it is left out."""
    status: str = ""
    """The kind of status column that it is, or empty."""
    strict: bool = True
    """A value that the field cannot take is wrong; else it becomes an attribute of the column's name."""
    watched: bool = False
    """Nothing is known of its name, so a word in it that says somebody left is asked about."""
    rank: int = 0
    """Of several columns that become one thing, the lowest speaks first."""

    def __str__(self) -> str:
        if self.status:
            return STATUS if self.status in {"word", "perhaps"} else f"{STATUS}: {self.status}"
        return self.becomes or "left out"


def meanings_of(
    columns: Sequence[str], mapping: Mapping[str, str], tool: Tool | None, file: str, ignored: str = ""
) -> list[Meaning]:
    """What each named column becomes, in the order of the file.

    Raises Unknown for a mapping from a column that is not there or to a field that does not exist, Refused where two
    columns would be one thing or none is the address.
    """
    for name in mapping:
        if name not in columns:
            raise Unknown(f"column in {file}", name, filter(None, columns))
    found = [_meaning(place, name, mapping, tool) for place, name in enumerate(columns) if name and name != ignored]
    found = _names_in_parts(found)
    taken: dict[str, str] = {}
    for meaning in found:
        if not meaning.becomes or meaning.status or meaning.rank:
            continue
        if taken.get(meaning.becomes) == meaning.column:
            raise Refused(f"{file}: two columns are named {meaning.column!r}; rename or delete one")
        if meaning.becomes in taken:
            raise Refused(
                f"{file}: the columns {taken[meaning.becomes]!r} and {meaning.column!r} would both be"
                f" {meaning.becomes}; rename one, or leave it out with an empty mapping"
            )
        taken[meaning.becomes] = meaning.column
    if all(meaning.becomes != "email" for meaning in found):
        raise Refused(
            f"{file}: no column is named email; there are: {', '.join(filter(None, columns))}."
            " Say which one holds the address by a mapping such as --map COLUMN=email"
        )
    return found


def understood(name: str, mapping: Mapping[str, str]) -> bool:
    """True for a column that is known by its name or that the mapping speaks of; any other is an attribute."""
    return (
        name in mapping
        or fields.field_of(name) is not None
        or squeezed(name) in known().fields
        or status_kind(name) is not None
    )


def _meaning(place: int, name: str, mapping: Mapping[str, str], tool: Tool | None) -> Meaning:
    if name in mapping:
        return _mapped(place, name, mapping[name])
    if name.startswith(ATTRIBUTE):
        return Meaning(place, name, name)
    if own := fields.field_of(name):
        return Meaning(place, name, own, strict=tool is None)
    word = squeezed(name)
    if tool and word in tool.left_out:
        return Meaning(place, name, LEFT_OUT)
    if word in known().fields:
        becomes, rank = known().fields[word]
        return Meaning(place, name, becomes, strict=False, rank=rank + 1)
    kind = status_kind(name)
    kept = LEFT_OUT if kind and kind != "perhaps" else f"{ATTRIBUTE}{name}"
    watched = kind is None and word not in known().no_status and not about_another_channel(name)
    return Meaning(place, name, kept, status=kind or "", watched=watched, rank=1 if tool else 0)


def _mapped(place: int, name: str, target: str) -> Meaning:
    if target == STATUS:
        return Meaning(place, name, LEFT_OUT, status="word")
    if target in KINDS:
        return Meaning(place, name, LEFT_OUT, status=target)
    if (
        target in {LEFT_OUT, NAME, "email"}
        or target in FIELDS
        or (target.startswith(ATTRIBUTE) and target != ATTRIBUTE)
    ):
        return Meaning(place, name, target)
    raise Unknown("field", target, ["email", NAME, *FIELDS, STATUS, *KINDS[2:]])


def _names_in_parts(found: list[Meaning]) -> list[Meaning]:
    """Beside a column of first names alone, a column called `Nom`, `Name` or `Nome` holds the other part."""
    have = {meaning.becomes for meaning in found}
    parts = {"first_name", "last_name"}
    if NAME not in have or len(have & parts) != 1:
        return found
    other = (parts - have).pop()
    return [
        Meaning(one.place, one.column, other, strict=one.strict, rank=one.rank) if one.becomes == NAME else one
        for one in found
    ]
