"""What a row gives on the wire is what its places give, each encoded alone."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailer.plan.quoted_printable import encode
from mailer.plan.row import Row
from mailer.render.values import PLACES
from tests.mailer.plan import wild

plain = st.from_regex(r"[ -~]{1,80}", fullmatch=True)
simple = st.from_regex(r"[A-Za-z0-9@éł -]{1,20}", fullmatch=True)
values = st.one_of(simple, wild.text, plain, st.integers(), st.booleans(), st.none(), st.tuples(wild.text, plain))


@pytest.mark.parametrize("name", PLACES)
@given(value=values)
@example("")
@example(".hidden")
@example("From me")
@example("x" * 57)
@example("x" * 58)
@example("x" * 64)
@example("x" * 65)
@example("x" * 75)
@example("x" * 76)
@example("a=b")
@example("a<b")
@example("R&B")
@example("Zoë")
@example("Zoë ")
@example("Ελένη " * 3)
@example("Ελένη" * 9)
@example("Łukasz" * 9)
@example("a\u202eb")
@example("é.")
def test_a_value_alone(name: str, value: Any) -> None:
    assert b"".join(Row([b"", b""], [name]).pieces(value)) == encode(PLACES[name](value))


@given(st.lists(st.tuples(st.sampled_from(list(PLACES)), st.one_of(simple, values), plain), min_size=1, max_size=9))
@example([("in_text", "Łukasz", ", "), ("in_html", "Müller", "\n"), ("in_link", "x" * 70, "")])
@example([("in_text", "a", ""), ("in_text", "b<c", "")])
@example([("in_text", "a", ""), ("in_text", "", "")])
def test_several_values(row: list[tuple[str, Any, str]]) -> None:
    names, given_values, constants = zip(*row, strict=True)
    made = Row([b"", *map(encode, constants)], names).pieces(*given_values)
    assert b"".join(made) == b"".join(encode(PLACES[name](value)) + encode(text) for name, value, text in row)


@pytest.mark.parametrize("name", ["Anna", "Zoë", "Łukasz", "Ελένη", "Jean-Luc"])
def test_simple_text_is_not_brought_to_its_places(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    row = Row([b"Dear ", b" ", b""], ["in_html", "in_text"])
    monkeypatch.setattr(Row, "_one_by_one", None)
    assert b"".join(row.pieces(name, name))
