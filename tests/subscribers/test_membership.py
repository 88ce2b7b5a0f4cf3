"""Who is on a list, since when and why; and lists that are taken out of use."""

import pytest

from config.database import reading, transaction
from config.errors import Refused, Unknown
from subscribers.addresses import normalise
from subscribers.columns import Person
from subscribers.consent import confirm, record, unsubscribe
from subscribers.lists import archive, create_list, find_list, list_lists, set_owner
from subscribers.membership import OnList, people_on
from subscribers.models import Basis, Standing, Subscriber
from subscribers.storing import store
from tests.subscribers.people_for_tests import add


@pytest.fixture
def press(database: str) -> dict[str, Subscriber]:
    with transaction() as session:
        on = create_list(session, "press", "Press", owner="Zoë,  press desk")
        people = {name: add(session, f"{name}@example.org", first_name=name.title()) for name in ("ada", "bo", "cy")}
        for name in ("ada", "bo"):
            record(
                session,
                [people[name].id],
                to=on,
                standing=Standing.confirmed,
                basis=Basis.membership,
                source="CRM",
                wording="as a member",
                imported=True,
            )
        confirm(session, people["ada"], on, basis=Basis.consent, source="form", wording="Yes, write to me")
        unsubscribe(session, public_id=people["bo"].public_id, list_id=on.id, source="link")
        return people


def on_it(name: str, standing: Standing | None = None) -> list[OnList]:
    with reading() as session:
        return list(people_on(session, name, standing))


def test_each_is_told_with_the_event_that_put_them_there(press: dict[str, Subscriber]) -> None:
    ada, bo = on_it("press")
    assert (ada["email"], ada["first_name"], ada["standing"]) == ("ada@example.org", "Ada", "confirmed")
    assert (ada["basis"], ada["source"], ada["wording"]) == ("consent", "form", "Yes, write to me")
    assert (bo["email"], bo["standing"], bo["basis"], bo["source"]) == (
        "bo@example.org",
        "unsubscribed",
        "membership",
        "link",
    )
    assert ada["since"] < bo["since"]
    assert on_it("press", Standing.unsubscribed) == [bo]
    with reading() as session, pytest.raises(Unknown, match="did you mean 'press'"):
        list(people_on(session, "prss"))


def test_an_archived_list_takes_nobody_but_lets_everybody_go(press: dict[str, Subscriber]) -> None:
    with transaction() as session:
        assert archive(session, "press")
        assert not archive(session, "press")
    with transaction() as session:
        cy, on = Person(normalise("cy@example.org"), {}, {}), find_list(session, "press")
        with pytest.raises(Refused, match="broadside list unarchive press"):
            store(session, {cy.address.key: cy}, on, basis=Basis.consent, source="x", wording="")
    with transaction() as session:
        public_id = press["ada"].public_id
        assert unsubscribe(session, public_id=public_id, list_id=find_list(session, "press").id, source="link")
    assert [one["standing"] for one in on_it("press")] == ["unsubscribed", "unsubscribed"]
    with transaction() as session:
        [counted] = list_lists(session)
        assert counted.archived_at is not None and counted.unsubscribed == 2
        assert archive(session, "press", archived=False)
        assert list_lists(session)[0].archived_at is None


def test_a_list_has_an_owner(press: dict[str, Subscriber]) -> None:
    with transaction() as session:
        assert list_lists(session)[0].owner == "Zoë, press desk"
        set_owner(session, "press", "")
        assert list_lists(session)[0].owner == ""
