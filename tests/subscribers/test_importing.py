"""Import: who is created, changed, kept out, rejected; and that running it again changes nothing."""

import csv
from collections import Counter
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, text

from config.bulk import on_sqlite
from config.database import reading, transaction
from config.errors import Refused, Unknown
from subscribers import chunks, importing
from subscribers.addresses import normalise
from subscribers.chunks import rejected_path
from subscribers.consent import unsubscribe
from subscribers.importing import Counts, import_file, import_people
from subscribers.lists import create_list, find_list
from subscribers.models import Basis, ConsentEvent, Reason, Standing, Subscriber, Subscription
from subscribers.sources.opening import open_people
from subscribers.suppression import suppress

HEADER = "email,first_name,last_name,languages,country,time_zone,role,organisation,topics,beat\n"
JANE = "jane@example.org,Jane,Doe,fr;en,BE,Europe/Brussels,journalist,Le Journal,copyright|streaming,culture\n"
JOE = "joe@example.org,Joe,Roe,,,,,,,\n"


@pytest.fixture
def file(database: str, tmp_path: Path) -> Path:
    with transaction() as session:
        create_list(session, "press", "Press")
        create_list(session, "members", "Members", "members")
    return tmp_path / "people.csv"


def take(path: Path, content: str | None = None, to: str = "press", **options: Any) -> dict[str, int]:
    """Import, and what is not zero of the counts."""
    if content is not None:
        path.write_text(content)
    counts = import_file(path, to, options.pop("basis", Basis.consent), "sheet", **options)
    assert set(counts) == Counts.__required_keys__
    return {name: number for name, number in counts.items() if number}


def person(email: str) -> Subscriber:
    with reading() as session:
        return session.scalars(select(Subscriber).where(Subscriber.email_key == normalise(email).key)).one()


def everything() -> list[tuple[Any, ...]]:
    with reading() as session:
        rows = session.execute(
            select(Subscriber.__table__, func.count(ConsentEvent.id))
            .outerjoin(ConsentEvent, ConsentEvent.subscriber_id == Subscriber.id)
            .group_by(Subscriber.id)
            .order_by(Subscriber.email_key)
        )
        return [tuple(str(value) for value in row) for row in rows]


def rejects(path: Path, delimiter: str = ",") -> list[dict[str, str]]:
    with rejected_path(path).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter=delimiter))


def test_every_column_arrives(file: Path) -> None:
    assert take(file, HEADER + JANE, wording="I agree") == {"read": 1, "created": 1}
    jane = person("jane@example.org")
    assert (jane.first_name, jane.last_name, jane.languages) == ("Jane", "Doe", ("fr", "en"))
    assert (jane.country, jane.time_zone, jane.role) == ("BE", "Europe/Brussels", "journalist")
    assert (jane.organisation, jane.topics) == ("Le Journal", ("copyright", "streaming"))
    assert jane.attributes == {"beat": "culture"}
    assert len(jane.public_id) == 20
    with reading() as session:
        (event,) = session.scalars(select(ConsentEvent))
        assert (event.subscriber_id, event.standing, event.basis) == (jane.id, "confirmed", "consent")
        assert (event.source, event.wording, event.purpose) == ("sheet", "I agree", "press")
        assert session.get_one(Subscription, (jane.id, event.list_id)).standing == Standing.confirmed


def test_a_person_of_whom_only_the_address_is_known(file: Path) -> None:
    take(file, "email\njoe@example.org\n", basis=Basis.legitimate_interest)
    joe = person("joe@example.org")
    assert (joe.first_name, joe.languages, joe.topics, joe.role) == ("", (), (), "other")
    assert joe.attributes == {}
    with reading() as session:
        assert session.scalars(select(Subscription.basis)).one() == "legitimate-interest"


def test_running_it_again_changes_nothing(file: Path) -> None:
    assert take(file, HEADER + JANE + JOE) == {"read": 2, "created": 2}
    before = everything()
    assert take(file) == {"read": 2, "unchanged": 2}
    assert everything() == before


