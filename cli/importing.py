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
    read = [row for row in rows if "rejected" not in row]
    names = [name for name in FIELDS if name not in {"first_name", "last_name"} and any(name in row for row in read)]
    stand = any(row["status"] != "confirmed" for row in read)
    if read:
        told = [name.replace("_", " ") for name in names] + ["stands"] * stand
        table(
            ("line", "email", "first | last name", *told),
            [
                (
                    row["line"],
                    row["email"],
                    f"{row.get('first_name', '')} | {row.get('last_name', '')}".strip(" |"),
                    *(_cell(row.get(name, "")) for name in names),
                    *([row["status"]] * stand),
                )
                for row in read
            ],
            right=["line"],
        )
    for row in rows:
        if "rejected" in row:
            say(f"line {row['line']} would be rejected: {row['rejected']}", "yellow")


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
