import re
from collections import Counter

from cli.demo_content.people import COLUMNS, people, topics
from subscribers.models import Role

RESERVED = re.compile(r"[a-z]+\.[a-z]+[0-9]*@(?:[a-z0-9-]+\.example|example\.(?:org|com|net))")


def test_ten_thousand_people_each_with_an_address_that_reaches_nobody() -> None:
    rows = list(people())
    assert len(rows) == len({row["email"] for row in rows}) == 10_000
    assert all(RESERVED.fullmatch(row["email"]) for row in rows)
    assert all(tuple(row) == COLUMNS for row in rows)


def test_the_same_people_each_time() -> None:
    assert list(people(50)) == list(people(50)) != list(people(50, seed=1))


def test_they_are_of_many_countries_languages_and_trades() -> None:
    rows = list(people())
    assert len({row["country"] for row in rows} - {""}) >= 30
    assert len({row["languages"].partition(";")[0] for row in rows} - {""}) >= 25
    roles = Counter(row["role"] for row in rows)
    assert set(roles) <= {role.value for role in Role}
    assert 4_500 < roles["member"] < 5_700 and roles["journalist"] > 2_500
    assert len(topics()) == 20
    assert {topic for row in rows for topic in row["topics"].split(";") if topic} == set(topics())


def test_names_are_written_as_people_write_them() -> None:
    names = " ".join(f"{row['first_name']} {row['last_name']}" for row in people())
    for scripts in ("é", "ß", "ő", "Þ", "Ελένη", "Јелена", "Олена", "حداد", "O’Neill"):  # noqa: RUF001 -- the right one
        assert scripts in names
    assert "/" not in names and "~" not in names
