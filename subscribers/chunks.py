"""A file of people by the chunk: looked through first, then made into persons, rejected rows put aside."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from config.errors import Refused
from subscribers.addresses import Address
from subscribers.columns import Columns, Person
from subscribers.fields import FIELDS
from subscribers.reading import Table
from subscribers.sources.opening import REASON
from subscribers.sources.statuses import Said

CHUNK = 5000
"""People in one commit: large enough for the statements to count little, small enough that others get their turn."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some of a file's people, by address key.

    It is pickled by the column: with persons one by one an import takes a sixth more processor time.
    """

    people: dict[str, Person]
    read: int
    """Rows of the file, up to here."""
    rejected: int
    """Rows of these that cannot be used."""

    def __reduce__(self) -> tuple[Any, ...]:
        addresses, values, attributes, said = zip(*self.people.values(), strict=True) if self.people else [()] * 4
        emails = [address.email for address in addresses]
        fields = {name: [of_one.get(name) for of_one in values] for name in FIELDS}
        return _chunk, (emails, list(self.people), fields, attributes, said, self.read, self.rejected)


def _chunk(
    emails: Sequence[str],
    keys: Sequence[str],
    fields: Mapping[str, Sequence[Any]],
    attributes: Sequence[dict[str, Any]],
    said: Sequence[Said | None],
    read: int,
    rejected: int,
) -> Chunk:
    """The chunk out of its columns."""
    values = (
        {name: value for name, value in zip(fields, of_one, strict=True) if value}
        for of_one in zip(*fields.values(), strict=True)
    )
    addresses = map(Address, emails, keys)
    people = dict(zip(keys, map(Person, addresses, values, attributes, said), strict=True))
    return Chunk(people, read, rejected)


def rejected_path(path: Path) -> Path:
    """Where the rejected rows of the file `path` are written: `people.csv.rejected.csv`."""
    return path.with_name(f"{path.name}.rejected.csv")


class Met:
    """Which of the address keys in a file are met several times, in two bits for each of its bytes.

    Two keys may share a bit; then they are taken for repeated, and wait for the last chunk in vain. In a small file
    that would move a person by chance from one run to the next: it has 8 MiB, of which only what is met takes memory.
    """

    def __init__(self, path: Path) -> None:
        self._bits = max(path.stat().st_size * 2, 1 << 26)
        self._met = bytearray(self._bits // 8 + 1)
        self._again: set[int] = set()

    def meet(self, key: str) -> None:
        place = hash(key) % self._bits
        byte, bit = place >> 3, 1 << (place & 7)
        if self._met[byte] & bit:
            self._again.add(place)
        self._met[byte] |= bit

    def again(self, key: str) -> bool:
        return hash(key) % self._bits in self._again


def survey(table: Table, columns: Columns) -> tuple[int, Met]:
    """The number of rows, and whose address has several.

    Raises Refused where nobody knows what a word says of who left.
    """
    total = 0
    met = Met(table.path)
    notice = columns.statuses.notice if columns.statuses.columns else None
    for _line, cells in table.rows():
        total += 1
        if notice:
            notice(cells)
        met.meet(columns.likeness(cells))
    columns.statuses.check()
    return total, met


def chunks(table: Table, columns: Columns, met: Met, *, keep_rejects: bool) -> Iterator[Chunk]:
    """The people in a file, last who has several rows (as `met` knows), those made one; rejected rows go to a file.

    At least one chunk; the last says what came of all rows.

    Raises Refused for a file that cannot be read any more, or where the rejected rows cannot be written.
    """
    people: dict[str, Person] = {}
    several: dict[str, Person] = {}
    read = rejected = 0
    with closing(_Rejects(table, keep=keep_rejects)) as rejects:
        for _line, cells in table.rows():
            read += 1
            try:
                person = columns.person(cells)
            except Refused as error:
                rejects.write(cells, str(error))
                rejected += 1
                continue
            key = person.address.key
            if met.again(key):
                several[key] = several[key].then(person) if key in several else person
            else:
                people[key] = person
            if len(people) == CHUNK:
                yield Chunk(people, read, rejected)
                people = {}
    left = [*people.items(), *several.items()]
    for start in range(0, max(len(left), 1), CHUNK):
        yield Chunk(dict(left[start : start + CHUNK]), read, rejected)


class _Rejects:
    """The file of rejected rows; it exists only if there is one. In a dry run (not `keep`) it is left as it is."""

    def __init__(self, table: Table, *, keep: bool) -> None:
        self._path, self._table, self._keep = rejected_path(table.path), table, keep
        self._file: TextIO | None = None
        if keep:
            self._path.unlink(missing_ok=True)

    def write(self, cells: list[str], reason: str) -> None:
        if not self._keep:
            return
        width = len(self._table.columns)
        with self._told():
            if self._file is None:
                self._file = self._path.open("w", encoding="utf-8", newline="")
                self._write([*self._table.columns, REASON])
            self._write([*cells[:width], *[""] * (width - len(cells)), reason])

    def _write(self, cells: list[str]) -> None:
        csv.writer(self._file, delimiter=self._table.delimiter).writerow(cells)  # type: ignore[arg-type]

    def close(self) -> None:
        if self._file is not None:
            with self._told():
                self._file.close()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise Refused(
                f"{self._path} cannot be written: {error.strerror}; mend that and import again: who is on the list"
                " already stays as they are"
            ) from None
