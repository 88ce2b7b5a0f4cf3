"""Import: a file of people onto a list. It may be broken off and run again; the second time changes nothing."""

import csv
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import TextIO, TypedDict

from config.database import reading, transaction
from config.errors import Refused
from subscribers.columns import Columns, Person, understood
from subscribers.lists import find_list
from subscribers.models import Basis
from subscribers.reading import Table, open_table
from subscribers.storing import store

CHUNK = 5000
"""People in one commit: large enough for the statements to count little, small enough that others get their turn."""
REASON = "reason"
"""The last column of a file of rejected rows; a corrected file may be imported with it."""


class Counts(TypedDict):
    """`read` rows; the others count people, `rejected` rows. A person in two rows is counted once."""

    read: int
    created: int
    updated: int
    unchanged: int
    rejected: int
    kept_out: int


def rejected_path(path: Path) -> Path:
    """Where the rejected rows of the file `path` are written: `people.csv.rejected.csv`."""
    return path.with_name(f"{path.name}.rejected.csv")


def import_file(
    path: Path,
    list_name: str,
    basis: Basis,
    source: str,
    *,
    wording: str = "",
    mapping: Mapping[str, str] | None = None,
    encoding: str = "",
    progress: Callable[[int, int], None] | None = None,
) -> Counts:
    """Put the people in a CSV file on a list, on the legal basis `basis`, as told by `source`.

    `mapping` says what columns mean ({"Courriel": "email", "Beat": "attributes.beat", "Notes": ""}, empty to leave
    one out); `progress` is called with the rows done and their total. The file is read twice: first to the end
    without writing anything, so that a broken file is refused before anybody is on the list, and to know which
    people have several rows; those become one, in which the later word counts.

    Raises Refused for a file that cannot be read and Unknown for a list, column or field that does not exist.
    """
    mapping = mapping or {}
    if not source.strip():
        raise Refused("say where these people come from, as in --source 'sign-up sheet, Brussels, May 2026'")
    with reading() as session:
        find_list(session, list_name)
    table = open_table(path, lambda name: understood(name, mapping), encoding)
    again = path.name.endswith(".rejected.csv") and table.columns[-1] == REASON
    columns = Columns(table.columns, mapping, path.name, REASON if again else "")
    total, repeated = _survey(table, columns)
    if progress:
        progress(0, total)
    counts = Counts(read=total, created=0, updated=0, unchanged=0, rejected=0, kept_out=0)

    def write(people: dict[str, Person]) -> None:
        if not people:
            return
        with transaction() as session:
            done = store(
                session, people, find_list(session, list_name), basis=basis, source=source.strip(), wording=wording
            )
        counts["created"] += len(done.created)
        counts["updated"] += len(done.updated)
        counts["unchanged"] += len(done.unchanged)
        counts["kept_out"] += len(done.kept_out)

    chunk: dict[str, Person] = {}
    several: dict[str, Person] = {}
    with closing(_Rejects(rejected_path(path), table)) as rejects:
        for number, (_line, cells) in enumerate(table.rows(), 1):
            try:
                person = columns.person(cells)
            except Refused as error:
                rejects.write(cells, str(error))
                counts["rejected"] += 1
                continue
            key = person.address.key
            if hash(key) in repeated:
                several[key] = several[key].then(person) if key in several else person
            else:
                chunk[key] = person
            if len(chunk) == CHUNK:
                write(chunk)
                chunk = {}
                if progress:
                    progress(number, total)
    write(chunk)
    keys = list(several)
    for start in range(0, len(keys), CHUNK):
        write({key: several[key] for key in keys[start : start + CHUNK]})
    if progress:
        progress(total, total)
    return counts


def _survey(table: Table, columns: Columns) -> tuple[int, set[int]]:
    """The number of rows, and the hashes of the address keys that occur more than once.

    Hashes, because a million of them fit in memory. Should two keys share one, both merely wait for the last chunk.
    """
    total = 0
    seen: set[int] = set()
    repeated: set[int] = set()
    for _line, cells in table.rows():
        total += 1
        try:
            key = hash(columns.address(cells).key)
        except Refused:
            continue
        if key in seen:
            repeated.add(key)
        seen.add(key)
    return total, repeated


class _Rejects:
    """The file of rejected rows; it exists only if there is one."""

    def __init__(self, path: Path, table: Table) -> None:
        self._path, self._table = path, table
        self._file: TextIO | None = None
        path.unlink(missing_ok=True)

    def write(self, cells: list[str], reason: str) -> None:
        width = len(self._table.columns)
        if self._file is None:
            self._file = self._path.open("w", encoding="utf-8", newline="")
            self._write([*self._table.columns, REASON])
        self._write([*cells[:width], *[""] * (width - len(cells)), reason])

    def _write(self, cells: list[str]) -> None:
        csv.writer(self._file, delimiter=self._table.delimiter).writerow(cells)  # type: ignore[arg-type]

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
