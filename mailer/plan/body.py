"""One text of an edition, its constant parts encoded once."""

from collections.abc import Iterator
from types import CodeType

from jinja2 import Environment
from jinja2.runtime import Context

from mailer.plan.quoted_printable import encode
from mailer.render.personal import TooLarge

LARGEST = 2_000_000
"""Characters that one text may have for one recipient."""


class Source:
    """A Jinja source, compiled. Below, `scope` holds its variables (mailer.render.personal.scope)."""

    def __init__(self, environment: Environment, source: str) -> None:
        self._render = environment.from_string(source).root_render_func
        self.constants = tuple(dict.fromkeys(_constants(self._render.__code__)))

    def chunks(self, scope: Context) -> Iterator[str]:
        """The rendered text in the pieces in which Jinja yields it; a constant is the same object every time.

        Raises TooLarge, and whatever an expression may raise.
        """
        room = LARGEST
        for chunk in self._render(scope):
            room -= len(chunk)
            if room < 0:
                raise TooLarge(f"its text is longer than {LARGEST:,} characters")
            yield chunk

    def text(self, scope: Context) -> str:
        """The rendered text. Raises as `chunks` does."""
        return "".join(self.chunks(scope))


class Body:
    """A body part: the source with its constants in quoted-printable."""

    def __init__(self, environment: Environment, source: str) -> None:
        self._source = Source(environment, source)
        # Holds the template's constants and nothing else: a recipient's values are never kept.
        self._encoded = {constant: encode(constant) for constant in self._source.constants}

    def encoded(self, scope: Context) -> list[bytes]:
        """The rendered text in quoted-printable, in pieces that end in CRLF. Raises as `Source.chunks` does."""
        known = self._encoded.get
        pieces = [known(chunk) or encode(chunk) for chunk in self._source.chunks(scope)]
        last = next(filter(None, reversed(pieces)), b"")
        # A body ends in a line break: one that does not has a soft break to be completed, or is empty.
        if last.endswith(b"=\r\n") or not last.endswith(b"\r\n"):
            pieces.append(b"\r\n")
        return pieces


def _constants(code: CodeType) -> Iterator[str]:
    """The strings of compiled code, which for a template are its static text and the names it uses."""
    for constant in code.co_consts:
        if isinstance(constant, str):
            yield constant
        elif isinstance(constant, CodeType):
            yield from _constants(constant)
