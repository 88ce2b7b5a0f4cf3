"""What a person is told when something is not right, by the program as it is installed."""

import os
import socket
import sqlite3
import subprocess
from pathlib import Path

import pytest

from tests.cli.speaking import PROGRAM, broadside, program
from tests.servers import free_port


def test_the_embedded_database_is_made_by_itself(tmp_path: Path) -> None:
    said = program("list", "show", "--json", folder=tmp_path, state_dir="state")
    assert said.json == {"lists": []}
    assert (tmp_path / "state" / "broadside.db").exists()


def test_a_database_of_ones_own_is_upgraded_by_command_only(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'own.db'}"
    refused = program("list", "show", folder=tmp_path, database_url=url)
    assert (refused.status, refused.out) == (1, "")
    assert refused.err == "broadside: the database is not up to date; run: broadside db upgrade\n"
    assert program("db", "upgrade", folder=tmp_path, database_url=url).status == 0
    assert program("list", "show", folder=tmp_path, database_url=url).status == 0


def test_upgrading_twice_is_fine_on_both_databases(database: str) -> None:
    assert "up to date" in broadside("db", "upgrade").out


def test_a_database_of_a_newer_broadside_is_left_alone(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'own.db'}"
    program("db", "upgrade", folder=tmp_path, database_url=url)
    with sqlite3.connect(tmp_path / "own.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'zzzz'")
    connection.close()
    for words in (("list", "show"), ("db", "upgrade")):
        said = program(*words, folder=tmp_path, database_url=url)
        assert (said.status, said.out) == (1, "")
        assert "newer" in said.err
        assert said.err.count("\n") == 1


def test_an_unreachable_database_is_one_clear_line_without_its_password(tmp_path: Path) -> None:
    port = free_port()
    url = f"postgresql://me:correct-horse@127.0.0.1:{port}/press"
    said = program("list", "show", folder=tmp_path, database_url=url)
    assert (said.status, said.out) == (1, "")
    assert f"127.0.0.1:{port}/press" in said.err
    assert "BROADSIDE_DATABASE_URL" in said.err
    assert "correct-horse" not in said.err
    assert said.err.count("\n") == 1


def test_a_wrong_setting_is_one_line_that_names_it(tmp_path: Path) -> None:
    said = program("list", "show", folder=tmp_path, redis_url="http://example.org")
    assert said.status == 1
    assert said.err == "broadside: BROADSIDE_REDIS_URL: write it as redis://host:port/number\n"


def test_a_state_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file stands here")
    said = program("list", "show", folder=tmp_path, state_dir="state")
    assert (said.status, said.err.count("\n")) == (1, 1)
    assert "state" in said.err


def test_output_is_utf8_whatever_the_locale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.setenv("PYTHONIOENCODING", "latin-1")
    program("list", "create", "press", "--title", "Žurnalisti عرب", folder=tmp_path, state_dir="state")
    said = program("list", "show", "--json", folder=tmp_path, state_dir="state")
    assert said.json["lists"][0]["title"] == "Žurnalisti عرب"


def test_what_others_wrote_cannot_steer_the_terminal(database: str) -> None:
    said = broadside("list", "show", "\x1b[2J\x1b]0;gone\x07", status=1)
    assert "\x1b" not in said.err
    assert "\x07" not in said.err


def test_ctrl_c_ends_with_130(environment: object, monkeypatch: pytest.MonkeyPatch) -> None:
    import cli.lists

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli.lists, "list_lists", interrupted)
    broadside("list", "show", status=130)


@pytest.mark.parametrize("unbuffered", ["1", ""])
def test_a_reader_that_goes_away_is_no_defect(unbuffered: str, tmp_path: Path) -> None:
    """As in `broadside subscribers export | head -1`."""
    ours, theirs = socket.socketpair()
    theirs.close()
    done = subprocess.run(
        [PROGRAM, "list", "show", "--json"],
        stdout=ours,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
        check=False,
        timeout=60,
    )
    ours.close()
    assert done.returncode == 1
    assert not done.stderr
