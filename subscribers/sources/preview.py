"""A file of people as it is understood, to be looked at before anybody in it is stored."""

from itertools import islice
from typing import Any

from config.errors import Refused
from subscribers.fields import FIELDS
from subscribers.sources.opening import PeopleFile
from subscribers.sources.statuses import status_of

ROWS = 10


def preview(file: PeopleFile) -> dict[str, Any]:
    """How a file is understood, ready for JSON.

    {"file", "form", "encoding", "tool" or None, "everybody": how all in it stand or None, "columns": [{"column",
    "becomes"}], "rows": the first ten, each {"line", "email", the fields it has, "attributes", "status"} or {"line",
    "rejected"}}.
    """
    everybody = file.columns.statuses.everybody
    return {
        "file": file.table.path.name,
        "form": file.table.form,
        "encoding": file.table.encoding.removesuffix("-sig"),
        "tool": file.tool.name if file.tool else None,
        "everybody": status_of(everybody) if everybody else None,
        "columns": [{"column": one.column, "becomes": str(one)} for one in file.columns.meanings],
        "rows": [_row(file, line, cells) for line, cells in islice(file.table.rows(), ROWS)],
    }


def statuses(file: PeopleFile) -> list[dict[str, Any]]:
    """What the words of the status columns mean, [{"column", "word", "rows", "means"}], once all rows were seen."""
    return [
        {"column": column.name, "word": word, "rows": rows, "means": means}
        for _, column in file.columns.statuses.columns
        for word, rows, means in column.meanings()
    ]


def _row(file: PeopleFile, line: int, cells: list[str]) -> dict[str, Any]:
    try:
        person = file.columns.person(cells)
    except Refused as error:
        return {"line": line, "rejected": str(error)}
    fields = {name: person.values[name] for name in FIELDS if name in person.values}
    said = {"attributes": person.attributes, "status": status_of(person.said)}
    return {"line": line, "email": person.address.email, **fields, **said}
