"""One text of an edition, compiled so that it renders for the wire."""

import re
from collections.abc import Callable, Iterable
from typing import Any

from jinja2 import Environment
from jinja2.compiler import CodeGenerator, Frame
from jinja2.nodes import Expr, Impossible, TemplateData
from jinja2.runtime import Context

from mailer.plan.quoted_printable import encode
from mailer.render.personal import TooLarge
from mailer.render.values import PLACES

LARGEST = 2_000_000
"""Octets that one text may have for one recipient."""


class Source:
    """A Jinja source, compiled. Below, `scope` holds its variables (mailer.render.personal.scope)."""

    def __init__(self, environment: Environment, source: str) -> None:
        self._render = environment.from_string(source).root_render_func

    def text(self, scope: Context) -> str:
        """The rendered text. Raises TooLarge, and whatever an expression may raise."""
        return "".join(_bounded(self._render(scope)))


class Body:
    """A body part in quoted-printable: its constants encoded when it is compiled, its values when it is rendered."""

    def __init__(self, environment: Environment, source: str) -> None:
        octets = environment.overlay()
        octets.code_generator_class = _InOctets
        octets.filters = {**environment.filters, **_PLACES}
        self._render: Callable[[Context], Iterable[Any]] = octets.from_string(source).root_render_func

    def encoded(self, scope: Context) -> list[bytes]:
        """The rendered text in pieces that end in CRLF. Raises as `Source.text` does."""
        pieces: list[bytes] = _bounded(self._render(scope))
        last = next(filter(None, reversed(pieces)), b"")
        # A body ends in a line break: one that does not has a soft break to be completed, or is empty.
        if last.endswith(b"=\r\n") or not last.endswith(b"\r\n"):
            pieces.append(b"\r\n")
        return pieces


def _bounded(chunks: Iterable[Any]) -> list[Any]:
    # Looked at afterwards: pieces are references to constants, and values no longer than what we have of a person.
    pieces = list(chunks)
    if sum(map(len, pieces)) > LARGEST:
        raise TooLarge(f"its text is longer than {LARGEST:,} octets")
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


def _wired(
    place: Callable[[Any], str], plain: str = "", before: bytes = b"", behind: bytes = b""
) -> Callable[..., bytes]:
    """The place filter, its text encoded.

    What matches `plain` needs only to be set between `before` and `behind`, at a quarter of what the place and the
    encoding of it cost. It is true of most values.
    """
    if not plain:
        return lambda value: encode(place(value))
    is_plain = re.compile(plain).fullmatch

    def octets(value: Any) -> bytes:
        if type(value) is str and is_plain(value):
            return before + value.encode("ascii") + behind
        return encode(place(value))

    return octets


_PLACES: dict[str, Callable[..., bytes]] = {name: _wired(place) for name, place in PLACES.items()} | {
    "in_text": _wired(PLACES["in_text"], "[ -<>-~]{1,57}", b"=E2=81=A8", b"=E2=81=A9=\r\n"),
    "in_html": _wired(PLACES["in_html"], "[ !#-%(-;?-~]{1,64}", b"<bdi>", b"</bdi>=\r\n"),
    "in_attribute": _wired(PLACES["in_attribute"], r"(?!\.|From )[ !#-%(-;?-~]{1,75}", behind=b"=\r\n"),
    "in_link": _wired(PLACES["in_link"], r"(?!\.|From )[ -<>-~]{1,75}", behind=b"=\r\n"),
}
