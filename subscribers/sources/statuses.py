"""Who in a file had left: what its status columns and its name say of each person.

Kinds of status columns (`table.yaml` names the columns of each):
- `word`: a word says how the person stands; `perhaps`: the same, if one of its words is known, else no status;
- `subscribed`, `confirmed`: yes or a date is well, no is not;
- `unsubscribed`, `objection`, `hard bounce`, `complaint`: yes or a date says so, no or nothing says nothing;
- `why ...`: any text says so.
A word that none of this covers is unknown, and nobody guesses: see `Statuses.check`. Nor does anybody where a column
of which nothing is known holds words that say somebody left.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from config.errors import Refused
from subscribers.models import Reason, Standing
from subscribers.sources.table import known, squeezed, status_kind, words_of

KINDS = ("word", "perhaps", "subscribed", "confirmed", "unsubscribed", "objection", "hard bounce", "complaint")
LEAVING = frozenset({"unsubscribed", "objection", "hard bounce", "complaint"})
_LEFT = frozenset(status.replace(" ", "-") for status in LEAVING)
LONGEST = 60
"""Characters of a cell that may be such a word."""
REMEMBERED = 10_000
"""Different cells of one column that are remembered; dates may be as many as rows."""
SHOWN = 8
DAYS = 5
"""Digits from which a number is a date, as spreadsheets count days and programs seconds; fewer are a count."""
_STRICT = (Standing.confirmed, Standing.pending, Standing.unsubscribed)
_WEIGHT = (None, Reason.hard_bounce, Reason.objection, Reason.complaint)
_DATE = re.compile(r".*\b(?:19|20)\d\d(?:\b|T|-?\d\d-?\d\d)|\d{1,2}[./-]\d{1,2}[./-]\d{2,4}\b")
_NO_DATE = re.compile(r"0000-00-00(?: 00:00:00)?|[-\N{EN DASH}\N{EM DASH}]+")


@dataclass(frozen=True, slots=True)
class Said:
    """How a file says that somebody stands: their standing, why they are to be suppressed, and where it says so."""

    standing: Standing
    reason: Reason | None = None
    because: str = ""
    """The column and its word, or the file's name: `Status: Cleaned`."""

    def and_said(self, other: "Said | None") -> "Said":
        """Both: the stricter standing and the weightier reason; the one that is stricter says where."""
        if other is None or other == self:
            return self
        standing = max(self.standing, other.standing, key=_STRICT.index)
        reason = max(self.reason, other.reason, key=_WEIGHT.index)
        for said in (self, other):
            if (said.standing, said.reason) == (standing, reason):
                return said
        return Said(standing, reason, "; ".join(dict.fromkeys((self.because, other.because))))


MEANINGS: Mapping[str, Said | None] = {
    "confirmed": None,
    "pending": Said(Standing.pending),
    "unsubscribed": Said(Standing.unsubscribed),
    "objection": Said(Standing.unsubscribed, Reason.objection),
    "hard-bounce": Said(Standing.confirmed, Reason.hard_bounce),
    "complaint": Said(Standing.unsubscribed, Reason.complaint),
}
"""How somebody may stand, in the words of `--status` and `--everybody`. None: nothing keeps them from mail."""


def meaning(status: str, because: str = "") -> Said | None:
    """What one of the words of MEANINGS (or of the table, with a space for the hyphen) says, and where."""
    said = MEANINGS[status.replace(" ", "-")]
    return said and Said(said.standing, said.reason, because)


