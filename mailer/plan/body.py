"""One text of an edition, compiled so that it renders for the wire."""

import re
from binascii import b2a_qp
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from jinja2 import Environment
from jinja2.compiler import CodeGenerator, Frame
from jinja2.nodes import Output, TemplateData

from mailer.plan.quoted_printable import LINE, SOFT, encode
from mailer.render.personal import Scope, TooLarge
from mailer.render.values import PLACES

_Renders = Callable[[Any], Iterable[Sequence[Any]]]  # of a Scope, which Jinja would have as a Context

LARGEST = 2_000_000
"""Octets that one text may have for one recipient."""
_ROW = 100
"""The most pieces of a text that are made before its length is looked at."""


class Source:
    """A Jinja source, compiled. Below, `scope` holds its variables (mailer.render.personal.context)."""

    def __init__(self, environment: Environment, source: str) -> None:
        self._render = _compiled(environment, source, _InRows, PLACES)

    def text(self, scope: Scope) -> str:
        """The rendered text. Raises TooLarge, and whatever an expression may raise."""
        return "".join(_bounded(self._render(scope)))


class Body:
    """A body part in quoted-printable: its constants encoded when it is compiled, its values when it is rendered."""

    def __init__(self, environment: Environment, source: str) -> None:
        self._render = _compiled(environment, source, _InOctets, _PLACES)

    def encoded(self, scope: Scope) -> list[bytes]:
        """The rendered text in pieces that end in CRLF. Raises as `Source.text` does."""
        pieces: list[bytes] = _bounded(self._render(scope))
        last = next(filter(None, reversed(pieces)), b"")
        # A body ends in a line break: one that does not has a soft break to be completed, or is empty.
        if last.endswith(SOFT) or not last.endswith(b"\r\n"):
            pieces.append(b"\r\n")
        return pieces


def _compiled(
    environment: Environment, source: str, generator: type[CodeGenerator], places: dict[str, Any]
) -> _Renders:
    own = environment.overlay()
    own.code_generator_class = generator
    own.filters = {**environment.filters, **places}
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
    """Makes of a source a function that yields rows: all pieces between two statements, up to _ROW of them.

    Yielded one by one, as Jinja would, each piece resumes the function, which costs more than many a piece.
    Every value goes through a place filter, and they give text; those of _PLACES give octets.
    """

    constant: Callable[[str], str | bytes] = staticmethod(str)

    def visit_Output(self, node: Output, frame: Frame) -> None:  # noqa: N802 - Jinja's name
        for at in range(0, len(node.nodes), _ROW):
            self.writeline("yield (", node)
            for child in node.nodes[at : at + _ROW]:
                if isinstance(child, TemplateData):
                    self.write(repr(self.constant(child.data)))
                else:
                    self.visit(child, frame)
                self.write(", ")
            self.write(")")


class _InOctets(_InRows):
    """The same with its constants encoded, once and for all."""

    constant = staticmethod(encode)


_is_simple = re.compile(r"(?!\.|From )[ !#-%(-;?-~\w]+(?<! )").fullmatch
"""Letters, digits and ASCII signs but markup: no place would change them, and on their line they are encoded alone."""
_LEAVE_SIMPLE_TEXT = ("in_html", "in_attribute", "in_text", "in_link")


def _encoded(place: Callable[[Any], str]) -> Callable[[Any], bytes]:
    """The place filter, its text encoded."""
    return lambda value: encode(place(value))


def _set_in(place: Callable[[Any], str]) -> Callable[[Any], bytes]:
    """The same of a place that leaves simple text as it is.

    Such text, which most values are, is only set between what the place puts around it: half of the time.
    """
    before, behind = encode(place("x")).split(b"x")
    room = LINE - len(before + behind.removesuffix(SOFT))

    def octets(value: Any) -> bytes:
        if type(value) is str and _is_simple(value):
            data = value.encode()
            if not value.isascii():
                data = b2a_qp(data, istext=False)
            if len(data) <= room:
                return before + data + behind
        return encode(place(value))

    return octets


_PLACES = {name: (_set_in if name in _LEAVE_SIMPLE_TEXT else _encoded)(place) for name, place in PLACES.items()}
