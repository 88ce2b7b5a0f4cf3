"""Mailings through real Celery workers: together, killed in the middle, asleep beyond their lease."""

import signal
from collections import Counter
from pathlib import Path

import pytest
from redis import Redis

from config.settings import settings
from tests.press import ledger, mailing_state, open_office, send_mailing, set_up, states, write_folder
from tests.receiver import Receiver, RefuseEvery
from tests.workers import Workers, put_to_sleep_in_mid_batch, wait_until

PEOPLE = 600


@pytest.fixture(autouse=True)
def queue(database: str, redis_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    set_up(
        monkeypatch,
        redis_url=redis_server,
        public_url="https://press.example.org",
        batch_size=50,
        deferral_seconds=1,
        lease_seconds=8,
    )


def use(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    set_up(monkeypatch, smtp_url=f"smtp://127.0.0.1:{receiver.port}?tls=none")


def received(receiver: Receiver) -> Counter[str]:
    return Counter(message.rcpt for message in receiver.messages)


def everybody() -> set[str]:
    return {f"reader{number}@example.org" for number in range(1, PEOPLE + 1)}


@pytest.mark.parametrize("processes", [(1,), (2, 1)], ids=["one worker", "three in two commands"])
def test_ledger_and_receiver_agree(processes: tuple[int, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_office(PEOPLE)
    with Receiver(script=RefuseEvery(10, seconds=5)) as receiver:
        use(receiver, monkeypatch)
        mailing_id = send_mailing(write_folder(tmp_path / "value-gap"))
        with Workers(*processes):
            wait_until(lambda: mailing_state(mailing_id) == "finished")
        wait_until(lambda: {session.commands[-1] for session in receiver.sessions} == {"QUIT"})
        got = received(receiver)
    assert got == Counter(everybody())
    told = ledger(mailing_id)
    assert {address for address, (state, _) in told.items() if state == "sent"} == set(got)


def test_kill_9_in_mid_mailing_loses_nobody_and_sends_nobody_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_office(PEOPLE)
    with Receiver(delay=0.01) as receiver:
        use(receiver, monkeypatch)
        mailing_id = send_mailing(write_folder(tmp_path / "value-gap"))
        with Workers(2) as office:
            wait_until(lambda: len(receiver.messages) >= PEOPLE // 4)
            office.kill_workers()
            before = len(receiver.messages)
            assert 0 < before < PEOPLE
            with Redis.from_url(settings().redis) as redis:
                redis.flushdb()  # and the queue is lost as well
            office.start_workers()
            wait_until(lambda: mailing_state(mailing_id) == "finished")
        got = received(receiver)
    assert max(got.values()) == 1
    told = ledger(mailing_id)
    uncertain = {address for address, (state, _) in told.items() if state == "uncertain"}
    sent = {address for address, (state, _) in told.items() if state == "sent"}
    assert sent | uncertain == everybody()
    assert sent <= set(got)
    assert set(got) <= sent | uncertain
    assert len(uncertain) <= 3 * settings().connections


def test_a_worker_asleep_beyond_its_lease_sends_nothing_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "log"
    open_office(PEOPLE)
    with Receiver(delay=0.01) as receiver:
        use(receiver, monkeypatch)
        mailing_id = send_mailing(write_folder(tmp_path / "value-gap"))
        with Workers(1, 1, log=log) as office:
            wait_until(lambda: len(receiver.messages) >= PEOPLE // 4)
            sleeper = put_to_sleep_in_mid_batch(office.workers)
            before = len(receiver.messages)
            assert 0 < before < PEOPLE
            # The other one ends the sleeper's claim after its lease and grace, and sends the rest.
            wait_until(lambda: mailing_state(mailing_id) == "finished")
            assert "expired" in log.read_text()
            sleeper.signal(signal.SIGCONT)
            wait_until(lambda: not states(mailing_id)["uncertain"])
        got = received(receiver)
    assert got == Counter(everybody())
    assert states(mailing_id) == {"sent": PEOPLE}
