from threading import Barrier, Thread

import pytest
from sqlalchemy import select

from config.database import reading, transaction
from config.errors import Refused, Unknown
from subscribers.consent import record
from subscribers.lists import create_list, find_list, list_lists, set_title, title_in
from subscribers.models import Basis, Organisation, Standing
from subscribers.organisation import default_organisation
from tests.subscribers.people_for_tests import add


def test_a_list_is_made_once_and_found_by_its_name(database: str) -> None:
    with transaction() as session:
        made = create_list(session, "press", "  Press\nroom ", "press")
        assert made.titles == {"default": "Press room"}
        assert made.organisation_id == default_organisation(session).id
    with transaction() as session:
        assert find_list(session, "press").id == made.id
        with pytest.raises(Refused, match="already"):
            create_list(session, "press", "Again")
        with pytest.raises(Unknown, match="did you mean 'press'"):
            find_list(session, "pres")


@pytest.mark.parametrize("name", ["", "Press", "press room", "-press", "press-", "pr\u00e9ss", "a" * 65, "press\n"])
def test_a_name_that_could_not_stand_in_a_command_is_refused(database: str, name: str) -> None:
    with transaction() as session, pytest.raises(Refused, match="cannot be the name of a list"):
        create_list(session, name, "Title")


def test_a_list_needs_a_title(database: str) -> None:
    with transaction() as session, pytest.raises(Refused, match="title"):
        create_list(session, "press", " \n")


def test_the_title_is_the_readers_language_nearest(database: str) -> None:
    with transaction() as session:
        create_list(session, "press", "Press")
        set_title(session, "press", "fr", "Presse")
        set_title(session, "press", "pt_br", "Imprensa")
    with reading() as session:
        found = find_list(session, "press")
        titles = {tag: title_in(found, tag) for tag in ("fr", "fr-BE", "pt-BR", "pt", "de", "")}
    assert titles == {
        "fr": "Presse",
        "fr-BE": "Presse",
        "pt-BR": "Imprensa",
        "pt": "Press",
        "de": "Press",
        "": "Press",
    }


def test_lists_are_counted_by_standing(database: str) -> None:
    with transaction() as session:
        press = create_list(session, "press", "Press")
        create_list(session, "empty", "Empty", "members")
        ids = [add(session, f"p{number}@example.org").id for number in range(6)]
        for standing, some in (
            (Standing.confirmed, ids[:3]),
            (Standing.pending, ids[3:5]),
            (Standing.unsubscribed, ids[5:]),
        ):
            record(session, some, to=press, standing=standing, basis=Basis.consent, source="test")
    with reading() as session:
        empty, counted = list_lists(session)
        assert (empty.name, empty.purpose, empty.confirmed) == ("empty", "members", 0)
        assert (counted.confirmed, counted.pending, counted.unsubscribed) == (3, 2, 1)
        assert list_lists(session, "press") == [counted]


def test_two_processes_that_need_the_first_organisation_make_one(database: str) -> None:
    together = Barrier(4)
    found: list[int] = []

    def need() -> None:
        together.wait()
        with transaction() as session:
            found.append(default_organisation(session).id)

    threads = [Thread(target=need) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with reading() as session:
        assert len(set(found)) == 1 and len(found) == 4
        assert len(session.scalars(select(Organisation)).all()) == 1
