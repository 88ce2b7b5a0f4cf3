"""One text of an edition, compiled so that it renders for the wire."""

import re
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

from jinja2 import Environment
from jinja2.compiler import CodeGenerator, Frame
from jinja2.nodes import Expr, Impossible, TemplateData

from mailer.plan.quoted_printable import LINE, SOFT, encode
from mailer.render.personal import Scope, TooLarge
from mailer.render.values import PLACES

_Renders = Callable[[Any], Iterable[Any]]  # of a Scope, which Jinja would have as a Context

LARGEST = 2_000_000
"""Octets that one text may have for one recipient."""
_AT_ONCE = 100
"""Pieces of a text after which its length is looked at: one by one costs more than all else that is done to them."""


class Source:
    """A Jinja source, compiled. Below, `scope` holds its variables (mailer.render.personal.context)."""

    def __init__(self, environment: Environment, source: str) -> None:
        self._render: _Renders = environment.from_string(source).root_render_func

    def text(self, scope: Scope) -> str:
        """The rendered text. Raises TooLarge, and whatever an expression may raise."""
        return "".join(_bounded(self._render(scope)))


class Body:
    """A body part in quoted-printable: its constants encoded when it is compiled, its values when it is rendered."""

    def __init__(self, environment: Environment, source: str) -> None:
        octets = environment.overlay()
        octets.code_generator_class = _InOctets
        octets.filters = {**environment.filters, **_PLACES}
        self._render: _Renders = octets.from_string(source).root_render_func

    def encoded(self, scope: Scope) -> list[bytes]:
        """The rendered text in pieces that end in CRLF. Raises as `Source.text` does."""
        pieces: list[bytes] = _bounded(self._render(scope))
        last = next(filter(None, reversed(pieces)), b"")
        # A body ends in a line break: one that does not has a soft break to be completed, or is empty.
        if last.endswith(SOFT) or not last.endswith(b"\r\n"):
            pieces.append(b"\r\n")
        return pieces


def _bounded(chunks: Iterable[Any]) -> list[Any]:
    """All that is rendered; the rendering ends where it grows too long."""
    pieces: list[Any] = []
    room, rest = LARGEST, iter(chunks)
    while True:
        row = list(islice(rest, _AT_ONCE))
        room -= sum(map(len, row))
        if room < 0:
            raise TooLarge(f"its text is longer than {LARGEST:,} octets")
        pieces += row
        if len(row) < _AT_ONCE:
            return pieces


class _InOctets(CodeGenerator):
    """Makes of a source a function that yields quoted-printable: its constants are encoded here, once and for all.

    Every value goes through a place filter, and those of _PLACES give octets.
    """

    def _output_const_repr(self, group: Iterable[Any]) -> str:
        return repr(encode("".join(group)))

    def _output_child_to_const(self, node: Expr, frame: Frame, finalize: Any) -> str:
        if not isinstance(node, TemplateData):
            raise Impossible
        return super()._output_child_to_const(node, frame, finalize)

    def _output_child_pre(self, node: Expr, frame: Frame, finalize: Any) -> None:
        """No str() around octets."""

    def _output_child_post(self, node: Expr, frame: Frame, finalize: Any) -> None:
        """Nothing to be closed."""


_is_plain = re.compile(r"(?!\.|From )[ !#-%(-;?-~]+").fullmatch
"""Neither markup nor quoted-printable would change it."""
_LEAVE_PLAIN_TEXT = ("in_html", "in_attribute", "in_text", "in_link")


def _encoded(place: Callable[[Any], str]) -> Callable[[Any], bytes]:
    """The place filter, its text encoded."""
    return lambda value: encode(place(value))


def _set_in(place: Callable[[Any], str]) -> Callable[[Any], bytes]:
    """The same of a place that leaves plain text as it is.

    Such text, which most values are, is only set between what the place puts around it: half of the time.
    """
    before, behind = encode(place("x")).split(b"x")
    room = LINE - len(before + behind.removesuffix(SOFT))

    def octets(value: Any) -> bytes:
        if type(value) is str and len(value) <= room and _is_plain(value):
            return before + value.encode("ascii") + behind
        return encode(place(value))

    return octets


_PLACES = {name: (_set_in if name in _LEAVE_PLAIN_TEXT else _encoded)(place) for name, place in PLACES.items()}
