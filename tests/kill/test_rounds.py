"""A few rounds of `make kill`, chosen; the other faults and their pairs are left to it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kill.faults import BACK
from tests.kill.office import Servers
from tests.kill.rounds import Plan, play

PEOPLE = 500


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    before = dict(os.environ)
    with Servers(PEOPLE, tmp_path_factory.mktemp("kill")) as running:
        yield running
    os.environ.clear()
    os.environ.update(before)


@pytest.mark.parametrize(
    ("faults", "kind"),
    [
        (("postgres", "workers"), "postgresql"),
        ((BACK,), "postgresql"),
        ((BACK,), "sqlite"),
    ],
    ids=lambda value: value if isinstance(value, str) else " and ".join(value),
)
def test_nobody_is_lost_and_nobody_gets_it_twice(
    faults: tuple[str, ...], kind: str, servers: Servers, tmp_path: Path
) -> None:
    one = play(Plan.of(7, PEOPLE, faults, kind), servers, tmp_path / "round")
    assert one.wrong == []
    assert one.ended == []
    assert sum(one.states.values()) == PEOPLE
