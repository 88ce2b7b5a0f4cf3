"""Database and queue go away in mid-mailing and come back: everything goes on, and the logs stay readable."""

import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from redis import Redis

from config.migrate import upgrade
from tests.conftest import forget
from tests.press import mailing_state, open_office, send_mailing, set_up, states, write_folder
from tests.receiver import Receiver
from tests.servers import Server, free_port
from tests.workers import Part, Workers, wait_until

PEOPLE = 400
AWAY = 5.0
"""Seconds; two looks for work, and more hints than there are batches, fall into them."""


def _everybody_once(receiver: Receiver) -> None:
    assert Counter(message.rcpt for message in receiver.messages) == Counter(
        f"reader{number}@example.org" for number in range(1, PEOPLE + 1)
    )


def _is_readable(log: Path, *words: str) -> None:
    """What was wrong stands in the log, in few lines."""
    text = log.read_text()
    for word in words:
        assert word in text
    assert "Traceback" not in text, text
    assert text.count("\n") < 60, text


def _health(port: int) -> int:
    try:
        with urlopen(f"http://127.0.0.1:{port}/healthz", timeout=20) as answer:
            return int(answer.status)
    except HTTPError as error:
        return error.code
    except OSError:
        return 0


def test_the_database_goes_away_and_comes_back(
    postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port, log = free_port(), tmp_path / "log"
    open_office(PEOPLE)
    with Receiver(delay=0.01) as receiver:
        set_up(monkeypatch, smtp_url=f"smtp://127.0.0.1:{receiver.port}?tls=none", web_port=port)
        mailing_id = send_mailing(write_folder(tmp_path / "value-gap"))
        web = Part(sys.executable, "-m", "cli.part", "web", log=tmp_path / "web.log")
        with Workers(2, log=log) as office:
            wait_until(lambda: _health(port) == 200)
            wait_until(lambda: len(receiver.messages) >= PEOPLE // 4)
            forget()
            postgres.stop()
            assert len(receiver.messages) < PEOPLE
            assert _health(port) == 503
            time.sleep(AWAY)
            before = [part.process.pid for part in (web, office.beat, *office.workers)]
            postgres.start()
            wait_until(lambda: mailing_state(mailing_id) == "finished")
            wait_until(lambda: _health(port) == 200)
            assert [part.process.pid for part in (web, office.beat, *office.workers)] == before
            assert all(part.process.poll() is None for part in (web, office.beat, *office.workers))
        assert web.stop() == 0
        _everybody_once(receiver)
    assert states(mailing_id) == {"sent": PEOPLE}
    _is_readable(log, "cannot be used", "is it running, and BROADSIDE_DATABASE_URL right?", "it works again")
    assert "Traceback" not in (tmp_path / "web.log").read_text()


def test_redis_is_full_and_then_away(redis: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "log"
    upgrade()
    open_office(PEOPLE)
    with Receiver(delay=0.01) as receiver:
        set_up(monkeypatch, smtp_url=f"smtp://127.0.0.1:{receiver.port}?tls=none")
        mailing_id = send_mailing(write_folder(tmp_path / "value-gap"))
        with Workers(2, log=log), closing(Redis.from_url(redis.url)) as client:
            wait_until(lambda: len(receiver.messages) >= PEOPLE // 4)
            client.config_set("maxmemory-policy", "noeviction")
            client.config_set("maxmemory", "1")
            assert len(receiver.messages) < PEOPLE
            wait_until(lambda: "has it memory and disk left?" in log.read_text())
            redis.stop()
            time.sleep(AWAY)
            assert len(receiver.messages) < PEOPLE
            redis.start()
            wait_until(lambda: mailing_state(mailing_id) == "finished")
        _everybody_once(receiver)
    assert states(mailing_id) == {"sent": PEOPLE}
    where = f"Redis at {redis.url.removeprefix('redis://')} cannot be used"
    _is_readable(log, where, "is it running, and BROADSIDE_REDIS_URL right?")
