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

from jinja2 import TemplateSyntaxError

from mailer.render import grammar
from mailer.render.errors import SourceError
from mailer.render.personal import BLOCK, LINK_FIELDS, VARIABLE

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
    """All tokens of one edition; `texts` are everything the nonce must not stand in, `file` is for errors."""

    def __init__(self, file: str, texts: Iterable[str] = ()) -> None:
        self.file = file
        self.usage = grammar.Usage()
        self.all: list[Token] = []
        known = "\n".join(texts).lower()
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

    def write(self, source: str, *, field: str = "", line: int | None = 1) -> Written:
        """`source` with a token in the place of all that is between braces; comments are dropped.

        `line` is the file's line on which it begins (None in front matter). Raises SourceError.
        """
        return _Writing(self, field, line).write(without_controls(source))

    def add(self, role: Role, source: str, **what: Any) -> Token:
        """One more token, with the rest of its fields by name."""
        token = Token(len(self.all), role, source, **what)
        self.all.append(token)
        return token


@dataclass
class _Open:
    """A construct that has been opened and not yet closed."""

    number: int
    branch: int = 0
    variable: str = ""


class _Writing:
    def __init__(self, tokens: Tokens, field: str, line: int | None) -> None:
        self.tokens, self.field = tokens, field
        self.first = line or 1
        self.numbered = line is not None
        self.line = self.first
        self.stack: list[_Open] = []
        self.text: list[str] = []
        self.lines = [self.first]

    def write(self, source: str) -> Written:
        try:
            grammar.AUTHOR.parse(source)
            pieces = list(grammar.AUTHOR.lex(source))
        except TemplateSyntaxError as error:
            unclosed = grammar.unclosed(source) if "end of template" in str(error.message) else None
            self.line = self.first + (unclosed or error.lineno) - 1
            problem = "this is never closed" if unclosed else f"Jinja cannot read this: {error.message}"
            raise self._refusal(problem, "add `{% endif %}` or `{% endfor %}`" if unclosed else "") from None
        inside = ""
        for number, kind, value in pieces:
            if kind in {"variable_begin", "block_begin"}:
                self.line, inside = self.first + number - 1, ""
            elif kind in {"raw_begin", "raw_end"}:
                self.line = self.first + number - 1
                raise self._refusal("`raw` is not possible here", "write the text without braces")
            elif kind == "data":
                self._data(value, self.first + number - 1)
            elif kind in {"variable_end", "block_end"}:
                self._between(inside.strip(), statement=kind == "block_end")
            elif not kind.startswith("comment"):
                inside += value
        lines = tuple(line if self.numbered else None for line in self.lines)
        return Written("".join(self.text), lines, self.tokens.file, self.field)

    def _data(self, value: str, line: int) -> None:
        self.text.append(value)
        self.lines.extend(range(line + 1, line + 1 + value.count("\n")))

    def _between(self, inside: str, *, statement: bool) -> None:
        try:
            token = self._statement(inside) if statement else self._expression(inside)
        except grammar.NotAllowed as error:
            raise self._refusal(str(error)) from None
        self.text.append(self.tokens.word(token))

    def _expression(self, inside: str) -> Token:
        node = grammar.expression(inside)
        source = self._writer().write(node)
        return self._token(Role.expression, source, is_link=source in LINK_FIELDS)

    def _statement(self, inside: str) -> Token:
        word, _, rest = inside.partition(" ") if " " in inside else (inside, "", "")
        word, rest = word.strip(), rest.strip()
        if "\n" in word:
            word, rest = word.split(None, 1)[0], f"{word.split(None, 1)[1]} {rest}"
        match word:
            case "if":
                return self._open(f"if {self._condition(rest)}")
            case "for":
                variable, over = grammar.loop(rest)
                if sum(bool(one.variable) for one in self.stack) >= 2:
                    raise grammar.NotAllowed("a loop in a loop in a loop is too much; two are possible")
                return self._open(f"for {variable} in {self._writer().write(over)}|each", variable)
            case "elif" | "else":
                construct = self.stack[-1]
                if construct.variable:
                    raise grammar.NotAllowed("`else` belongs to an `if`; put `{% if topics %}` around the loop")
                source = f"elif {self._condition(rest)}" if word == "elif" else "else"
                token = self._token(Role.middle, source, construct=construct.number, outer=True)
                construct.branch += 1
                return token
            case "endif" | "endfor":
                construct = self.stack[-1]
                token = self._token(Role.closing, word, construct=construct.number, outer=True)
                self.stack.pop()
                return token
        raise grammar.NotAllowed(f"`{word}` is not possible here; only `if`, `elif`, `else` and `for` are")

    def _condition(self, source: str) -> str:
        written = self._writer().write(grammar.condition(source))
        if not any(one.variable for one in self.stack):
            self.tokens.usage.conditions[written] = None
        return written

    def _open(self, source: str, variable: str = "") -> Token:
        token = self._token(Role.opening, source, construct=len(self.tokens.all), repeats=bool(variable))
        self.stack.append(_Open(token.number, 0, variable))
        return token

    def _token(
        self,
        role: Role,
        source: str,
        *,
        construct: int = -1,
        outer: bool = False,
        repeats: bool = False,
        is_link: bool = False,
    ) -> Token:
        around = self.stack[:-1] if outer else self.stack
        scope = tuple((one.number, one.branch) for one in around)
        line = self.line if self.numbered else None
        return self.tokens.add(
            role,
            source,
            field=self.field,
            line=line,
            scope=scope,
            construct=construct,
            repeats=repeats,
            is_link=is_link,
        )

    def _writer(self) -> grammar.Writer:
        return grammar.Writer(self.tokens.usage, tuple(one.variable for one in self.stack if one.variable))

    def _refusal(self, problem: str, remedy: str = "") -> SourceError:
        line = self.line if self.numbered else None
        return SourceError(problem, file=self.tokens.file, line=line, field=self.field, remedy=remedy)
