"""How an import is told: the file as it was understood, and what came of the people in it."""

from collections.abc import Mapping
from typing import Any, cast

from cli.output import count, facts, say, table
from subscribers.fields import FIELDS
from subscribers.importing import Counts
from subscribers.sources.opening import PeopleFile

MEANS = {
    "created": "new, and now on the list",
    "updated": "known already; what is new was added",
    "unchanged": "known already, nothing new",
    "pending": "never confirmed: no mail until they do",
    "unsubscribed": "had left, as the file says: recorded so, no mail",
    "suppressed": "bounced, complained or want none: no mail of any list",
    "kept_out": "had left or were suppressed before: a file brings nobody back",
    "rejected": "rows that could not be read",
}
"""What each count means, in the order in which they are told."""


def show_file(seen: Mapping[str, Any]) -> None:
    """A file as `subscribers.sources.preview.preview` tells it: what it is, its columns, its first rows."""
    facts(
        {
            "file": seen["file"],
            "from": seen["tool"] or "no program that is known",
            "form": f"{seen['form']}; {seen['encoding']}",
            "name says": f"everybody in it is {seen['everybody']}" if seen["everybody"] else "",
        }
    )
    say()
    table(
        ("column", "becomes"),
        [(one["column"], one["becomes"]) for one in seen["columns"] if one["becomes"] != "left out"],
    )
    left_out = [one["column"] for one in seen["columns"] if one["becomes"] == "left out"]
    if left_out:
        say(f"left out: {', '.join(left_out)}")
    say()
    _show_rows(seen["rows"])


def _show_rows(rows: list[dict[str, Any]]) -> None:
    say(f"the first {count(len(rows), 'row')}, by line, as understood", "bold")
    width = max((len(str(row["line"])) for row in rows), default=0)
    facts({f"{row['line']:>{width}}  {row.get('email', 'rejected')}": _told(row) for row in rows})


def _told(row: Mapping[str, Any]) -> str:
    """One row in a line: how the person stands if it is not well, the name in its two parts, and what else there is."""
    if "rejected" in row:
        return str(row["rejected"])
    name = f"{row.get('first_name', '')} | {row.get('last_name', '')}"
    others = [name for name in FIELDS if name not in {"first_name", "last_name"} and name in row]
    parts = [
        row["status"] if row["status"] != "confirmed" else "",
        name if name.strip(" |") else "",
        *(f"{name.replace('_', ' ')} {_cell(row[name])}" for name in others),
    ]
    return "; ".join(filter(None, parts)) or "the address only"


def show_statuses(statuses: list[dict[str, Any]]) -> None:
    """How the words of the status columns were understood."""
    if statuses:
        say()
        table(
            ("column", "word", "rows", "understood as"),
            [(one["column"], one["word"] or "(empty)", f"{one['rows']:,}", one["means"]) for one in statuses],
            right=["rows"],
        )


def show_counts(counts: Counts, file: PeopleFile, list_name: str, *, dry_run: bool) -> None:
    """What came of the people in a file, or what would."""
    say()
    whose = f" ({file.tool.name})" if file.tool else ""
    read = f"{count(counts['read'], 'row')} read from {file.table.path.name}{whose} for the list {list_name}"
    say(f"{read}; this is what would happen:" if dry_run else read, "bold")
    numbers = cast("dict[str, int]", counts)
    table(
        ("number", "outcome", "which means"),
        [(f"{numbers[name]:,}", name.replace("_", " "), means) for name, means in MEANS.items() if numbers[name]],
        right=["number"],
    )


def _cell(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
