"""Comparisons never fail for one reader's odd or missing value."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.recipient import Recipient
from mailer.render.comparing import COMPARISONS, equals, over, under
from tests.mailer.render.workshop import build, show

VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.lists(st.text(max_size=3))


@given(one=VALUES, other=VALUES)
def test_no_two_values_make_an_error(one: Any, other: Any) -> None:
    for comparison in COMPARISONS.values():
        assert comparison(one, other) in {True, False}
    assert not (over(one, other) and under(one, other))
    assert equals(one, other) == equals(other, one)


@pytest.mark.parametrize(
    ("condition", "true", "false"),
    [
        ("attributes.n > 10", ["11", 11, 10.5, "1e2"], ["10", 2, None, "", "many", [12], True]),
        ("attributes.n >= 10", ["10", 10], ["9", None]),
        ("attributes.n < 10", ["9", -1], ["10", None, "", "few"]),
        ("1 < attributes.n <= 3", ["3", 2], ["1", 4, None]),
        ('attributes.n < "2026-01-01"', ["2025-12-31"], ["2026-01-01", None]),
        ("attributes.n == 10", ["10", 10, "10.0"], ["1O", None, ""]),
        ('attributes.n == "x"', ["x"], ["X", None, 0]),
        ('attributes.n != "x"', ["X", None, 0], ["x"]),
        ("attributes.n in [1, 2]", ["1", 2], ["3", None]),
        ('"a" in attributes.n', ["cat", ["a", "b"]], ["dog", None, 3, ["cat"]]),
        ('attributes.n not in ["a", "b"]', ["c", None], ["a"]),
        ("attributes.n == true", [True], [False, None, "true"]),
        ("not attributes.n", [None, "", False, 0], ["x", 1]),
    ],
)
def test_what_authors_mean(templates: Path, condition: str, true: list[Any], false: list[Any]) -> None:
    edition = build(templates, "x", front={"subject": f"{{% if {condition} %}}yes{{% else %}}no{{% endif %}}"})
    for value in true:
        assert show(edition, Recipient("x@example.org", attributes={"n": value}), "subject") == "yes", value
    for value in false:
        assert show(edition, Recipient("x@example.org", attributes={"n": value}), "subject") == "no", value
    assert show(edition, Recipient("x@example.org"), "subject") == ("yes" if None in true else "no")
