"""What the staff asks and does about one person."""

import json

import pytest

from config.database import reading, transaction
from config.errors import Refused, Unknown
from subscribers.consent import confirm
from subscribers.history import show
from subscribers.lists import create_list, find_list
from subscribers.models import Basis, Reason
from subscribers.people import suppress_address, unsubscribe_address
from tests.subscribers.people_for_tests import add


@pytest.fixture
def jane(database: str) -> str:
    with transaction() as session:
        person = add(session, "Jane@example.org", first_name="Jane", languages=("fr", "en"), attributes={"beat": "x"})
        for name in ("press", "members"):
            on = create_list(session, name, name, name)
            confirm(session, person, on, basis=Basis.consent, source="form", wording="Yes")
    return "jane@EXAMPLE.org"


def test_everything_about_a_person_is_shown(jane: str) -> None:
    with transaction() as session:
        unsubscribe_address(session, jane, "press", source="phone")
        suppress_address(session, jane, Reason.complaint, source="relay")
    with reading() as session:
        told = json.loads(json.dumps(show(session, jane)))
    assert (told["email"], told["first_name"], told["languages"]) == ("Jane@example.org", "Jane", ["fr", "en"])
    assert (told["role"], told["topics"], told["attributes"]) == ("other", [], {"beat": "x"})
    members, press = told["subscriptions"]
    assert (members["list"], members["standing"], members["basis"]) == ("members", "confirmed", "consent")
    assert (press["list"], press["standing"]) == ("press", "unsubscribed")
    assert [(event["standing"], event["source"]) for event in press["events"]] == [
        ("confirmed", "form"),
        ("unsubscribed", "phone"),
    ]
    assert press["events"][0]["wording"] == "Yes" and press["events"][1]["at"] == press["since"]
    (held,) = told["suppressions"]
    assert (held["scope"], held["reason"], held["source"]) == ("", "complaint", "relay")


def test_an_address_that_is_not_there(jane: str) -> None:
    with transaction() as session:
        with pytest.raises(Unknown, match=r"did you mean 'Jane@example\.org'"):
            show(session, "jan@example.org")
        with pytest.raises(Refused, match=r"no subscriber has the address zed@example\.org"):
            show(session, "zed@example.org")
        suppress_address(session, "zed@example.org", source="letter")
        told = show(session, "zed@example.org")
        assert told["suppressions"][0]["reason"] == "objection" and "first_name" not in told


def test_leaving_by_address(jane: str) -> None:
    with transaction() as session:
        create_list(session, "other", "Other")
        assert unsubscribe_address(session, jane, "press", source="phone") == ["press"]
        assert unsubscribe_address(session, jane, "press", source="phone") == []
        assert unsubscribe_address(session, jane, source="phone") == ["members"]
        assert unsubscribe_address(session, jane, source="phone") == []
        with pytest.raises(Unknown, match="did you mean 'press'"):
            unsubscribe_address(session, jane, "pres", source="phone")
        standings = {held["list"]: held["standing"] for held in show(session, jane)["subscriptions"]}
        assert standings == {"press": "unsubscribed", "members": "unsubscribed"}
        assert find_list(session, "other")


def test_a_purpose_must_exist(jane: str) -> None:
    with transaction() as session:
        suppress_address(session, jane, purpose="members", source="letter")
        with pytest.raises(Unknown, match="no purpose named 'member'; did you mean 'members'"):
            suppress_address(session, jane, purpose="member", source="letter")
        assert [held["scope"] for held in show(session, jane)["suppressions"]] == ["members"]
