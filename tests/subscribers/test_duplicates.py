"""Who may be there twice: each reason with people that have it, and with some that must not."""

from typing import Any

import pytest

from config.database import reading, transaction
from subscribers.consent import confirm
from subscribers.duplicates import Found, duplicates
from subscribers.lists import create_list
from subscribers.merging import merge, unmerge
from subscribers.misspelling import misspelt
from subscribers.models import Basis, Reason
from subscribers.suppression import suppress
from tests.subscribers.people_for_tests import add

Row = tuple[str, str, str, str, str]
"""Address, first name, last name, outlet, country."""


def found(*rows: Row, bounced: tuple[str, ...] = ()) -> Found:
    with transaction() as session:
        for email, first, last, outlet, country in rows:
            values: dict[str, Any] = {
                "first_name": first,
                "last_name": last,
                "organisation": outlet,
                "country": country,
            }
            add(session, email, **values)
        for email in bounced:
            suppress(session, email, Reason.hard_bounce)
    with reading() as session:
        return duplicates(session)


@pytest.mark.parametrize(
    ("one", "two", "reason"),
    [
        (("a@x.example", "Zoë", "O\u2019Brien", "Radio Éclair", ""), ("b@y.example", "ZOE", "O'Brien", "radio eclair", ""), "same name and outlet"),
        (("a@x.example", "Zoë", "Brien", "Le Soir", ""), ("b@y.example", "Brien", "Zoe", "le soir", ""), "same name and outlet"),
        (("zoe.b@gmail.com", "", "", "", ""), ("zoe.b@gmial.com", "", "", "", ""), "gmial.com looks like gmail.com"),
        (("zoe@outlook.com", "", "", "", ""), ("zoe@outlook.con", "", "", "", ""), "outlook.con looks like outlook.com"),
        (("zoe.b+news@gmail.com", "", "", "", ""), ("zoeb@googlemail.com", "", "", "", ""), "one mailbox"),
        (("zoe@x.example", "Zoë", "Brien", "Old", ""), ("zoe@y.example", "Zoe", "Brien", "New", ""), "same name, also before the @"),
        (("a@x.example", "Zoë", "Brien", "Le Soir", ""), ("b@y.example", "Zoe", "Brien", "Le Soir.", ""), "same name and outlet"),
        (("a@x.example", "Zoë", "Brien", "Radio Eclair Paris", ""), ("b@y.example", "Zoe", "Brien", "Radio Eclair Pari", ""), "nearly the same outlet"),
        (("a@x.example", "Katherine", "Brien", "Le Soir", ""), ("b@y.example", "Katharine", "Brien", "Le Soir", ""), "nearly the same name"),
        (("a@x.example", "Zoë", "Brien", "Old", "BE"), ("b@y.example", "Zoe", "Brien", "New", "BE"), "same name and country"),
    ],
)  # fmt: skip
def test_a_reason_is_found(environment: None, one: Row, two: Row, reason: str) -> None:
    ready()
    [suggested] = found(one, two).duplicates
    assert {suggested.keep, suggested.other} == {one[0], two[0]}
    assert any(reason in said for said in suggested.reasons), suggested


def ready() -> None:
    from config.migrate import upgrade

    upgrade()


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (("info@labela.example", "", "", "", ""), ("info@labelb.example", "", "", "", "")),
        (("zoe@yahoo.fr", "", "", "", ""), ("zoe@yahoo.de", "", "", "", "")),
        (("zoe@mail.com", "", "", "", ""), ("zoe@gmail.com", "", "", "", "")),
        (("a@x.example", "Zoë", "", "Le Soir", ""), ("b@x.example", "Zoë", "", "Le Soir", "")),
        (("a@x.example", "Zoë", "Brien", "Old", "BE"), ("b@y.example", "Zoe", "Brien", "New", "FR")),
        (("press@x.example", "Ann", "Lee", "Old", "BE"), ("press@y.example", "Ann", "Leeds", "New", "BE")),
        (("a@x.example", "Anna", "Lee", "Le Soir", ""), ("b@x.example", "John", "Lee", "Le Soir", "")),
    ],
)
def test_those_who_are_two_are_left_alone(environment: None, one: Row, two: Row) -> None:
    ready()
    assert found(one, two).duplicates == []


def test_the_one_to_keep_is_the_one_that_mail_reaches(database: str) -> None:
    old: Row = ("zoe@old.example", "Zoë", "Brien", "Old", "")
    new: Row = ("zoe@new.example", "Zoë", "Brien", "New", "")
    [suggested] = found(new, old, bounced=("zoe@old.example",)).duplicates
    assert (suggested.keep, suggested.other) == ("zoe@new.example", "zoe@old.example")
    assert suggested.reasons == ("same name, also before the @", "same name, and mail to zoe@old.example bounced")
    with transaction() as session:
        merge(session, "zoe@new.example", "zoe@old.example", source="x")
        assert duplicates(session).duplicates == []
        unmerge(session, "zoe@old.example")
        assert duplicates(session).duplicates == [], "somebody has said that they are two"


def test_who_is_confirmed_is_kept_before_who_is_new(database: str) -> None:
    with transaction() as session:
        on = create_list(session, "press", "Press")
        confirm(session, add(session, "zoe+a@x.example"), on, basis=Basis.consent, source="x")
        add(session, "zoe@x.example")
        [suggested] = duplicates(session).duplicates
        assert suggested.keep == "zoe+a@x.example"


def test_a_misspelt_address_without_a_twin_is_told_alone(database: str) -> None:
    told = found(("zoe@gmial.com", "Zoë", "", "", ""))
    assert told.duplicates == []
    assert [(one.email, one.meant) for one in told.misspelt] == [("zoe@gmial.com", "zoe@gmail.com")]


def test_what_is_usual_depends_on_who_is_there() -> None:
    assert misspelt({"radio-eclair.example": 40, "radio-eclar.example": 1}) == {
        "radio-eclar.example": "radio-eclair.example"
    }
    assert misspelt({"radio-eclair.example": 40, "radio-eclar.example": 9}) == {}
    assert misspelt({"gmx.de": 3, "gmx.com": 2, "yahoo.pl": 1, "hotmial.co.uk": 1}) == {
        "hotmial.co.uk": "hotmail.co.uk"
    }
