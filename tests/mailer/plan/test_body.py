"""A body's length is looked at while it is rendered."""

import pytest

from mailer.plan import body
from mailer.plan.body import Body
from mailer.render.personal import Scope, TooLarge, environment
from mailer.render.values import PLACES
from tests.mailer.plan.editions import place


def test_of_many_places_in_a_row_a_hundred_are_made_before_the_length_is_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[str] = []

    def counted(value: str) -> str:
        made.append(value)
        return value

    jinja = environment("en")  # kept, so it must not see what follows
    monkeypatch.setitem(PLACES, "in_text", counted)
    monkeypatch.setattr(body, "LARGEST", 1000)
    text = Body(jinja, place("email", "in_text") * 1000)
    made.clear()
    with pytest.raises(TooLarge):
        text.encoded(Scope(email="<" * 20))
    assert len(made) == 100