class StatusColumn:
    """One status column of a file. It remembers each word, so that a row costs one look-up."""

    def __init__(self, name: str, kind: str, decided: Mapping[str, str]) -> None:
        """`decided` are words that the caller knows better, squeezed, and what each means (a key of MEANINGS)."""
        self.name, self.kind = name, kind
        self.rows: Counter[str] = Counter()
        """How many rows have each word; dates and reasons are counted together, so that they are not shown."""
        self.unknown: set[str] = set()
        self.recognised = False
        self._decided = decided
        self._known: dict[str, tuple[str, Said | None]] = {}
        self._shown: dict[str, Said | None] = {}

    def said(self, cell: str) -> Said | None:
        """What a cell says."""
        found = self._known.get(cell)
        return (found or self._read(cell))[1]

    def notice(self, cell: str) -> None:
        """Count a cell, before anything is written."""
        found = self._known.get(cell) or self._read(cell)
        self.rows[found[0]] += 1

    def meanings(self) -> list[tuple[str, int, str]]:
        """Each word, the number of its rows, and what it means (a key of MEANINGS), the most frequent first."""
        return [(shown, rows, status_of(self._shown[shown])) for shown, rows in self.rows.most_common()]

    def _read(self, cell: str) -> tuple[str, Said | None]:
        text = cell.strip()
        found = self._interpreted(text)
        self._shown[found[0]] = found[1]
        if len(self._known) < REMEMBERED:
            self._known[cell] = found
        return found

    def _interpreted(self, text: str) -> tuple[str, Said | None]:
        word = squeezed(text)
        decided = self._decided.get(word)
        if decided is not None:
            self.recognised = True
            return text, meaning(decided, f"{self.name}: {text}")
        if not text:
            return "", None
        status, shown = self._status(word, text)
        if status is None:
            self.unknown.add(text)
            return text, None
        self.recognised = True
        plain = shown == text and len(text) <= 40
        return shown, meaning(status, f"{self.name}: {text}" if plain else self.name)

    def _status(self, word: str, text: str) -> tuple[str | None, str]:
        """The key of MEANINGS that a text is in this kind of column, or None; and how it is shown."""
        table = known()
        no = word in table.no or bool(_NO_DATE.fullmatch(text))
        if self.kind in {"word", "perhaps"}:
            return table.words.get(word), text
        if self.kind.startswith("why "):
            return ("confirmed", text) if no else (self.kind.removeprefix("why "), WRITTEN)
        falls_to = {"subscribed": ("confirmed", "unsubscribed"), "confirmed": ("confirmed", "pending")}
        if_yes, if_no = falls_to.get(self.kind, (self.kind, "confirmed"))
        if no:
            return if_no, text
        if word in table.yes:
            return if_yes, text
        if word in table.words:
            return table.words[word], text
        if _DATE.match(text) or (text.isdecimal() and len(text) >= DAYS):
            return if_yes, A_DATE
        return None, text


A_DATE = "(a date)"
WRITTEN = "(a reason)"


class Statuses:
    """All that a file says of who had left: its status columns by their places, and its name."""

    def __init__(
        self,
        columns: Sequence[tuple[int, str, str]],
        decided: Mapping[str, str],
        everybody: Said | None,
        file: str,
        watched: Sequence[tuple[int, str]] = (),
    ) -> None:
        """`columns` are places, names and kinds; `decided` words and the keys of MEANINGS.

        `watched` are places and names of columns of which nothing is known.
        """
        said = {squeezed(word): status for word, status in decided.items()}
        self.columns = [(place, StatusColumn(name, kind, said)) for place, name, kind in columns]
        self.everybody, self._file = everybody, file
        self._watched = watched
        self._left: dict[str, Counter[str]] = {}

    def said(self, cells: Sequence[str]) -> Said | None:
        """What a row says; None if nothing keeps its person from mail."""
        found = self.everybody
        for place, column in self.columns:
            if said := column.said(cells[place] if place < len(cells) else ""):
                found = found.and_said(said) if found else said
        return found

    def notice(self, cells: Sequence[str]) -> None:
        """Look at a row before anything is written."""
        for place, column in self.columns:
            column.notice(cells[place] if place < len(cells) else "")
        for place, name in self._watched:
            if place < len(cells) and says_left(cells[place]) and status_of(self.said(cells)) not in _LEFT:
                self._left.setdefault(name, Counter())[cells[place].strip()] += 1

    def check(self) -> None:
        """Raises Refused, once all rows were noticed, where nobody knows what a column or its words mean."""
        self.columns = [
            (place, column) for place, column in self.columns if column.recognised or column.kind != "perhaps"
        ]
        wrong = [text for _, column in self.columns if (text := _unknown(column))]
        wrong += [_asked(name, words) for name, words in self._left.items()]
        if wrong:
            raise Refused(f"{self._file}: {'; '.join(wrong)}")


