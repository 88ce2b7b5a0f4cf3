"""What is wrong in an author's text, with its place."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from config.errors import Refused


@dataclass(frozen=True, slots=True)
class Where:
    """A place in a mailing's files: `line` from 1 or None; `field` of the front matter or of mailing.yaml, or ""."""

    file: str
    line: int | None = None
    field: str = ""

    def __str__(self) -> str:
        """`en.md, line 12`, `en.md, line 2 (subject)` or, where the line is not known, `en.md, subject`."""
        if not self.line:
            return f"{self.file}, {self.field}" if self.field else self.file
        return f"{self.file}, line {self.line} ({self.field})" if self.field else f"{self.file}, line {self.line}"


class SourceError(Refused):
    """The author's text cannot be used as it stands.

    `at` says where, `problem` what is wrong and `remedy` what to do; `others` are what else is wrong in the same text.
    """

    def __init__(self, problem: str, *, file: str, line: int | None = None, field: str = "", remedy: str = "") -> None:
        self.problem, self.remedy = problem, remedy
        self.at = Where(file, line, field)
        self.others: tuple[SourceError, ...] = ()
        super().__init__(f"{self.at}: {problem}{f'; {remedy}' if remedy else ''}")


class Found:
    """Errors that are gathered part by part and raised together, so that a person can mend all in one go."""

    def __init__(self) -> None:
        self.errors: list[SourceError] = []

    @contextmanager
    def gathering(self) -> Iterator[None]:
        """Keep the SourceError that the block ends with, and the others that came with it."""
        try:
            yield
        except SourceError as error:
            self.errors += [error, *error.others]
            error.others = ()

    def raise_first(self) -> None:
        """Raise the first one with the others in `others`; nothing if there is none."""
        if self.errors:
            first, *others = self.errors
            first.others = tuple(others)
            raise first
