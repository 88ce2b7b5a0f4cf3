"""What a place filter gives on the wire is the encoded text of the same filter."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailer.plan import body
from mailer.plan.body import LARGEST, Body
from mailer.plan.quoted_printable import encode
from mailer.render.personal import Scope, TooLarge, environment
from mailer.render.values import PLACES
from tests.mailer.plan import wild
from tests.mailer.plan.editions import place

plain = st.from_regex(r"[ -~]{1,80}", fullmatch=True)
values = st.one_of(wild.text, plain, st.integers(), st.booleans(), st.none(), st.tuples(wild.text, plain))


@pytest.mark.parametrize("name", PLACES)
@given(value=values)
@example(".hidden")
@example("From me")
@example("x" * 57)
@example("x" * 58)
@example("x" * 64)
@example("x" * 65)
@example("x" * 75)
@example("x" * 76)
@example("a=b")
@example("R&B")
@example("Zoë")
@example("Zoë ")
@example("Ελένη " * 3)
@example("Łukasz" * 9)
def test_it_is_the_text_encoded(name: str, value: Any) -> None:
    assert body._PLACES[name](value) == encode(PLACES[name](value))


def test_of_many_places_in_a_row_a_hundred_are_made_before_the_length_is_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made, half = [], b"x" * (LARGEST // 2)
    monkeypatch.setitem(body._PLACES, "in_text", lambda value: made.append(value) or half)
    with pytest.raises(TooLarge):
        Body(environment("en"), place("email", "in_text") * 1000).encoded(Scope(email="zoe@label.example"))
    assert len(made) == 100