def test_another_file_adds_to_what_is_known(file: Path) -> None:
    take(file, HEADER + JANE + JOE)
    changed = "email,last_name,languages,beat,desk\nJANE@Example.org,Smith,,,Brussels\njoe@example.org,Roe,,,\n"
    assert take(file, changed) == {"read": 2, "updated": 1, "unchanged": 1}
    jane = person("jane@example.org")
    assert (jane.email, jane.first_name, jane.last_name, jane.languages) == (
        "jane@example.org",
        "Jane",
        "Smith",
        ("fr", "en"),
    )
    assert jane.attributes == {"beat": "culture", "desk": "Brussels"}


def test_a_second_list_is_an_update_with_an_event(file: Path) -> None:
    take(file, HEADER + JANE)
    assert take(file, to="members", basis=Basis.membership) == {"read": 1, "updated": 1}
    with reading() as session:
        bases = session.scalars(select(ConsentEvent.basis).order_by(ConsentEvent.id))
        assert list(bases) == ["consent", "membership"]


def test_who_left_or_is_suppressed_stays_out_untouched(file: Path) -> None:
    ann = "ann@example.org,Ann,,,,,,,,\n"
    take(file, HEADER + JANE + JOE + ann)
    with transaction() as session:
        press = find_list(session, "press").id
        unsubscribe(session, public_id=person("jane@example.org").public_id, list_id=press, source="link")
        suppress(session, "joe@example.org", Reason.hard_bounce)
        suppress(session, "new@example.org", Reason.erasure)
        suppress(session, "ann@example.org", Reason.objection, "members")
    before = everything()
    changed = "email,last_name\njane@example.org,X\njoe@example.org,X\nNew@example.org,X\nann@example.org,Lee\n"
    assert take(file, changed) == {"read": 4, "kept_out": 3, "updated": 1}
    after = everything()
    assert [row for row in after if row in before] == before[1:]
    assert len(after) == 3
    assert take(file, to="members") == {"read": 4, "kept_out": 3, "updated": 1}  # jane may be a member all the same
    with reading() as session:
        standings = session.execute(
            select(Subscriber.email, Subscription.list_id, Subscription.standing).join(
                Subscription, Subscription.subscriber_id == Subscriber.id
            )
        )
        assert Counter(standing for _, _, standing in standings) == {"confirmed": 3, "unsubscribed": 1}


def test_two_rows_are_one_person_and_the_later_word_counts(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "CHUNK", 2)  # so that the rows of one person are far apart
    rows = "".join(f"p{number}@example.org,,,\n" for number in range(7))
    content = f"email,first_name,last_name,beat\nJane@example.org,Jane,Doe,culture\n{rows}jane@EXAMPLE.org,,Smith,\njane@example.org,Jane M.,,music\n"
    assert take(file, content) == {"read": 10, "created": 8}
    jane = person("jane@example.org")
    assert (jane.first_name, jane.last_name, jane.attributes) == ("Jane M.", "Smith", {"beat": "music"})
    before = everything()
    assert take(file) == {"read": 10, "unchanged": 8}
    assert everything() == before


def test_whoever_is_taken_for_repeated_and_is_not_waits_but_is_not_lost(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks, "CHUNK", 2)
    monkeypatch.setattr(chunks.Met, "again", lambda _met, key: not key.startswith("p3"))
    content = "email\n" + "".join(f"p{number}@example.org\n" for number in range(7))
    assert take(file, content) == {"read": 7, "created": 7}


def test_in_a_small_file_nobody_is_taken_for_repeated_by_chance(file: Path) -> None:
    file.write_bytes(bytes(200))
    for day in range(50):
        keys = [f"p{number}@day{day}.example" for number in range(10)]
        met = chunks.Met(file)
        for key in [*keys, keys[3]]:
            met.meet(key)
        assert [key for key in keys if met.again(key)] == [keys[3]]


