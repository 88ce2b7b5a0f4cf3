"""`broadside up` as a person runs it: started, looked at, interrupted, killed, started again."""

import os
import signal
import sys
from pathlib import Path

import pytest
from redis import Redis

from config.migrate import upgrade
from config.settings import settings
from tasks.queues import HOUSEKEEPING
from tasks.state_lock import StateLock
from tests.cli.running import Command, alive, fetch, ports, received
from tests.press import ledger, mailing_state, open_office, send_mailing, set_up, states, write_folder
from tests.receiver import Receiver
from tests.servers import free_port
from tests.workers import wait_until

UP = "Broadside is up"
PEOPLE = 1500

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture
def office(environment: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of an embedded installation with ports of its own."""
    set_up(monkeypatch, **ports(), batch_size=25, public_url="https://press.example.org")


def inbox_count() -> int:
    return received(settings().inbox_port)


def send_to_many(tmp_path: Path) -> int:
    open_office(PEOPLE)
    return send_mailing(write_folder(tmp_path / "value-gap"))


@pytest.mark.parametrize("group", [False, True], ids=["to it alone", "to the terminal's group"])
@pytest.mark.usefixtures("office")
def test_ctrl_c_in_mid_mailing_finishes_what_is_in_hand_and_the_next_up_the_rest(tmp_path: Path, group: bool) -> None:
    with Command(tmp_path / "first", "up").wait_for(UP) as first:
        web, inbox = (f"http://127.0.0.1:{port}" for port in (settings().web_port, settings().inbox_port))
        assert b"ok" in fetch(f"{web}/healthz")
        assert b"Inbox" in fetch(inbox)
        for address in (web, inbox, str(settings().state_dir)):
            assert address in first.out
        mailing_id = send_to_many(tmp_path)
        wait_until(lambda: inbox_count() > PEOPLE // 20)
        first.signal(signal.SIGINT, group=group)
        assert first.end() == 0
        assert first.left() == []
        assert "Traceback" not in first.err
    told = states(mailing_id)
    assert 0 < told["sent"] < PEOPLE
    assert told == {"sent": told["sent"], "queued": PEOPLE - told["sent"]}

    with Command(tmp_path / "second", "up").wait_for(UP) as second:
        wait_until(lambda: mailing_state(mailing_id) == "finished")
        assert inbox_count() == PEOPLE
        second.signal(signal.SIGTERM)
        assert second.end() == 0
        assert second.left() == []
    assert states(mailing_id) == {"sent": PEOPLE}


@pytest.mark.usefixtures("office")
def test_after_kill_9_no_part_is_left_and_the_next_up_goes_on(tmp_path: Path) -> None:
    with Command(tmp_path / "first", "up").wait_for(UP) as first:
        mailing_id = send_to_many(tmp_path)
        wait_until(lambda: inbox_count() > PEOPLE // 20)
        first.signal(signal.SIGKILL)
        first.end()
        with Command(tmp_path / "second", "up").wait_for(UP):
            assert first.left() == []
            wait_until(lambda: mailing_state(mailing_id) == "finished")
            told = states(mailing_id)
            assert told["sent"] + told["uncertain"] == PEOPLE
            assert told["uncertain"] <= 2 * settings().connections
            assert told["sent"] <= inbox_count() <= PEOPLE
    assert len(ledger(mailing_id)) == PEOPLE


@pytest.mark.usefixtures("office")
def test_a_part_that_dies_is_started_again_and_said(tmp_path: Path) -> None:
    with Command(tmp_path / "up", "up").wait_for(UP) as command:
        for words, name in (
            ("cli.part web", "the web server"),
            ("redis-server", "Redis"),
            ("cli.part worker", "the worker"),
        ):
            died = command.part(words)
            assert died, words
            os.kill(died, signal.SIGKILL)
            wait_until(lambda name=name: f"{name} ended (signal 9) and is started again" in command.err)
            wait_until(lambda words=words, died=died: command.part(words) not in (0, died))
        wait_until(lambda: received(settings().web_port) == 0 and answers(f"http://127.0.0.1:{settings().web_port}/"))
        open_office(50)
        mailing_id = send_mailing(write_folder(tmp_path / "value-gap"))
        wait_until(lambda: mailing_state(mailing_id) == "finished")
        assert inbox_count() == 50
        command.signal(signal.SIGINT)
        assert command.end() == 0
        assert command.left() == []


def answers(url: str) -> bool:
    try:
        return bool(fetch(url))
    except OSError:
        return False


@pytest.mark.usefixtures("office")
def test_what_the_settings_name_is_not_started(
    tmp_path: Path, database: str, redis_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Receiver() as receiver:
        set_up(monkeypatch, redis_url=redis_server, smtp_url=f"smtp://127.0.0.1:{receiver.port}?tls=none")
        with Command(tmp_path / "up", "up").wait_for(UP) as command:
            assert not command.part("redis-server")
            assert not command.part("cli.part inbox")
            assert command.part("cli.part web")
            open_office(30)
            mailing_id = send_mailing(write_folder(tmp_path / "value-gap"))
            wait_until(lambda: mailing_state(mailing_id) == "finished")
            assert not (settings().state_dir / "broadside.db").exists()
            assert not settings().redis_socket.exists()
        assert len({message.rcpt for message in receiver.messages}) == len(receiver.messages) == 30


@pytest.mark.usefixtures("office")
def test_a_second_ctrl_c_ends_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Receiver(delay=600) as receiver:  # the answer that the worker waits for does not come
        set_up(monkeypatch, smtp_url=f"smtp://127.0.0.1:{receiver.port}?tls=none")
        with Command(tmp_path / "up", "up").wait_for(UP) as command:
            open_office(30)
            send_mailing(write_folder(tmp_path / "value-gap"))
            wait_until(lambda: len(receiver.messages) > 0)
            command.signal(signal.SIGINT)
            wait_until(lambda: "Ctrl-C again" in command.out)
            assert alive(command.part("cli.part worker"))
            command.signal(signal.SIGINT)
            assert command.end() == 1
            wait_until(lambda: command.left() == [], 10)
            assert "looked at when Broadside is started again" in command.err


@pytest.mark.parametrize("name", ["web_port", "inbox_port", "inbox_smtp_port"])
@pytest.mark.usefixtures("office")
def test_a_port_that_is_taken_is_named_with_its_setting(name: str, tmp_path: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", getattr(settings(), name))), Command(tmp_path / "up", "up") as command:
        assert command.end() == 1
    assert command.err.count("\n") == 1
    assert f"BROADSIDE_{name.upper()}" in command.err
    assert not (settings().state_dir / "broadside.db").exists()


@pytest.mark.usefixtures("office")
def test_a_state_folder_serves_one(tmp_path: Path) -> None:
    lock = StateLock(settings().state_dir, "wait")
    try:
        with Command(tmp_path / "up", "up") as command:
            assert command.end() == 1
    finally:
        lock.close()
    assert command.err.count("\n") == 1
    assert f"process {os.getpid()}" in command.err
    assert "BROADSIDE_STATE_DIR" in command.err


@pytest.mark.usefixtures("office")
def test_a_redis_that_does_not_answer_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_up(monkeypatch, redis_url=f"redis://:secret@127.0.0.1:{free_port()}/3")
    with Command(tmp_path / "up", "up") as command:
        assert command.end() == 1
    assert command.err.count("\n") == 1
    assert "BROADSIDE_REDIS_URL" in command.err
    assert "secret" not in command.err


@pytest.mark.parametrize("name", ["web", "inbox", "beat", "worker"])
@pytest.mark.usefixtures("office")
def test_one_part_in_the_foreground(
    name: str, tmp_path: Path, redis_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Redis.from_url(redis_server) as redis:
        set_up(monkeypatch, redis_url=redis_server)
        upgrade()
        at_work = {
            "web": lambda: answers(f"http://127.0.0.1:{settings().web_port}/"),
            "inbox": lambda: answers(f"http://127.0.0.1:{settings().inbox_port}/"),
            "beat": lambda: redis.llen(HOUSEKEEPING) > 0,
            "worker": lambda: sum(int(client["psub"]) for client in redis.client_list()) == 2,
        }[name]
        with Command(tmp_path / name, name) as command:
            wait_until(at_work, 60)
            command.signal(signal.SIGINT, group=True)
            assert command.end() == 0
            assert command.left() == []
            assert "Traceback" not in command.err
            if name in {"web", "inbox"}:
                assert f"http://127.0.0.1:{getattr(settings(), f'{name}_port')};" in command.out
