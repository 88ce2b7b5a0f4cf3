"""`broadside demo`: the whole of it with fewer people, walled off from every setting."""

import json
import re
import signal
import sys
from pathlib import Path

import pytest

from cli.demo import MARK, default_folder, without_settings
from tests.cli.running import Command, fetch
from tests.receiver import Receiver
from tests.servers import free_port
from tests.workers import wait_until

PEOPLE = 400
GOES_OUT = "$ broadside mailing send"


def demo(tmp_path: Path, *arguments: str, **environment: str) -> Command:
    return Command(
        tmp_path / "run", "demo", "--folder", str(tmp_path / "demo"), "--people", str(PEOPLE), *arguments, **environment
    )


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_once_sends_to_everybody_agrees_with_the_inbox_and_reaches_no_relay(tmp_path: Path) -> None:
    with Receiver() as receiver:
        hostile = {
            "BROADSIDE_SMTP_URL": f"smtp://127.0.0.1:{receiver.port}?tls=none",
            "broadside_smtp_url": f"smtp://127.0.0.1:{receiver.port}?tls=none",
            "BROADSIDE_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing",
            "BROADSIDE_WEB_PORT": "no number",
            "CELERY_BROKER_URL": f"redis://127.0.0.1:{free_port()}/0",
        }
        for _ in range(2):  # it may be run again
            with demo(tmp_path, "--once", **hostile) as command:
                wait_until(lambda command=command: GOES_OUT in command.out or command.process.poll() is not None)
                command.look()
                assert command.end() == 0, command.out + command.err
                assert command.left() == []
            assert f"{PEOPLE} people have it" in command.out
            assert re.search(rf"ledger +{PEOPLE} recipients, {PEOPLE} sent\b", command.out)
            assert re.search(rf"inbox +{PEOPLE} received\b", command.out)
            languages = {
                name: int(number) for name, number in re.findall(r"(English|French|Arabic) +(\d+)", command.out)
            }
            assert sum(languages.values()) == PEOPLE
            assert len(languages) == 3
            assert "Traceback" not in command.err
            assert (tmp_path / "demo" / "demo.log").read_text() == ""
        assert receiver.sessions == []


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_it_stays_up_to_be_looked_at_until_ctrl_c(tmp_path: Path) -> None:
    with demo(tmp_path).wait_for("until Ctrl-C") as command:
        inbox = re.search(r"look at the mail +(http://\S+)", command.out)
        assert inbox
        newest = json.loads(fetch(f"{inbox[1]}/api/messages?limit=1"))
        assert newest["count"] == PEOPLE
        page = fetch(f"{inbox[1]}/messages/{newest['messages'][0]['id']}/frame").decode()
        way_out = re.search(r"http://127\.0\.0\.1:\d+/u/[\w-]+", page)
        assert way_out, "links lead to the public pages on this machine"
        assert b'type="submit"' in fetch(way_out[0])
        command.signal(signal.SIGINT, group=True)
        assert command.end() == 0
        assert command.left() == []


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    kept = tmp_path / "demo" / "thesis.txt"
    kept.parent.mkdir()
    kept.write_text("years of work")
    with demo(tmp_path, "--once") as command:
        assert command.end() == 1
    assert "--folder" in command.err
    assert command.err.count("\n") == 1
    assert kept.read_text() == "years of work"
    assert not (kept.parent / MARK).exists()


def test_no_setting_gets_through_in_any_case_of_letters() -> None:
    environment = {"BROADSIDE_SMTP_URL": "x", "broadside_Host": "x", "CELERY_BROKER_URL": "x", "PATH": "/bin"}
    assert without_settings(environment) == {"PATH": "/bin"}


def test_its_folder_is_where_a_program_keeps_its_state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "broadside-demo"
    monkeypatch.setenv("XDG_STATE_HOME", "relative/paths/do/not/count")
    assert default_folder().is_absolute()
    assert default_folder().name == "broadside-demo"