def test_rejected_rows_lie_beside_the_file_with_their_reason_and_go_in_once_corrected(file: Path) -> None:
    content = (
        "email;first_name;languages;country;time_zone;role\n"
        "jane@example.org;Jané;fr;BE;;\n"
        "nonsense;A;fr;BE;;\n"
        ";B;;;;\n"
        "c@example.org;C;klingon;Ruritania;Mars/Olympus;jurnalist\n"
        "d@example.org;D;;;;;and more\n"
        "e@example.org;E\n"
    )
    assert take(file, content) == {"read": 6, "created": 2, "rejected": 4}
    first, second, third, fourth = rejects(file, ";")
    assert first["email"] == "nonsense" and "must have an @-sign" in first["reason"]
    assert second["reason"] == "the address is empty"
    for part in (
        "languages: 'klingon' is not a language",
        "country: 'Ruritania'",
        "time_zone: 'Mars/Olympus'",
        "role: 'jurnalist'",
    ):
        assert part in third["reason"]
    assert third["languages"] == "klingon"
    assert "no column is named for the value 'and more'" in fourth["reason"]
    wrong = rejected_path(file)
    wrong.write_text(wrong.read_text().replace("klingon;Ruritania;Mars/Olympus;jurnalist", "fr;BE;;journalist"))
    assert take(wrong) == {"read": 4, "created": 2, "rejected": 2}
    assert person("c@example.org").attributes == {}
    take(file, "email\njane@example.org\n")
    assert not wrong.exists()


def test_columns_are_mapped_by_hand(file: Path) -> None:
    content = "Courriel\tPrénom\tRubrique\tNotes\tLangues\njane@example.org\tJane\tculture\tsecret\tfr|en\n"
    mapping = {
        "Courriel": "email",
        "Prénom": "first_name",
        "Rubrique": "attributes.beat",
        "Notes": "",
        "Langues": "languages",
    }
    assert take(file, content, mapping=mapping) == {"read": 1, "created": 1}
    jane = person("jane@example.org")
    assert (jane.first_name, jane.languages, jane.attributes) == ("Jane", ("fr", "en"), {"beat": "culture"})


@pytest.mark.parametrize(
    ("content", "mapping", "kind", "said"),
    [
        ("Kanal,x\n", {}, Refused, "no column is named email; there are: Kanal, x"),
        ("email,x\n", {"y": "first_name"}, Unknown, "no column in people.csv named 'y'"),
        ("email,x\n", {"x": "firstname"}, Unknown, "did you mean 'first_name'"),
        ("email,E-Mail\n", {}, Refused, "the columns 'email' and 'E-Mail' would both be email"),
        ("email,beat,beat\n", {}, Refused, "two columns are named 'beat'"),
        ("email,beat,attributes.beat\n", {}, Refused, "would both be attributes.beat"),
    ],
)
def test_columns_that_make_no_sense_are_refused(
    file: Path, content: str, mapping: dict[str, str], kind: type[Exception], said: str
) -> None:
    with pytest.raises(kind, match=said):
        take(file, content, mapping=mapping)


def test_an_unknown_list_or_no_source_is_refused_before_anything_is_read(file: Path) -> None:
    with pytest.raises(Unknown, match="did you mean 'press'"):
        take(file, to="pres")
    with pytest.raises(Refused, match="where these people come from"):
        import_file(file, "press", Basis.consent, "  ")


def test_a_file_that_is_broken_at_its_end_puts_nobody_on_the_list(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "CHUNK", 2)
    with pytest.raises(Refused, match="line 7"):
        take(file, "email\n" + "".join(f"p{number}@example.org\n" for number in range(5)) + '"broken')
    assert everything() == []


def test_an_import_that_was_broken_off_is_finished_by_the_next(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "CHUNK", 2)

    def stop(done: int, total: int) -> None:
        assert total == 7
        if done == 4:
            raise KeyboardInterrupt

    content = "email\n" + "".join(f"p{number}@example.org\n" for number in range(7))
    with pytest.raises(KeyboardInterrupt):
        take(file, content, progress=stop)
    there = len(everything())
    with reading() as session:
        assert there == (4 if on_sqlite(session) else 6)  # what is being written is written to its end
    assert take(file) == {"read": 7, "created": 7 - there, "unchanged": there}


