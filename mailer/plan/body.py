"""One text of an edition, compiled so that it renders for the wire."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from jinja2 import Environment
from jinja2.compiler import CodeGenerator, Frame
from jinja2.nodes import Expr, Filter, Output, TemplateData

from mailer.plan.quoted_printable import SOFT, encode
from mailer.plan.row import Row
from mailer.render.personal import Scope, TooLarge

_Renders = Callable[[Any], Iterable[Sequence[Any]]]  # of a Scope, which Jinja would have as a Context

LARGEST = 2_000_000
"""Octets that one text may have for one recipient."""
_ROW = 100
"""The most nodes of a text that are rendered before its length is looked at."""


class Source:
    """A Jinja source, compiled. Below, `scope` holds its variables (mailer.render.personal.context)."""

    def __init__(self, environment: Environment, source: str) -> None:
        self._render = _compiled(environment, source, _InRows)

    def text(self, scope: Scope) -> str:
        """The rendered text. Raises TooLarge, and whatever an expression may raise."""
        return "".join(_bounded(self._render(scope)))


class Body:
    """A body part in quoted-printable: its constants encoded when it is compiled, its values when it is rendered."""

    def __init__(self, environment: Environment, source: str) -> None:
        self._render = _compiled(environment, source, _InOctets)

    def encoded(self, scope: Scope) -> list[bytes]:
        """The rendered text in pieces that end in CRLF. Raises as `Source.text` does."""
        pieces: list[bytes] = _bounded(self._render(scope))
        last = next(filter(None, reversed(pieces)), b"")
        # A body ends in a line break: one that does not has a soft break to be completed, or is empty.
        if last.endswith(SOFT) or not last.endswith(b"\r\n"):
            pieces.append(b"\r\n")
        return pieces


def _compiled(environment: Environment, source: str, generator: type[CodeGenerator]) -> _Renders:
    own = environment.overlay()
    own.code_generator_class = generator
    own.filters = environment.filters.copy()  # to which a body adds its rows
    return own.from_string(source).root_render_func


def _bounded(rows: Iterable[Sequence[Any]]) -> list[Any]:
    """All that is rendered; the rendering ends where it grows too long."""
    pieces: list[Any] = []
    room = LARGEST
    for row in rows:
        room -= sum(map(len, row))
        if room < 0:
            raise TooLarge(f"its text is longer than {LARGEST:,} octets")
        pieces += row
    return pieces


class _InRows(CodeGenerator):
    """Makes of a source a function that yields rows: all between two statements, up to _ROW nodes of it.

    Yielded one by one, as Jinja would, each piece resumes the function, which costs more than many a piece.
    """

    def visit_Output(self, node: Output, frame: Frame) -> None:  # noqa: N802 - Jinja's name
        for at in range(0, len(node.nodes), _ROW):
            self.writeline("yield ", node)
            self.row(node.nodes[at : at + _ROW], frame)

    def row(self, nodes: Sequence[Expr], frame: Frame) -> None:
        """Write an expression for their pieces."""
        self._tuple([child.data if isinstance(child, TemplateData) else child for child in nodes], frame)

    def _tuple(self, members: Iterable[Expr | str | bytes], frame: Frame) -> None:
        self.write("(")
        for member in members:
            if isinstance(member, Expr):
                self.visit(member, frame)
            else:
                self.write(repr(member))
            self.write(", ")
        self.write(")")


class _InOctets(_InRows):
    """The same for the wire: what is constant is encoded once and for all, and values are encoded by their row."""

    def row(self, nodes: Sequence[Expr], frame: Frame) -> None:
        constants, values, places = [b""], [], []
        for node in nodes:
            if isinstance(node, TemplateData):
                constants[-1] += encode(node.data)
            else:
                assert isinstance(node, Filter), "a value that goes through no place"
                assert node.node is not None
                values.append(node.node)
                places.append(node.name)
                constants.append(b"")
        if values:
            name = f"row {len(self.environment.filters)}"
            self.environment.filters[name] = Row(constants, places).pieces
            self.write(f"environment.filters[{name!r}]")
            self._tuple(values, frame)
        else:
            self._tuple(constants, frame)
