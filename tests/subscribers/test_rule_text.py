"""Rules as text: read as meant, written back as they were, and an error points at its place."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import ColumnElement, true
from sqlalchemy.orm import Session

from config.errors import Refused
from subscribers import rules
from subscribers.models import Role
from subscribers.rule_parsing import parse
from subscribers.rule_text import FIELDS, read
from subscribers.rule_writing import write


@pytest.fixture(autouse=True)
def two_of_the_upper_floor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "_registry", {"received": anybody, "opened_in": anybody})


def anybody(session: Session, value: Any) -> ColumnElement[bool]:
    return true()


BE, FR = {"country": "BE"}, {"country": "FR"}
TEXTS: list[tuple[str, dict[str, Any]]] = [
    (
        "country in (BE, FR) and topic = copyright and not list = staff",
        {"all": [{"field": "country", "in": ["BE", "FR"]}, {"topic": "copyright"}, {"not": {"list": "staff"}}]},
    ),
    ("country = BE or country = FR and list = x", {"any": [BE, {"all": [FR, {"list": "x"}]}]}),
    ("(country = BE or country = FR) and list = x", {"all": [{"any": [BE, FR]}, {"list": "x"}]}),
    ("country = BE and (country = FR and list = x)", {"all": [BE, {"all": [FR, {"list": "x"}]}]}),
    ("not not country = BE", {"not": {"not": BE}}),
    ("all(any(country = BE))", {"all": [{"any": [BE]}]}),
    ("all(country = BE, country = FR)", {"all": [BE, FR]}),
    ("((country=BE))", BE),
    ("country != BE", {"field": "country", "is_not": "BE"}),
    ('country = ""', {"field": "country", "is": ""}),
    ("field.country = BE", {"field": "country", "is": "BE"}),
    ("country is BE AND NOT language IS fr", {"all": [BE, {"not": {"language": "fr"}}]}),
    ("list != staff", {"not": {"list": "staff"}}),
    ("language in (fr, nl-BE)", {"any": [{"language": "fr"}, {"language": "nl-BE"}]}),
    ("topic not in (a)", {"not": {"topic": "a"}}),
    ("role not in (staff, member)", {"not": {"field": "role", "in": ["staff", "member"]}}),
    ("topic = 2026", {"topic": "2026"}),
    ("first_name = 007", {"field": "first_name", "is": "007"}),
    ('email contains "@example.org"', {"field": "email", "contains": "@example.org"}),
    ("organisation starts with Société", {"field": "organisation", "starts_with": "Société"}),
    ("created_at after 2026-05-01T09:00+02:00", {"field": "created_at", "after": "2026-05-01T09:00+02:00"}),
    ("attributes.age > 5 and attributes.age < 6.5", {"all": [{"attribute": "age", "over": 5}, {"attribute": "age", "under": 6.5}]}),
    ('attributes.age = "5"', {"attribute": "age", "is": "5"}),
    ("attributes.a.b in (5, -1.5, yes, true)", {"attribute": "a.b", "in": [5, -1.5, "yes", True]}),
    ('attributes."x y" is not 5', {"attribute": "x y", "is_not": 5}),
    ("received = value-gap # the op-ed\n or opened_in = 3", {"any": [{"received": "value-gap"}, {"opened_in": 3}]}),
    ('opened_in = {"days": [1, null], "x": {}}', {"opened_in": {"days": [1, None], "x": {}}}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "tree"), TEXTS)
def test_what_is_written_is_what_is_meant(text: str, tree: dict[str, Any]) -> None:
    assert read(text) == tree
    assert parse(read(write(parse(tree)))) == parse(tree)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("country = BE an topic = x", "column 14: 'an' cannot stand here; did you mean 'and'?"),
        ("country iz BE", "column 9: 'iz' cannot stand here; did you mean 'is'?"),
        ("contry = BE", "column 1: unknown 'contry'; did you mean 'country'?"),
        ("country = BE and recieved = x", "column 18: unknown 'recieved'; did you mean 'received'?"),
        ("beat = music", "column 1: unknown 'beat'; an attribute is written attributes.beat; there are: list, topic"),
        ("country = BE and\n  role = jurnalist", "line 2, column 10: 'jurnalist' is not a role"),
        ("country in (BE, Atlantis)", "column 13: 'Atlantis' is not a country"),
        ("country = BE topic = x", "column 14: 'topic' cannot stand here; here could stand: and, or, the end"),
        ("country in (BE, FR", "column 19: the rule ends too early; here could stand: ), a comma"),
        ("", "column 1: the rule ends too early; here could stand: (, a name or value, not"),
        ("topic contains x", "column 7: topic is not compared by 'contains'; write =, != or in"),
        ("role > 5", "column 6: role is not compared by '>'; write =, !=, in, contains or starts with"),
        ("created_at = 2026-01-01", "column 12: created_at is not compared by '='; write before or after"),
        ("created_at before yesterday", "column 19: 'yesterday' is no date"),
        ("attributes.age > old", "column 18: write a number"),
        ('attributes."a\\"b" = 5', "an attribute whose name has a quotation mark"),
        ("country = “BE”", 'column 11: “ is no quotation mark here; write "'),
        ('topic = "a\\x"', 'column 9: "a\\x" is no text in quotation marks'),
        ("list = press && topic = x", "column 14: '&' cannot stand here"),
        ("email contains @example.org", "column 16: '@' cannot stand here"),
        ("(" * 50_000, "the rule ends too early"),
        ("not " * 50_000 + "country = BE", "the rule is too large"),
        (" or ".join(["country = BE"] * 2000), "the rule is too large"),
    ],
)  # fmt: skip
def test_an_error_points_at_its_place_and_knows_the_nearest(text: str, said: str) -> None:
    with pytest.raises(Refused) as refused:
        read(text)
    assert said in str(refused.value)


WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12)
SPECIAL = st.sampled_from(
    ["and", "Not", "true", "null", "5", "-1.5", "1e3", "007", "in", "a b", '"', "\\", "(", "#", "é", "x,y"]
)
TEXT = SPECIAL | WORDS
NUMBERS = st.integers(-(10**15), 10**15) | st.floats(-1e15, 1e15, allow_nan=False)
SCALARS = TEXT | st.just("") | NUMBERS | st.booleans()
LANGUAGES, COUNTRIES = st.sampled_from(["fr", "FR_be", "pt-BR"]), st.sampled_from(["BE", "uk", "el"])
DATES = st.sampled_from(["2026-05-01", "2026-05-01T09:00+02:00"])
VALUES = st.recursive(
    SCALARS | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


def compared(names: st.SearchStrategy[str], kind: str, value: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    sign = st.sampled_from(["is", "is_not"])
    one = st.builds(lambda name, by, given: {kind: name, by: given}, names, sign, value)
    several = st.builds(lambda name, given: {kind: name, "in": given}, names, st.lists(value, min_size=1, max_size=3))
    return one | several


PLAIN = st.sampled_from([name for name in FIELDS if name not in (*rules.CODED, "created_at")])
ATTRIBUTES = TEXT.filter(lambda name: '"' not in name) | st.sampled_from(["a.b", "x-y", "a.", ".a", "field.x"])
LEAVES = st.one_of(
    compared(PLAIN, "field", TEXT | st.just("")),
    compared(st.just("country"), "field", COUNTRIES),
    st.just({"field": "country", "is": ""}),
    compared(st.just("role"), "field", st.sampled_from(list(map(str, Role)))),
    compared(st.just("time_zone"), "field", st.just("Europe/Brussels")),
    st.builds(
        lambda name, by, given: {"field": name, by: given}, PLAIN, st.sampled_from(["contains", "starts_with"]), TEXT
    ),
    st.builds(lambda by, given: {"field": "created_at", by: given}, st.sampled_from(["before", "after"]), DATES),
    compared(ATTRIBUTES, "attribute", SCALARS),
    st.builds(lambda n, by, v: {"attribute": n, by: v}, ATTRIBUTES, st.sampled_from(["contains", "starts_with"]), TEXT),
    st.builds(lambda n, by, v: {"attribute": n, by: v}, ATTRIBUTES, st.sampled_from(["over", "under"]), NUMBERS),
    st.builds(lambda name: {"list": name}, TEXT | st.just("")),
    st.builds(lambda name: {"topic": name}, TEXT),
    st.builds(lambda tag: {"language": tag}, LANGUAGES),
    st.builds(lambda code: {"country": code}, COUNTRIES),
    st.builds(lambda name, value: {name: value}, st.sampled_from(["received", "opened_in"]), VALUES),
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(lambda parts: {"all": parts}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda parts: {"any": parts}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda part: {"not": part}, inner),
    ),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(TREES)
def test_every_rule_is_read_back_as_it_was_written(tree: dict[str, Any]) -> None:
    rule = parse(tree)
    text = write(rule)
    again = parse(read(text))
    assert again == rule, text
    assert again.model_dump_json() == rule.model_dump_json(), "5 is not true, and not the text 5"
    assert write(again) == text
