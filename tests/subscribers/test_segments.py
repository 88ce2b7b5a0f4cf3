"""A segment describes the same people on both databases, and those that plain Python says."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from config.database import reading, transaction
from config.errors import Refused, Unknown
from subscribers import rules
from subscribers.consent import record
from subscribers.lists import create_list
from subscribers.models import Basis, Reason, Role, Segment, Standing, Subscriber
from subscribers.segments import count_segment, find_segment, members, save_segment
from subscribers.suppression import suppress
from tests.subscribers.people_for_tests import add

START = datetime(2026, 1, 1, tzinfo=UTC)
TEXTS = [
    "",
    "Radio Éclair",
    "RADIO éclair",
    "radio",
    "Straße",
    "STRASSE",
    "100%",
    "a_b",
    "back\\slash",
    "O'Neill",
    "İstanbul",
]
VALUES: list[Any] = [
    *(
        "yes",
        "YES",
        "12",
        "12.5",
        "-3",
        "007",
        "1e3",
        " 12",
        "12\n",
        "½",
        "١٢",
        "9999999999999999",
        "",
        "true",
        "null",
        "É",
    ),
    *(
        12,
        12.5,
        -3,
        0,
        10**20,
        1e-7,
        True,
        False,
        None,
        [],
        ["yes"],
        {"b": "yes"},
        {"b": {"c": 5}},
        "1.7976931348623157e309",
    ),
]
NAMES = ["beat", "Größe", "a", "a.b", "x y", "0"]


def population() -> list[dict[str, Any]]:
    chance = random.Random(7)
    return [
        {
            "email": f"P{number}@outlet{number % 5}.example",
            "first_name": chance.choice(TEXTS),
            "organisation": chance.choice(TEXTS),
            "languages": chance.choice([(), ("fr",), ("fr-BE", "nl"), ("frr",), ("en", "fr"), ("pt-BR",)]),
            "topics": chance.choice([(), ("copyright",), ("Copyright", "streaming"), ("copy",), ("é%_",)]),
            "country": chance.choice(["", "BE", "GB", "FR"]),
            "role": chance.choice(list(Role)),
            "attributes": {name: chance.choice(VALUES) for name in chance.sample(NAMES, chance.randint(0, 4))},
            "created_at": START + timedelta(hours=number),
        }
        for number in range(300)
    ]


def lower(text: str) -> str:
    return "".join(letter.lower() if letter.isascii() else letter for letter in text)


def attribute(person: dict[str, Any], path: str) -> Iterator[Any]:
    """What the whole name and the path lead to."""
    if path in person["attributes"]:
        yield person["attributes"][path]
    value: Any = person["attributes"]
    for key in path.split("."):
        if not isinstance(value, dict) or key not in value:
            return
        value = value[key]
    yield value


def number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value)
    plain = (
        isinstance(value, str)
        and value.isascii()
        and len(value) <= 16
        and value.lstrip("-").replace(".", "0").isdigit()
    )
    return float(value) if plain and len(value.replace("-", "").replace(".", "")) <= 15 else None


def equal(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, bool):
        return value is wanted or (isinstance(value, str) and lower(value) == str(wanted).lower())
    if isinstance(wanted, str):
        return isinstance(value, str) and lower(value) == lower(wanted)
    return number(value) is not None and number(value) == wanted


BELONGS = {f"P{n}@outlet{n % 5}.example" for n in range(0, 300, 3)}

# The rule, and what it means in plain Python.
RULES: list[tuple[dict[str, Any], Any]] = [
    ({"field": "country", "is": "BE"}, lambda p: p["country"] == "BE"),
    ({"field": "country", "is": "uk"}, lambda p: p["country"] == "GB"),
    ({"field": "country", "is": ""}, lambda p: p["country"] == ""),
    ({"field": "country", "in": ["UK", "fr"]}, lambda p: p["country"] in ("GB", "FR")),
    ({"field": "country", "is_not": "BE"}, lambda p: p["country"] != "BE"),
    ({"field": "role", "is": "journalist"}, lambda p: p["role"] == "journalist"),
    ({"country": "EL"}, lambda _: False),
    ({"country": "gb"}, lambda p: p["country"] == "GB"),
    ({"field": "email", "starts_with": "p1"}, lambda p: p["email"].startswith("P1")),
    ({"field": "first_name", "is": "RADIO Éclair"}, lambda p: lower(p["first_name"]) == "radio Éclair"),
    ({"field": "first_name", "contains": "É"}, lambda p: "É" in p["first_name"]),
    ({"field": "first_name", "contains": "%"}, lambda p: "%" in p["first_name"]),
    ({"field": "first_name", "contains": "_"}, lambda p: "_" in p["first_name"]),
    ({"field": "first_name", "contains": "\\"}, lambda p: "\\" in p["first_name"]),
    ({"field": "first_name", "contains": "'"}, lambda p: "'" in p["first_name"]),
    ({"field": "first_name", "is": "strasse"}, lambda p: p["first_name"] == "STRASSE"),
    ({"field": "first_name", "starts_with": "İ"}, lambda p: p["first_name"].startswith("İ")),
    ({"field": "first_name", "starts_with": "i"}, lambda _: False),
    ({"field": "organisation", "is_not": ""}, lambda p: p["organisation"] != ""),
    ({"field": "organisation", "in": ["100%", "A_B"]}, lambda p: p["organisation"] in ("100%", "a_b")),
    ({"language": "fr"}, lambda p: any(tag == "fr" or tag.startswith("fr-") for tag in p["languages"])),
    ({"language": "FR_be"}, lambda p: "fr-BE" in p["languages"]),
    ({"language": "pt"}, lambda p: "pt-BR" in p["languages"]),
    ({"topic": "copyright"}, lambda p: "copyright" in map(lower, p["topics"])),
    ({"topic": "copy"}, lambda p: "copy" in p["topics"]),
    ({"topic": "é%_"}, lambda p: "é%_" in p["topics"]),
    ({"field": "created_at", "before": "2026-01-03"}, lambda p: p["created_at"] < START + timedelta(days=2)),
    ({"field": "created_at", "after": "2026-01-03T02:00+02:00"}, lambda p: p["created_at"] > START + timedelta(days=2)),
    ({"list": "press"}, lambda p: p["email"] in BELONGS),
]
for name in [*NAMES, "a.b.c", "beat.0", "missing"]:
    for wanted in ("yes", "É", "12", "", "null", 12, 0, -3, 7, True, False):
        RULES += [
            ({"attribute": name, "is": wanted}, lambda p, n=name, w=wanted: any(equal(v, w) for v in attribute(p, n))),
            (
                {"attribute": name, "is_not": wanted},
                lambda p, n=name, w=wanted: not any(equal(v, w) for v in attribute(p, n)),
            ),
        ]
    RULES += [
        (
            {"attribute": name, "in": ["yes", 12, True]},
            lambda p, n=name: any(equal(v, w) for v in attribute(p, n) for w in ("yes", 12, True)),
        ),
        (
            {"attribute": name, "contains": "E"},
            lambda p, n=name: any(isinstance(v, str) and "e" in lower(v) for v in attribute(p, n)),
        ),
        (
            {"attribute": name, "starts_with": "12"},
            lambda p, n=name: any(isinstance(v, str) and v.startswith("12") for v in attribute(p, n)),
        ),
    ]
    for limit in (0, 12, 12.5, -3, 1e-8, 1e14):
        RULES += [
            (
                {"attribute": name, "over": limit},
                lambda p, n=name, x=limit: any((v := number(a)) is not None and v > x for a in attribute(p, n)),
            ),
            (
                {"attribute": name, "under": limit},
                lambda p, n=name, x=limit: any((v := number(a)) is not None and v < x for a in attribute(p, n)),
            ),
        ]


def put_in(session: Session) -> list[dict[str, Any]]:
    people = population()
    ids = {person["email"]: add(session, **person).id for person in people}
    press = create_list(session, "press", "Press")
    record(
        session,
        [ids[email] for email in BELONGS],
        to=press,
        standing=Standing.confirmed,
        basis=Basis.consent,
        source="x",
    )
    others = [ids[email] for email in sorted(set(ids) - BELONGS)]
    record(session, others[:50], to=press, standing=Standing.pending, basis=Basis.consent, source="x")
    record(session, others[50:], to=press, standing=Standing.unsubscribed, basis=Basis.consent, source="x")
    return people


def found(session: Session, rule: dict[str, Any]) -> set[str]:
    segment = Segment(name="x", rule=rule)
    return set(session.scalars(select(Subscriber.email).where(Subscriber.id.in_(members(session, segment)))))


def test_every_rule_means_on_both_databases_what_it_means_in_python(database: str) -> None:
    with transaction() as session:
        people = put_in(session)
    everybody = {person["email"] for person in people}
    met = 0
    with reading() as session:
        for rule, meaning in RULES:
            expected = {person["email"] for person in people if meaning(person)}
            assert found(session, rule) == expected, rule
            assert found(session, {"not": rule}) == everybody - expected, rule
            met += 0 < len(expected) < len(everybody)
    assert met > len(RULES) / 2  # most of them tell people apart


def test_trees_of_rules_are_the_same_people_as_sets(database: str) -> None:
    chance = random.Random(11)
    with transaction() as session:
        people = put_in(session)

    def grow(depth: int) -> tuple[dict[str, Any], Any]:
        kind = chance.choice(["rule", "all", "any", "not"]) if depth else "rule"
        if kind == "rule":
            return chance.choice(RULES)
        if kind == "not":
            rule, meaning = grow(depth - 1)
            return {"not": rule}, lambda p: not meaning(p)
        parts = [grow(depth - 1) for _ in range(chance.randint(1, 3))]
        together = all if kind == "all" else any
        return {kind: [rule for rule, _ in parts]}, lambda p: together(meaning(p) for _, meaning in parts)

    with reading() as session:
        for _ in range(80):
            rule, meaning = grow(3)
            assert found(session, rule) == {person["email"] for person in people if meaning(person)}, rule


def test_a_segment_is_saved_found_and_replaced(database: str) -> None:
    with transaction() as session:
        put_in(session)
        save_segment(session, "belgium", {"country": "FR"})
        save_segment(session, "belgium", {"country": "BE"})
    with reading() as session:
        assert find_segment(session, "belgium").rule == {"country": "BE"}
        assert count_segment(session, "belgium").matching == sum(p["country"] == "BE" for p in population())
        with pytest.raises(Unknown, match="did you mean 'belgium'"):
            find_segment(session, "belgum")


def test_a_count_says_how_many_mail_may_reach(database: str) -> None:
    with transaction() as session:
        put_in(session)
        save_segment(session, "everybody", {"field": "email", "contains": "@"})
        suppress(session, "P0@outlet0.example", Reason.complaint)
        suppress(session, "P3@outlet3.example", Reason.objection, "press")
        suppress(session, "P6@outlet1.example", Reason.objection, "members")
        counted = count_segment(session, "everybody")
        assert (counted.matching, counted.reachable) == (300, len(BELONGS) - 2)


def test_a_segment_that_cannot_be_resolved_is_not_saved(database: str) -> None:
    with transaction() as session:
        create_list(session, "press", "Press")
        with pytest.raises(Unknown, match="did you mean 'press'"):
            save_segment(session, "x", {"not": {"list": "pres"}})
        with pytest.raises(Refused, match="cannot be the name of a segment"):
            save_segment(session, "X Y", {"list": "press"})
        with pytest.raises(Refused, match="unknown rule"):
            save_segment(session, "x", {"lists": "press"})
        assert session.scalars(select(Segment)).all() == []


def test_the_upper_floor_adds_rules_of_its_own(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "_registry", {})

    def ends_with(session: Session, value: Any) -> ColumnElement[bool]:
        if not isinstance(value, str):
            raise Refused("ends_in takes a text")
        return Subscriber.email.endswith(value, autoescape=True)

    rules.register("ends_in", ends_with)
    with transaction() as session:
        put_in(session)
        assert len(found(session, {"all": [{"ends_in": "outlet1.example"}, {"not": {"list": "press"}}]})) == 40
        with pytest.raises(Refused, match="ends_in takes a text"):
            save_segment(session, "x", {"ends_in": 5})
        with pytest.raises(Refused, match="stands alone"):
            save_segment(session, "x", {"ends_in": "x", "colour": "BE"})
        with pytest.raises(Refused, match="did you mean 'ends_in'"):
            save_segment(session, "x", {"any": [{"endsin": "x"}]})
    with pytest.raises(ValueError, match="already"):
        rules.register("list", ends_with)
