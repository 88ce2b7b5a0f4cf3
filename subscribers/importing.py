"""Import: a file of people onto a list. It may be broken off and run again; the second time changes nothing."""

from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TypedDict

from config import garbage
from config.ahead import made_ahead
from config.bulk import refresh_statistics
from config.database import engine, reading, rehearsal, transaction
from config.errors import Refused
from subscribers.chunks import CHUNK, Chunk, chunks, survey
from subscribers.leaving import record_left
from subscribers.lists import find_list
from subscribers.models import Basis, Subscriber, Subscription
from subscribers.sources.opening import PeopleFile, open_people
from subscribers.storing import store

LARGE = CHUNK
"""Rows from which PostgreSQL's planner is told at once."""
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
    table = file.table
    total, met = survey(table, file.columns)
    if progress:
        progress(0, total)
    counts = Counts(
        read=total, created=0, updated=0, unchanged=0, rejected=0, kept_out=0, pending=0, unsubscribed=0, suppressed=0
    )
    source = source.strip()

    def write(chunk: Chunk) -> tuple[Chunk, Counter[str]]:
        people = chunk.people
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
        return chunk, found

    read = partial(chunks, table, file.columns, met, keep_rejects=not dry_run)
    with (
        garbage.not_searched_for(),
        garbage.left_alone(),
        made_ahead(read, f"that reads {table.path}") as made,
        closing(_each_while_the_next_is_read(made, write)) as written,
    ):
        for chunk, found in written:
            for name, number in found.items():
                counts[name] += number  # type: ignore[literal-required]
            counts["rejected"] = chunk.rejected
            if progress:
                progress(chunk.read, total)
            garbage.search(SEARCHED_EVERY)
    if total >= LARGE and not dry_run:
        with transaction() as session:
            refresh_statistics(session, Subscriber, Subscription)
    if progress:
        progress(total, total)
    return counts


def _each_while_the_next_is_read(
    made: Iterator[Chunk], write: Callable[[Chunk], tuple[Chunk, Counter[str]]]
) -> Generator[tuple[Chunk, Counter[str]], None, None]:
    """Write each chunk, in threads: what is made ready here and a database's work take a core each.

    PostgreSQL has two at a time, so that one is worked at there while the other is made ready here; SQLite has one
    writer. Whoever ends before the last closes it: what is being written is written to its end.
    """
    writers = 1 if engine().dialect.name == "sqlite" else 2
    with ThreadPoolExecutor(writers) as pool:
        under_way: deque[Future[tuple[Chunk, Counter[str]]]] = deque()
        for chunk in made:
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