def test_progress_ends_at_the_total(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "CHUNK", 2)
    seen: list[tuple[int, int]] = []
    take(file, HEADER + JANE + JOE + "x,,,,,,,,,\n", progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (3, 3) and seen == sorted(seen)


def test_of_a_large_import_the_planner_knows_at_once(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def reckoned_with() -> list[float]:
        with reading() as session:
            if on_sqlite(session):
                return []  # it keeps no such number, and is not asked to
            sizes = "SELECT reltuples FROM pg_class WHERE relname IN ('subscriber', 'subscription')"
            return list(session.scalars(text(sizes)))

    unknown = reckoned_with()
    take(file, "email\n" + "".join(f"p{number}@example.org\n" for number in range(6)))
    assert reckoned_with() == unknown  # of a small one it hears in its own time
    monkeypatch.setattr(importing, "LARGE", 7)
    file.write_text("email\n" + "".join(f"p{number}@example.org\n" for number in range(7)))
    import_people(open_people(file), "press", Basis.consent, "sheet", dry_run=True)
    assert reckoned_with() == unknown
    assert take(file) == {"read": 7, "created": 1, "unchanged": 6}
    assert reckoned_with() == ([7, 7] if unknown else [])


def test_a_cell_cannot_be_more_than_a_text(file: Path) -> None:
    content = (
        'email,first_name,organisation,notes\njane@example.org,"Jane\r\nBcc: x@example.org",{{ 1 + 1 }},"<b>\nkept"\n'
    )
    take(file, content)
    jane = person("jane@example.org")
    assert jane.first_name == "Jane Bcc: x@example.org"
    assert jane.organisation == "{{ 1 + 1 }}"
    assert jane.attributes == {"notes": "<b>\nkept"}


def test_what_a_copy_of_many_rows_could_take_for_its_own_signs_arrives(file: Path) -> None:
    awkward = '\\N,"a\tb",\\.,"one\n\\.\ntwo"'
    content = f"email,organisation,topics,first_name,notes\njane@example.org,{awkward}\njoe@example.org,,,,\n"
    assert take(file, content, wording="I agree\n\\.\n\\N\tto this") == {"read": 2, "created": 2}
    jane = person("jane@example.org")
    assert (jane.organisation, jane.topics, jane.first_name) == ("\\N", ("a b",), "\\.")
    assert jane.attributes == {"notes": "one\n\\.\ntwo"}
    with reading() as session:
        assert set(session.scalars(select(ConsentEvent.wording))) == {"I agree\n\\.\n\\N\tto this"}


def test_an_attribute_that_is_no_text_survives_its_own_export(file: Path) -> None:
    take(file, HEADER + JANE)
    with transaction() as session:
        session.get_one(Subscriber, person("jane@example.org").id).attributes = {
            "n": 12,
            "deep": {"a": [1, None]},
            "on": True,
        }
    content = 'email,n,deep,on\njane@example.org,12,"{""a"": [1, null]}",true\n'
    assert take(file, content) == {"read": 1, "unchanged": 1}
    assert take(file, "email,n\njane@example.org,13\n") == {"read": 1, "updated": 1}
    assert person("jane@example.org").attributes["n"] == "13"


def test_imports_at_the_same_time_agree(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "CHUNK", 20)
    rows = [f"p{number}@example.org,First{number}\n" for number in range(100)]
    together = Barrier(3)
    counts: Counter[str] = Counter()
    paths = [file.with_name(f"people{number}.csv") for number in range(3)]
    for number, path in enumerate(paths):
        path.write_text("email,first_name\n" + "".join(rows[number:] + rows[:number]))

    def run(path: Path) -> None:
        together.wait()
        counts.update(take(path))

    threads = [Thread(target=run, args=[path]) for path in paths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == {"read": 300, "created": 100, "unchanged": 200}
    with reading() as session:
        for table in (Subscriber.id, Subscription.subscriber_id, ConsentEvent.id):
            assert session.scalar(select(func.count(table))) == 100


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=10)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.sampled_from(["a@example.org", "b@example.org", "x", "é@straße.example"]), TEXT, TEXT, TEXT),
        max_size=6,
    )
)
def test_whatever_the_cells_the_counts_add_up_and_again_changes_nothing(
    file: Path, rows: list[tuple[str, ...]]
) -> None:
    with file.open("w", encoding="utf-8", newline="") as out:
        csv.writer(out).writerows([["email", "last_name", "topics", "wild"], *rows])
    first = import_file(file, "press", Basis.consent, "sheet")
    people = {email for email, *_ in rows if email != "x"}
    assert first["created"] + first["updated"] + first["unchanged"] == len(people)
    assert (first["read"], first["rejected"]) == (len(rows), sum(email == "x" for email, *_ in rows))
    second = import_file(file, "press", Basis.consent, "sheet")
    assert (second["unchanged"], second["updated"], second["created"]) == (len(people), 0, 0)
