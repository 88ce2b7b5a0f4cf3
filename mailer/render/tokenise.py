"""An author's text with a token in the place of all that is between braces, and its snippets put in."""

import re
import textwrap
from dataclasses import dataclass

from jinja2 import TemplateSyntaxError

from mailer.render import grammar
from mailer.render.errors import Found, SourceError
from mailer.render.personal import LINK_FIELDS
from mailer.render.tokens import Role, Token, Tokens, Written, without_controls

_INCLUDE = re.compile(r"\s*include\b")
_LOOP = re.compile(r"\{%-?\s*for\s+(\w+)\s")
_EXPRESSION = re.compile(r"\{\{-?(.*?)-?\}\}", re.DOTALL)
_SPACES = re.compile(r"[ \t\n]+")


def tokenise(source: str, tokens: Tokens, *, field: str = "", line: int | None = 1, markdown: bool = True) -> Written:
    """`source` with tokens; comments are dropped.

    `line` is the file's line on which it begins (None in front matter). Only Markdown may include snippets, and all of
    a snippet counts as the line that includes it. Raises SourceError, with all others there are.
    """
    return _Writing(tokens, field, line, markdown=markdown).write(without_controls(source))


@dataclass
class _Open:
    """A construct that has been opened and not yet closed."""

    number: int
    branch: int = 0
    variable: str = ""


class _Writing:
    def __init__(self, tokens: Tokens, field: str, line: int | None, *, markdown: bool) -> None:
        self.tokens, self.field, self.markdown = tokens, field, markdown
        self.first = line or 1
        self.numbered = line is not None
        self.line = self.first
        self.snippet = ""
        """The name of the one being put in."""
        self.stack: list[_Open] = []
        self.text: list[str] = []
        self.lines = [self.first]
        self.found = Found()

    def write(self, source: str) -> Written:
        self._source(source)
        self.found.raise_first()
        lines = tuple(line if self.numbered else None for line in self.lines)
        return Written("".join(self.text), lines, self.tokens.file, self.field)

    def _source(self, source: str) -> None:
        try:
            grammar.AUTHOR.parse(source)
            pieces = list(grammar.AUTHOR.lex(source))
        except TemplateSyntaxError as error:
            unclosed = grammar.unclosed(source) if "end of template" in str(error.message) else None
            self.line = self._at(unclosed or error.lineno)
            problem = "this is never closed" if unclosed else f"Jinja cannot read this: {error.message}"
            self._refuse(problem, "add `{% endif %}` or `{% endfor %}`" if unclosed else "")
            self._look_at_expressions(source)
            return
        inside = ""
        for at, (number, kind, value) in enumerate(pieces):
            if kind in {"variable_begin", "block_begin"}:
                self.line, inside = self._at(number), ""
            elif kind in {"raw_begin", "raw_end"}:
                self.line = self._at(number)
                self._refuse("`raw` is not possible here", "write the text without braces")
            elif kind == "data":
                self._data(value, number)
            elif kind == "block_end" and _INCLUDE.match(inside):
                self._include(_INCLUDE.sub("", inside), _rest_of_line(pieces[at + 1 :]))
            elif kind in {"variable_end", "block_end"}:
                self._between(inside.strip(), statement=kind == "block_end")
            elif not kind.startswith("comment"):
                inside += value

    def _at(self, number: int) -> int:
        """The file's line for a line of what is being read: all of a snippet stands where it is included."""
        return self.line if self.snippet else self.first + number - 1

    def _data(self, value: str, number: int) -> None:
        self.text.append(value)
        self.lines.extend(self._at(number + count) for count in range(1, value.count("\n") + 1))

    def _include(self, inside: str, rest: str | None) -> None:
        """Put a snippet in; `rest` is what follows on the line, None if that is not plain text."""
        try:
            name = grammar.included(inside)
            text = self._snippet(name, rest)
        except grammar.NotAllowed as error:
            self._refuse(str(error))
            return
        self.snippet = name
        self._source(text)
        self.snippet = ""

    def _snippet(self, name: str, rest: str | None) -> str:
        """Its text: as blocks of its own where the statement stands alone on its line, else within the sentence."""
        if self.tokens.snippets is None or self.snippet:
            raise grammar.NotAllowed("a snippet cannot include another; write its text here")
        if not self.markdown:
            raise grammar.NotAllowed("a snippet is Markdown: it can stand in the body and in fields of Markdown")
        text = without_controls(self.tokens.snippets.text(name)).strip("\n")
        before = "".join(self.text).rpartition("\n")[2]
        if rest == "" and (not before.strip() or self.tokens.statements.fullmatch(before)):
            indent = before[: len(before) - len(before.lstrip())]
            return f"\n\n{textwrap.indent(text, indent)}\n\n"
        if re.search(r"\n[ \t]*\n", text):
            raise grammar.NotAllowed(f"{name!r} has several paragraphs; include it on a line of its own")
        return _SPACES.sub(" ", text)

    def _between(self, inside: str, *, statement: bool) -> None:
        try:
            token = self._statement(inside) if statement else self._expression(inside)
        except grammar.NotAllowed as error:
            self._refuse(str(error))
            word, variable, *_ = [*inside.split(), "", ""]
            if word in {"if", "for"}:  # its end would be the next error, and the loop's variable
                self.stack.append(_Open(-1, 0, variable if word == "for" else ""))
            return
        self.text.append(self.tokens.word(token))

    def _look_at_expressions(self, source: str) -> None:
        """What can be said of a source whose statements do not hang together: all but what is on the same line."""
        loops = tuple(_LOOP.findall(source))
        refused = self.line
        for found in _EXPRESSION.finditer(source):
            self.line = self._at(source.count("\n", 0, found.start()) + 1)
            try:
                grammar.Writer(self.tokens.usage, loops).write(grammar.expression(found[1]))
            except grammar.NotAllowed as error:
                if self.line != refused:
                    self._refuse(str(error))

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
        raise grammar.NotAllowed(f"`{word}` is not possible here; only `if`, `elif`, `else`, `for` and `include` are")

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

    def _refuse(self, problem: str, remedy: str = "") -> None:
        line = self.line if self.numbered else None
        if self.snippet:
            problem = f"in the snippet {self.snippet!r}: {problem}"
        error = SourceError(problem, file=self.tokens.file, line=line, field=self.field, remedy=remedy)
        self.found.errors.append(error)


def _rest_of_line(pieces: list[tuple[int, str, str]]) -> str | None:
    """What follows on the line, without statements and spaces; None if an expression does."""
    rest = ""
    for _, kind, value in pieces:
        if kind == "variable_begin":
            return None
        if kind == "data":
            rest += value.partition("\n")[0]
            if "\n" in value:
                break
    return rest.strip()
