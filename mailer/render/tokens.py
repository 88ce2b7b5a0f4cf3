"""An author's expressions and statements as words that Markdown, nh3, templates and premailer leave alone.

Each becomes a lower-case alphanumeric token with a nonce that stands nowhere in the text: a comment would be dropped
by nh3, and with it a condition, and premailer escapes braces in links.
"""

import re
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from mailer.render import grammar
from mailer.render.errors import SourceError
from mailer.render.personal import BLOCK, LINK_FIELDS, VARIABLE
from mailer.render.snippets import Snippets

_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
"""What has no place in any text, and would be taken for a delimiter in the compiled source."""


def without_controls(text: str) -> str:
    """`text` with line breaks as LF and no control characters but these and tabs."""
    return _CONTROLS.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


class Role(StrEnum):
    """What a token stands for."""

    expression = "e"
    opening = "o"
    middle = "m"
    closing = "c"


class Place(StrEnum):
    """How an expression is encoded: the letter that ends its token."""

    here = "z"
    """Not yet known: text."""
    html = "h"
    attribute = "a"
    path = "p"
    query = "q"
    link = "l"
    """A whole URL of our own making."""


Scope = tuple[tuple[int, int], ...]
"""The constructs around a token, outmost first: each opening's number, and which of its branches."""


@dataclass(frozen=True)
class Token:
    """One expression or statement. `construct` is the number of the opening that a statement belongs to."""

    number: int
    role: Role
    source: str
    """For the recipient's level, without delimiters."""
    field: str = ""
    line: int | None = None
    scope: Scope = ()
    construct: int = -1
    repeats: bool = False
    """Of an opening: a loop."""
    is_link: bool = False
    made: bool = False
    """By the compiler: no author wrote it."""

    def written(self, filter_name: str) -> str:
        """The token's source with delimiters; an expression is encoded by `filter_name`."""
        if self.role == Role.expression:
            return f"{VARIABLE[0]}{self.source}|{filter_name}{VARIABLE[1]}"
        return f"{BLOCK[0]} {self.source} {BLOCK[1]}"


@dataclass(frozen=True)
class Written:
    """A text with tokens; `lines[n]` is the line of the author's file that line n came from (None in a field)."""

    text: str
    lines: tuple[int | None, ...]
    file: str
    field: str = ""

    def refuse(self, problem: str, line: int | None, remedy: str = "") -> SourceError:
        """The error about a line of the author's file."""
        return SourceError(problem, file=self.file, line=line, field=self.field, remedy=remedy)


class Tokens:
    """All tokens of one edition; `texts` are everything the nonce must not stand in, `file` is for errors.

    Without `snippets` nothing can be included: they are snippets themselves.
    """

    def __init__(self, file: str, texts: Iterable[str] = (), snippets: Snippets | None = None) -> None:
        self.file = file
        self.snippets = snippets
        self.usage = grammar.Usage()
        self.all: list[Token] = []
        known = "\n".join([*texts, *(snippets or ())]).lower()
        while True:
            self.stem = f"q{secrets.token_hex(4)}"
            if self.stem not in known:
                break
        self.pattern = re.compile(rf"{self.stem}(\d{{5}})([eomc])([a-z])")
        statement = rf"{self.stem}\d{{5}}[omc]z"
        self.statements = re.compile(rf"[ \t]*(?:{statement}[ \t]*)+")
        """A line or run of nothing but statements."""
        self.statement = re.compile(statement)

    def word(self, token: Token, place: Place = Place.here) -> str:
        """The token as it stands in a text."""
        return f"{self.stem}{token.number:05d}{token.role}{place}"

    def find(self, text: str) -> Iterator[tuple[Token, Place, re.Match[str]]]:
        """The tokens in `text`, in order."""
        for match in self.pattern.finditer(text):
            yield self.all[int(match[1])], Place(match[3]), match

    def holds(self, text: str | None) -> bool:
        """Whether a token stands in `text`."""
        return bool(text) and self.pattern.search(text or "") is not None

    def refuse(self, token: Token, problem: str, remedy: str = "") -> SourceError:
        """The error about what the author wrote as `token`."""
        return SourceError(problem, file=self.file, line=token.line, field=token.field, remedy=remedy)

    def slot(self, name: str) -> str:
        """The word for one of the recipient's fields in a kind's template."""
        return self.word(self.add(Role.expression, name, is_link=name in LINK_FIELDS, made=True))

    def surround(self, opening: str, closing: str, like: Token) -> tuple[str, str]:
        """The words of a construct of the compiler's own, in the place of the author's statement `like`."""
        place: dict[str, Any] = {"field": like.field, "line": like.line, "scope": like.scope, "made": True}
        number = len(self.all)
        first = self.add(Role.opening, opening, construct=number, **place)
        last = self.add(Role.closing, closing, construct=number, **place)
        return self.word(first), self.word(last)

    def add(self, role: Role, source: str, **what: Any) -> Token:
        """One more token, with the rest of its fields by name."""
        token = Token(len(self.all), role, source, **what)
        self.all.append(token)
        return token
