"""What a rule may look like, and that an error names the place and the nearest."""

import json
from typing import Any

import pytest

from config.errors import Refused
from subscribers.rule_parsing import parse


def nested(depth: int) -> dict[str, Any]:
    rule: dict[str, Any] = {"country": "BE"}
    for _ in range(depth):
        rule = {"not": rule}
    return rule


@pytest.mark.parametrize(
    ("tree", "said"),
    [
        (
            {"all": [{"country": "BE"}, {"not": {"feild": "x"}}]},
            "at all[1].not: unknown rule 'feild'; did you mean 'field'?",
        ),
        ({"any": [{"all": [{"contry": "BE"}]}]}, "at any[0].all[0]: unknown rule 'contry'; did you mean 'country'?"),
        ({"field": "contry", "is": "BE"}, "there is no field 'contry'; did you mean 'country'?"),
        (
            {"not": {"field": "email", "contain": "x"}},
            "at not.contain: unknown key 'contain'; did you mean 'contains'?",
        ),
        ({"country": "BE", "topic": "x"}, "is a rule of its own"),
        ({"field": "email", "is": "a", "contains": "b"}, "not with is and contains at once"),
        ({"field": "email"}, "compare with one of is, is_not, in"),
        ({"field": "email", "is": None}, "compare with one of is, is_not, in"),
        ({"field": "email", "is": 5}, "email is compared with a text"),
        ({"field": "email", "in": ["a", 5]}, "email is compared with a text"),
        ({"field": "email", "over": 5}, "'over' and 'under' are for attributes"),
        ({"field": "email", "before": "2026-01-01"}, "email cannot be compared by 'before'"),
        ({"field": "created_at", "is": "2026-01-01"}, "created_at cannot be compared by 'is'"),
        ({"field": "created_at", "after": "yesterday"}, "'yesterday' is no date"),
        ({"field": "created_at", "after": "2026-01-01T10:00"}, "is no date; write 2026-05-01 or"),
        ({"field": "role", "is": "jurnalist"}, "'jurnalist' is not a role; there are: journalist"),
        ({"field": "country", "in": ["BE", "Ruritania"]}, "'Ruritania' is not a country"),
        ({"attribute": "beat", "before": "2026-01-01"}, "are for created_at"),
        ({"attribute": 'be"at', "is": "x"}, "quotation mark"),
        ({"attribute": "beat", "over": "5"}, "at over: write a number"),
        ({"attribute": "beat", "over": float("nan")}, "finite"),
        ({"attribute": "beat", "is": 10**16}, "numbers are compared up to"),
        ({"attribute": "beat", "contains": ""}, "at contains: it is empty"),
        ({"language": "klingon"}, "'klingon' is not a language"),
        ({"country": 5}, "at country: write a text"),
        ({"all": []}, "at all: it is empty"),
        ({"any": {"country": "BE"}}, "at any: write a list"),
        ({}, "an empty rule"),
        ([], "a rule is an object"),
        ({"all": ["BE"]}, "at all[0]: a rule is an object"),
        ({"topic": "a\0b"}, "a character that no database keeps"),
        ({"topic": "a\ud800"}, "a character that no database keeps"),
        (nested(40), "too large"),
        ({"any": [{"country": "BE"}] * 1000}, "too large"),
    ],
)
def test_a_wrong_rule_is_refused_where_it_is_wrong(tree: Any, said: str) -> None:
    with pytest.raises(Refused) as refused:
        parse(tree)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    "tree",
    [
        '{"all": [{"field": "country", "is": "BE"}, {"not": {"list": "press"}}, {"topic": "copyright"}]}',
        '{"any": [{"language": "fr-be"}, {"attribute": "a.b", "in": ["x", 5, 1.5, true]}, {"country": "uk"}]}',
        '{"field": "created_at", "before": "2026-05-01T09:00+02:00"}',
        '{"field": "role", "is_not": "journalist"}',
        '{"field": "country", "is": ""}',
        '{"attribute": "age", "over": 5}',
    ],
)
def test_a_right_rule_is_taken(tree: str) -> None:
    assert parse(json.loads(tree))