def says_left(cell: str) -> bool:
    """Whether a cell says by itself, whatever its column, that somebody left: `Unsubscribed`, `Blocklisted`."""
    status = known().words.get(squeezed(cell)) if cell and len(cell) <= LONGEST else None
    return status in LEAVING and status_kind(cell) in LEAVING


def _asked(column: str, words: Counter[str]) -> str:
    shown = ", ".join(f"{word!r} ({rows:,})" for word, rows in words.most_common(SHOWN))
    return (
        f"the column {column!r} is not known as one that says who left, and has words that do (rows): {shown}. Say"
        f" --map {_quoted(column)}=status if that is meant, or --map '{column}=attributes.{column}' if it is about"
        " something else"
    )


def _unknown(column: StatusColumn) -> str:
    words = sorted(column.unknown, key=lambda word: (-column.rows[word], word))
    others = column.rows.keys() - {"", A_DATE}  # beside dates alone an empty cell says nothing
    empty = column.rows[""] and others and "" not in column._decided  # noqa: SLF001 -- of this module
    if empty and column.kind in {"word", "perhaps", "subscribed", "confirmed"}:
        words.append("")
    if not words:
        return ""
    shown = [f"{_short(word)} ({column.rows[word]:,})" for word in words[:SHOWN]]
    more = [f"and {len(words) - SHOWN:,} more"] if len(words) > SHOWN else []
    example = words[0] if len(words[0]) <= 40 else "WORD"
    return (
        f"the column {column.name!r} looks like it says who left, and nobody is put on a list by a guess. Not known"
        f" (rows): {', '.join([*shown, *more])}. Say what each means, as in --status {_quoted(example)}=unsubscribed"
        f" (or {', '.join(name for name in MEANINGS if name != 'unsubscribed')}); or, if it says no such thing,"
        f" leave it out by --map {_quoted(column.name)}="
    )


def _short(word: str) -> str:
    if not word:
        return "empty"
    return repr(word if len(word) <= 40 else f"{word[:37]}...")


def _quoted(word: str) -> str:
    return f"'{word}'" if " " in word else word


def status_of(said: Said | None) -> str:
    """The key of MEANINGS that says the same; of a suppression, whatever else is said."""
    if said is None:
        return "confirmed"
    return str(said.reason).replace(" ", "-") if said.reason else str(said.standing)


def file_name_says(path: Path, *, columns_say: bool = False) -> Said | None:
    """How the file's name says that everybody in it stands: of several ways, that they left.

    Raises Refused where it may say so or may not, unless there are columns that say it.
    """
    table, words = known(), words_of(path.name)
    found: set[str] = set()
    for status, names in table.file_names.items():
        for name in names:
            place = _place(name, words)
            if place is None:
                continue
            around = [*words[max(0, place - 1) : place], *words[place + len(name) : place + len(name) + 1]]
            if status != "unclear" and not table.turning.intersection(around):
                found.add(status)
            elif not found and not columns_say:
                raise Refused(
                    f"the name {path.name!r} may mean that all in it had left, or that they are gone from it; say how"
                    f" everybody in it stands, as in --everybody unsubscribed (or {', '.join(MEANINGS)})"
                )
    if not found:
        return None
    return meaning(found.pop() if len(found) == 1 else "unsubscribed", f"file name: {path.name}")


def _place(name: Sequence[str], words: Sequence[str]) -> int | None:
    for place in range(len(words) - len(name) + 1):
        if list(words[place : place + len(name)]) == list(name):
            return place
    return None
