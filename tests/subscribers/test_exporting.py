"""Export is the inverse of import, also for values that a spreadsheet would run."""

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from config.database import reading, transaction
from config.errors import Unknown
from subscribers import fields
from subscribers.columns import cell, column_for, plain
from subscribers.consent import record
from subscribers.exporting import export
from subscribers.importing import import_file
from subscribers.lists import create_list, find_list
from subscribers.models import Basis, ConsentEvent, Reason, Standing, Subscriber, Subscription
from subscribers.people import unsubscribe_address
from subscribers.sources.meanings import meanings_of
from subscribers.suppression import suppress
from tests.subscribers.people_for_tests import add


def exported(list_name: str | None = None) -> str:
    out = io.StringIO(newline="")
    export(out, list_name)
    return out.getvalue()


def everybody() -> list[tuple[Any, ...]]:
    with reading() as session:
        return [
            (person.email, person.attributes, *(getattr(person, name) for name in fields.FIELDS))
            for person in session.scalars(select(Subscriber).order_by(Subscriber.email_key))
        ]


@pytest.fixture
def press(database: str) -> str:
    with transaction() as session:
        return create_list(session, "press", "Press").name


WORD = st.text(st.characters(codec="utf-8", exclude_characters="\0;|,"), max_size=8).map(fields.one_line)
WILD = st.sampled_from(["=1+1", "+32 2 555", "-5", "@x", "'=x", "''-", "'", "\t", "a\r\nb", '"', ";", "|", ","])
LINE = (WORD | WILD).map(fields.one_line)
ATTRIBUTE = (
    (st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8) | WILD).map(str.strip).filter(bool)
)
NAME = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6) | st.sampled_from(
    ["email", "E-Mail", "attributes.", "attributes.x", "reason", "first name", " x ", "a.b"]
)
NOTHING = {
    **dict.fromkeys(("first_name", "last_name", "organisation", "country", "time_zone"), ""),
    **dict.fromkeys(("languages", "topics"), ()),
    "role": "other",
}
PERSON = st.fixed_dictionaries(
    {
        "first_name": LINE,
        "last_name": LINE,
        "organisation": LINE,
        "languages": st.lists(st.sampled_from(["fr", "en", "pt-BR"]), unique=True).map(tuple),
        "topics": st.lists((WORD | st.sampled_from(["=x", "'-"])).filter(bool), unique=True, max_size=3).map(tuple),
        "country": st.sampled_from(["", "BE"]),
        "time_zone": st.sampled_from(["", "Europe/Brussels"]),
        "role": st.sampled_from(["other", "journalist"]),
        "attributes": st.dictionaries(NAME.map(str.strip).filter(bool), ATTRIBUTE, max_size=3),
    }
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(PERSON, max_size=4))
@example([{**NOTHING, "attributes": {"@": "0", "MAIL": "0"}}])  # a header in which an address seems to stand
def test_what_goes_out_comes_in_again(press: str, tmp_path: Path, people: list[dict[str, Any]]) -> None:
    path = tmp_path / "people.csv"
    with transaction() as session:
        for table in (ConsentEvent, Subscription, Subscriber):
            session.execute(delete(table))
        ids = [add(session, f"p{number}@é{number}.example", **person).id for number, person in enumerate(people)]
        record(session, ids, to=find_list(session, press), standing=Standing.confirmed, basis=Basis.consent, source="x")
    before = everybody()
    path.write_text(exported(press), encoding="utf-8", newline="")
    assert exported() == exported(press)
    counts = import_file(path, press, Basis.consent, "sheet")
    assert (counts["read"], counts["unchanged"]) == (len(people), len(people))
    with transaction() as session:
        for table in (ConsentEvent, Subscription, Subscriber):
            session.execute(delete(table))
    counts = import_file(path, press, Basis.consent, "sheet")
    assert (counts["read"], counts["created"]) == (len(people), len(people))
    assert everybody() == before


@pytest.mark.parametrize("formula", ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "'=x", "''=x"])
def test_a_formula_is_made_text_and_back(formula: str) -> None:
    assert cell(formula) == f"'{formula}"
    assert plain(cell(formula)) == formula


@given(st.text(max_size=5) | st.text("'=+-@ax", max_size=5))
def test_no_cell_is_a_formula_and_none_is_lost(text: str) -> None:
    assert not cell(text).startswith(("=", "+", "-", "@", "\t", "\r"))
    assert plain(cell(text)) == text


@given(NAME.map(str.strip).filter(bool))
def test_an_attributes_column_means_the_attribute(name: str) -> None:
    (_, meaning) = meanings_of(["email", column_for(name)], {}, None, "people.csv")
    assert (meaning.becomes, meaning.status) == (f"attributes.{name}", "")


def test_of_a_list_those_go_out_who_may_get_its_mail(database: str) -> None:
    with transaction() as session:
        press = create_list(session, "press", "Press")
        names = ["on", "left", "asked", "suppressed", "elsewhere", "never"]
        ids = {name: add(session, f"{name}@example.org", attributes={name: "x"}).id for name in names}
        record(
            session,
            [ids[name] for name in names[:5] if name != "asked"],
            to=press,
            standing=Standing.confirmed,
            basis=Basis.consent,
            source="x",
        )
        record(session, [ids["asked"]], to=press, standing=Standing.pending, basis=Basis.consent, source="x")
        unsubscribe_address(session, "left@example.org", source="phone")
        suppress(session, "suppressed@example.org", Reason.complaint)
        suppress(session, "elsewhere@example.org", Reason.objection, "members")
    rows = list(csv.DictReader(io.StringIO(exported("press"), newline="")))
    assert [row["email"] for row in rows] == ["on@example.org", "elsewhere@example.org"]
    assert set(rows[0]) == {"email", *fields.FIELDS, "on", "elsewhere"}
    assert len(list(csv.DictReader(io.StringIO(exported(), newline="")))) == 6
    with pytest.raises(Unknown, match="did you mean 'press'"):
        exported("pres")


def test_the_header_is_the_one_that_import_knows(database: str) -> None:
    header = "email,first_name,last_name,languages,country,time_zone,role,organisation,topics"
    assert exported() == f"{header}\r\n"
