"""Import: a file of people onto a list. It may be broken off and run again; the second time changes nothing."""

import csv
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TextIO, TypedDict

from config import garbage
from config.bulk import refresh_statistics
from config.database import engine, reading, rehearsal, transaction
from config.errors import Refused
from subscribers.columns import Columns, Person
from subscribers.leaving import record_left
from subscribers.lists import find_list
from subscribers.models import Basis, Subscriber, Subscription
from subscribers.reading import Table
from subscribers.sources.opening import REASON, PeopleFile, open_people
from subscribers.storing import store

CHUNK = 5000
"""People in one commit: large enough for the statements to count little, small enough that others get their turn."""

SEARCHED_EVERY = 1.0
"""Seconds between searches for garbage: one after each chunk takes an eighth of the time, none at all 90 MB."""


class Counts(TypedDict):
    """`read` rows; the others count people, `rejected` rows. A person in two rows is counted once, and in one place."""

    read: int
    created: int
    updated: int
    unchanged: int
    rejected: int
    kept_out: int
    """Gone before, here, or suppressed: nothing of their row was kept."""
    pending: int
    """New, and on the list as pending: they never confirmed."""
    unsubscribed: int
    """Gone, as the file says: on the list as unsubscribed."""
    suppressed: int
    """Not to be written to at all, as the file says."""


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
    """Look at a file (`open_people`) and put the people in it on a list (`import_people`)."""
    _check(list_name, source)
    file = open_people(path, mapping=mapping, encoding=encoding)
    return import_people(file, list_name, basis, source, wording=wording, progress=progress)


def import_people(
    file: PeopleFile,
    list_name: str,
    basis: Basis,
    source: str,
    *,
    wording: str = "",
    dry_run: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Counts:
    """Put the people in a file on a list, on the legal basis `basis`, as told by `source`; those who had left, as left.

    `progress` is called with the rows done and their total. The file is read twice: first to the end without writing
    anything, so that a file that is broken, or says in unknown words who left, is refused before anybody is on the
    list, and to know which people have several rows; those become one, in which the later word counts. A `dry_run`
    does all of it and undoes each chunk, and writes no file of rejected rows.

    Raises Refused for a file that cannot be read and Unknown for a list that does not exist.
    """
    _check(list_name, source)
    table, columns = file.table, file.columns
    total, met = _survey(table, columns)
    if progress:
        progress(0, total)
    counts = Counts(
        read=total, created=0, updated=0, unchanged=0, rejected=0, kept_out=0, pending=0, unsubscribed=0, suppressed=0
    )
    source = source.strip()

    def write(people: dict[str, Person]) -> Counter[str]:
        left = {key: person for key, person in people.items() if person.said}
        stay = {key: person for key, person in people.items() if not person.said} if left else people
        found: Counter[str] = Counter()
        with (rehearsal if dry_run else transaction)() as session:
            to = find_list(session, list_name)
            done = store(session, stay, to, basis=basis, source=source, wording=wording)
            if left:
                gone = record_left(session, left, to, basis=basis, source=source, wording=wording)
                found.update(unsubscribed=len(gone.unsubscribed), suppressed=len(gone.suppressed))
                found.update(pending=len(gone.stored.created), created=-len(gone.stored.created))
                done = done.together(gone.stored)
        found.update(created=len(done.created), updated=len(done.updated))
        found.update(unchanged=len(done.unchanged), kept_out=len(done.kept_out))
        return found

    def chunks() -> Iterator[dict[str, Person]]:
        chunk: dict[str, Person] = {}
        several: dict[str, Person] = {}
        for number, (_line, cells) in enumerate(table.rows(), 1):
            try:
                person = columns.person(cells)
            except Refused as error:
                rejects.write(cells, str(error))
                counts["rejected"] += 1
                continue
            key = person.address.key
            if met.again(key):
                several[key] = several[key].then(person) if key in several else person
            else:
                chunk[key] = person
            if len(chunk) == CHUNK:
                yield chunk
                chunk = {}
                if progress:
                    progress(number, total)
        if chunk:
            yield chunk
        keys = list(several)
        for start in range(0, len(keys), CHUNK):
            yield {key: several[key] for key in keys[start : start + CHUNK]}

    with (
        closing(_Rejects(rejected_path(table.path), table, dry_run)) as rejects,
        garbage.not_searched_for(),
        garbage.left_alone(),
    ):
        for found in _each_while_the_next_is_read(chunks(), write):
            for name, number in found.items():
                counts[name] += number  # type: ignore[literal-required]
            garbage.search(SEARCHED_EVERY)
    if total >= CHUNK and not dry_run:
        with transaction() as session:
            refresh_statistics(session, Subscriber, Subscription)
    if progress:
        progress(total, total)
    return counts


def _each_while_the_next_is_read(
    chunks: Iterator[dict[str, Person]], write: Callable[[dict[str, Person]], Counter[str]]
) -> Iterator[Counter[str]]:
    """Write each chunk, in threads: reading a file and a database's work take a core each.

    PostgreSQL has two at a time, so that one is worked at there while the other is made ready here; SQLite has one
    writer.
    """
    writers = 1 if engine().dialect.name == "sqlite" else 2
    with ThreadPoolExecutor(writers) as pool:
        under_way: deque[Future[Counter[str]]] = deque()
        for chunk in chunks:
            if len(under_way) == writers:
                yield under_way.popleft().result()
            under_way.append(pool.submit(write, chunk))
        for written in under_way:
            yield written.result()


def _check(list_name: str, source: str) -> None:
    if not source.strip():
        raise Refused("say where these people come from, as in --source 'sign-up sheet, Brussels, May 2026'")
    with reading() as session:
        find_list(session, list_name)


class _Met:
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


def _survey(table: Table, columns: Columns) -> tuple[int, _Met]:
    """The number of rows, and whose address has several.

    Raises Refused where nobody knows what a word says of who left.
    """
    total = 0
    met = _Met(table.path)
    notice = columns.statuses.notice if columns.statuses.columns else None
    for _line, cells in table.rows():
        total += 1
        if notice:
            notice(cells)
        met.meet(columns.likeness(cells))
    columns.statuses.check()
    return total, met


class _Rejects:
    """The file of rejected rows; it exists only if there is one. In a dry run it is left as it is."""

    def __init__(self, path: Path, table: Table, dry_run: bool) -> None:
        self._path, self._table, self._dry_run = path, table, dry_run
        self._file: TextIO | None = None
        if not dry_run:
            path.unlink(missing_ok=True)

    def write(self, cells: list[str], reason: str) -> None:
        if self._dry_run:
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
