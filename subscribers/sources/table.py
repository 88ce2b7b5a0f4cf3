"""What is known of columns, words and tools: `table.yaml`, read once and looked up by words however they are spelt."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

PATH = Path(__file__).with_name("table.yaml")


@dataclass(frozen=True, slots=True)
class Tool:
    """A program whose files are known."""

    name: str
    signatures: tuple[frozenset[str], ...]
    """Columns, squeezed: a file that has all of one of them is the tool's."""
    left_out: frozenset[str]


@dataclass(frozen=True, slots=True)
class Known:
    """The table, its words squeezed."""

    fields: Mapping[str, tuple[str, int]]
    """A column's name: the field it is, and its rank among the columns that are."""
    no_status: frozenset[str]
    status_columns: Mapping[str, str]
    """A column's name: the kind of status column it is (see `subscribers.sources.statuses`)."""
    words: Mapping[str, str]
    """A word: how somebody of whom it is said stands."""
    yes: frozenset[str]
    no: frozenset[str]
    looks_like: Sequence[tuple[str, str]]
    """Parts of a name and the kind of status column that it then looks like, the first that fits."""
    other_channels: tuple[str, ...]
    file_names: Mapping[str, tuple[tuple[str, ...], ...]]
    """How everybody in a file stands whose name has one of these sequences of words in it."""
    turning: frozenset[str]
    countries: Mapping[str, str]
    tools: tuple[Tool, ...]


def squeezed(text: str) -> str:
    """The letters and digits of a text, without case and accents; a text that has none is itself."""
    kept = "".join(filter(str.isalnum, text.lower() if text.isascii() else _folded(text)))
    return kept or text.strip()


def words_of(text: str) -> list[str]:
    """The words of a name such as `unsubscribed_members_export_3f2a`, without case and accents."""
    return re.findall(r"[^\W\d_]+", "".join(letter for letter in _folded(text) if not unicodedata.combining(letter)))


def _folded(text: str) -> str:
    """Without case, and each accent apart from its letter; the dotless i, whose capital is ours, is an i."""
    return unicodedata.normalize("NFKD", text.casefold()).replace("\N{LATIN SMALL LETTER DOTLESS I}", "i")


@cache
def known() -> Known:
    """The table. Raises ValueError where one word has two meanings."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the one in C, where there is one, is thirty times faster
    table: dict[str, Any] = yaml.load(PATH.read_text(encoding="utf-8"), Loader=loader)  # noqa: S506 -- both are safe
    statuses = table["statuses"]
    columns = _meanings(
        [
            *((word, field) for field, words in table["columns"].items() for word in words),
            *((word, "") for word in table["no status"]),
            *((word, f"status {kind}") for kind, words in statuses["columns"].items() for word in words),
        ]
    )
    ranks = {
        squeezed(word): rank for words in table["columns"].values() for rank, word in reversed([*enumerate(words)])
    }
    answers = _meanings((word, answer) for answer in ("yes", "no") for word in statuses[answer])
    return Known(
        fields={name: (meaning, ranks[name]) for name, meaning in columns.items() if name in ranks},
        no_status=frozenset(name for name, meaning in columns.items() if not meaning),
        status_columns={
            name: meaning.removeprefix("status ") for name, meaning in columns.items() if meaning.startswith("status ")
        },
        words=_meanings((word, status) for status, words in statuses["words"].items() for word in words),
        yes=frozenset(word for word, answer in answers.items() if answer == "yes"),
        no=frozenset(word for word, answer in answers.items() if answer == "no"),
        looks_like=[(squeezed(part), kind) for kind, parts in statuses["looks like"].items() for part in parts],
        other_channels=tuple(" ".join(words_of(words)) for words in statuses["other channels"]),
        file_names={
            status: tuple(tuple(words_of(words)) for words in names) for status, names in statuses["file names"].items()
        },
        turning=frozenset(statuses["turning"]),
        countries=_meanings((name, code) for code, names in table["countries"].items() for name in names),
        tools=tuple(_tool(row) for row in table["tools"]),
    )


def recognise(columns: Iterable[str]) -> Tool | None:
    """The tool that wrote a file with these columns: the one of which the most is seen in it."""
    have = set(map(squeezed, columns))
    best, seen = None, 0
    for tool in known().tools:
        for signature in tool.signatures:
            if len(signature) > seen and signature <= have:
                best, seen = tool, len(signature)
    return best


def status_kind(column: str) -> str | None:
    """The kind of status column that a name says or looks like, or None."""
    table, name = known(), squeezed(column)
    if name in table.status_columns:
        return table.status_columns[name]
    if name in table.no_status or name in table.fields:
        return None
    if about_another_channel(column):
        return None
    return next((kind for part, kind in table.looks_like if part in name), None)


def about_another_channel(column: str) -> bool:
    """Whether a name is of something else than mail: telephone, letters, counts."""
    words = f" {' '.join(words_of(column))} "
    return any(f" {channel} " in words for channel in known().other_channels)


def _meanings(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for word, meaning in pairs:
        key = squeezed(word)
        if found.setdefault(key, meaning) != meaning:
            raise ValueError(f"{PATH.name}: {word!r} is both {found[key]!r} and {meaning!r}")
    return found


def _tool(row: Mapping[str, Any]) -> Tool:
    return Tool(
        row["tool"],
        tuple(frozenset(map(squeezed, signature)) for signature in row["columns"]),
        frozenset(map(squeezed, row.get("left out", ()))),
    )
