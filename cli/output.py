"""How commands speak: sentences and tables for people, JSON and CSV for programs, all of it fit for a terminal."""

import csv
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from config.errors import Refused

DONE, REFUSED, USAGE, PARTLY = 0, 1, 2, 3
"""Exit statuses: done; refused or failed; wrong usage; done with some failed, uncertain, rejected or still deferred."""

SHOWN = 50
"""Rows on the screen, of any number; a file takes all."""

out = Console(markup=False, emoji=False, highlight=False)
err = Console(stderr=True, markup=False, emoji=False, highlight=False)

# Names, replies and texts are somebody else's: what would move a terminal's cursor or colour it is not passed on.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_DIRECTION = re.compile(r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def plain(value: object) -> str:
    """The value as text without control characters, also those that turn the direction of writing; empty for None."""
    return "" if value is None else _CONTROL.sub("\N{REPLACEMENT CHARACTER}", _DIRECTION.sub("", str(value)))


def say(text: str = "", style: str = "") -> None:
    """A sentence on standard output, broken between words only where a terminal would break within one."""
    out.print(plain(text), style=style or None, soft_wrap=not out.is_terminal)


def warn(text: str) -> None:
    """One line on standard error: it matters, but the command goes on."""
    err.print(f"broadside: {plain(text)}", style="yellow", soft_wrap=True)


def fail(text: str) -> None:
    """One line on standard error: why the command could not be done."""
    line = " ".join(plain(text).split("\n"))
    err.print(f"broadside: {line}", style="bold red", soft_wrap=True)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, right: Iterable[str] = ()) -> None:
    """A table no wider than the terminal; long cells go on in the next line. `right` names the columns of numbers."""
    numbers = set(right)
    grid = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for name in columns:
        grid.add_column(name, justify="right" if name in numbers else "left", overflow="fold", no_wrap=name in numbers)
    for row in rows:
        grid.add_row(*map(plain, row))
    out.print(grid)


def facts(rows: Mapping[str, object], *, right: bool = False) -> None:
    """Names and values, one pair a line; what is empty is left out. `right` for numbers."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold", justify="right" if right else "left")
    for name, value in rows.items():
        if value not in ("", None, [], ()):
            grid.add_row(name, plain(value))
    out.print(grid)


def moment(iso: str) -> str:
    """An instant in ISO 8601 as people read it, to the minute, in UTC."""
    return iso[:16].replace("T", " ")


def write_json(value: Mapping[str, Any]) -> None:
    """One JSON object, and nothing else on standard output."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def stream_json(name: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """One JSON object `{name: [row, ...]}`, a line a row, written as the rows come."""
    sys.stdout.write(f"{{{json.dumps(name)}: [")
    between = "\n"
    for row in rows:
        sys.stdout.write(between + json.dumps(row, ensure_ascii=False))
        between = ",\n"
    sys.stdout.write("\n]}\n")


def stream_csv(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """CSV with a header, written as the rows come. A cell that a spreadsheet would run begins with an apostrophe."""
    from subscribers.columns import cell  # noqa: PLC0415 -- help must not wait for the database's library

    writer = csv.writer(sys.stdout)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([cell("" if row[name] is None else row[name]) for name in columns])


def show_rows(
    name: str,
    rows: Iterator[Mapping[str, Any]],
    columns: Sequence[str],
    on_screen: Mapping[str, Callable[[Mapping[str, Any]], object]],
    *,
    as_csv: bool,
    as_json: bool,
    none: str,
    right: Iterable[str] = (),
) -> None:
    """Rows of any number: all of them as CSV with `columns` or as JSON, else a table of the first.

    `on_screen` gives a cell for each of the table's columns, `none` is said where there is no row.
    """
    if as_csv and as_json:
        raise typer.BadParameter("choose one of --csv and --json", param_hint="--csv")
    if as_json:
        stream_json(name, rows)
        return
    if as_csv:
        stream_csv(columns, rows)
        return
    first = list(islice(rows, SHOWN))
    if not first:
        say(none)
        return
    table(tuple(on_screen), [[cell(row) for cell in on_screen.values()] for row in first], right=right)
    if next(rows, None) is not None:
        say("... and more; --csv or --json writes all, with every column")


@contextmanager
def working(what: str, *, quiet: bool = False) -> Iterator[None]:
    """A sign of life on standard error while the block runs; none without a terminal."""
    if quiet or not err.is_terminal:
        yield
        return
    with err.status(what):
        yield


@contextmanager
def progress(what: str, *, quiet: bool = False) -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error while the block runs; call what it gives with (done, total). None without a terminal."""
    shown = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=err,
        transient=True,
        disable=quiet or not err.is_terminal,
        expand=True,
    )
    with shown:
        task = shown.add_task(what, total=None)
        yield lambda done, total: shown.update(task, completed=done, total=total)


def count(number: int, one: str, many: str = "") -> str:
    """`1 person`, `2,000 people`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def agreed(question: str) -> bool:
    """What the person at the terminal says. Raises Refused where nobody is there to be asked."""
    if not sys.stdin.isatty():
        raise Refused(f"{question} Say so with --yes")
    return typer.confirm(question)
