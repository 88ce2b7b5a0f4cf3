"""Constants of a body part with personal values between them, encoded together."""

import re
from binascii import b2a_qp
from collections.abc import Sequence
from typing import Any

from mailer.plan.quoted_printable import LINE, SOFT, encode
from mailer.render.values import PLACES

_IN_TEXT = r" -;>-~\w"
_IN_HTML = r" !#-%(-;?-~\w"
_IN_URL = r"A-Za-z0-9_.~-"
_SIMPLE = {
    "in_text": _IN_TEXT,
    "in_link": _IN_TEXT,
    "in_header": _IN_TEXT,
    "in_html": _IN_HTML,
    "in_attribute": _IN_HTML,
    "in_path": _IN_URL,
    "in_query": _IN_URL,
}
"""The characters of simple text, which the place leaves as it is; of signs only ASCII, without `=` and `<`."""
_BETWEEN = "<"  # in no simple text, and encoded as it is


class Row:
    """The pieces of a row.

    Most values are simple and short enough for a line of their own. Where all are, one look at them and one encoding
    take half of what it takes to go from place to place.
    """

    def __init__(self, constants: Sequence[bytes], places: Sequence[str]) -> None:
        """`constants`, encoded, stand before, between and behind the `places`: one more than there are of these."""
        self._constants = constants
        self._places = [PLACES[name] for name in places]
        self._around = [constants[0]]
        simple, fit = [], []
        for name, constant in zip(places, constants[1:], strict=True):
            before, behind = encode(PLACES[name]("x")).split(b"x")
            room = LINE - len(before + behind.removesuffix(SOFT))
            simple.append(rf"(?!\.|From )[{_SIMPLE[name]}]{{1,{room}}}(?<! )" if name in _SIMPLE else "(?!)")
            fit.append(f"[^{_BETWEEN}]{{1,{room}}}")
            self._around[-1] += before
            self._around += (b"", behind + constant)
        self._are_simple = re.compile(_BETWEEN.join(simple)).fullmatch
        self._fit = re.compile(_BETWEEN.join(fit).encode()).fullmatch

    def pieces(self, *values: Any) -> list[bytes]:
        """The row, each value as its place has it."""
        try:
            line = _BETWEEN.join(values)
        except TypeError:  # a number or a list is among them
            return self._one_by_one(values)
        if not self._are_simple(line):
            return self._one_by_one(values)
        octets = line.encode()
        if not line.isascii():
            octets = b2a_qp(octets, istext=False).replace(b"=\n", b"")  # it folds, and simple text has no `=`
            if not self._fit(octets):
                return self._one_by_one(values)
        pieces = self._around.copy()
        pieces[1::2] = octets.split(_BETWEEN.encode())
        return pieces

    def _one_by_one(self, values: Sequence[Any]) -> list[bytes]:
        pieces = [self._constants[0]]
        for place, value, constant in zip(self._places, values, self._constants[1:], strict=True):
            pieces += (encode(place(value)), constant)
        return pieces
