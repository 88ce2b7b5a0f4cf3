"""A relay's messages a second: buckets that start empty, and a mailing that keeps to them."""

import time
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
from redis import Redis
from sqlalchemy import select

from config.database import reading, transaction
from config.settings import settings
from mailer import lifecycle, rates
from mailer.ledger.models import Batch, ClaimCounter
from mailer.sending import send_batch
from tests.press import frozen, mailing_state, open_office, send_mailing, set_up, states, work, write_folder
from tests.receiver import Receiver
from tests.servers import free_port


@pytest.fixture
def redis(redis_server: str, environment: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[Redis]:
    """An empty Redis and a relay that may get ten a second."""
    set_up(monkeypatch, redis_url=redis_server, smtp_url="smtp://127.0.0.1:2599?tls=none&per_second=10")
    with Redis.from_url(redis_server) as client:
        yield client


def test_a_bucket_starts_empty_fills_with_time_and_holds_five_seconds(redis: Redis) -> None:
    [relay] = settings().relays
    assert rates.spent(relay)
    assert not list(rates.allowance(relay))
    began = time.monotonic()
    now, _ = redis.time()
    redis.hset(rates.bucket(relay), mapping={"tokens": 0, "at": now - 100})
    assert not rates.spent(relay)
    given = len(list(rates.allowance(relay)))
    assert 50 <= given <= 50 + (time.monotonic() - began) * 10
    redis.flushdb()
    assert rates.spent(relay)
    assert not list(rates.allowance(relay))


def test_without_redis_there_is_none(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    set_up(monkeypatch, redis_url=f"redis://127.0.0.1:{free_port()}/0")
    [relay] = settings().relays
    assert rates.spent(relay)
    assert not list(rates.allowance(relay))


def test_without_a_limit_nobody_is_asked(monkeypatch: pytest.MonkeyPatch, environment: object) -> None:
    set_up(monkeypatch, redis_url=f"redis://127.0.0.1:{free_port()}/0")
    [relay] = settings().relays
    assert not rates.spent(relay)
    assert len(list(islice(rates.allowance(relay), 1000))) == 1000


def test_a_mailing_keeps_to_the_limit_and_ends(
    redis: Redis, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_office(60)
    with Receiver() as receiver:
        url = f"smtp://127.0.0.1:{receiver.port}?tls=none&per_second=40"
        set_up(monkeypatch, smtp_url=url, public_url="https://press.example.org", batch_size=25)
        mailing_id = frozen(tmp_path)
        began, turns = time.time(), 0
        while mailing_state(mailing_id) != "finished":
            with reading() as session:
                numbers = session.scalars(select(Batch.number).where(Batch.state == "open")).all()
            for number in numbers:
                turns += 1
                assert not send_batch(mailing_id, number), "what is left is not hinted at again at once"
            with transaction() as session:
                lifecycle.finish(session, mailing_id)
            assert turns < 10_000
            time.sleep(0.01)
        for number, message in enumerate(receiver.messages, 1):
            assert number <= (message.time - began) * 40 + 1
        assert Counter(got.rcpt for got in receiver.messages) == Counter(f"reader{n}@example.org" for n in range(1, 61))
    assert states(mailing_id) == {"sent": 60}


def test_a_relay_that_may_get_more_takes_over(
    redis: Redis, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_office(60)
    with Receiver() as slow, Receiver() as fast:
        urls = f"smtp://127.0.0.1:{slow.port}?tls=none&per_second=0.01 smtp://127.0.0.1:{fast.port}?tls=none"
        set_up(monkeypatch, smtp_url=urls, public_url="https://press.example.org", batch_size=25)
        mailing_id = send_mailing(write_folder(tmp_path / "value-gap"))
        work()
        assert (len(slow.messages), len(fast.messages)) == (0, 60)
    assert mailing_state(mailing_id) == "finished"


def test_nothing_is_claimed_for_a_relay_that_may_get_nothing_while_the_other_is_down(
    redis: Redis, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_office(30)
    with Receiver() as slow:
        urls = f"smtp://127.0.0.1:{free_port()}?tls=none smtp://127.0.0.1:{slow.port}?tls=none&per_second=0.01"
        set_up(monkeypatch, smtp_url=urls, public_url="https://press.example.org", batch_size=25)
        mailing_id = frozen(tmp_path)
        assert send_batch(mailing_id, 2), "given back, as another relay is up"
        for _ in range(5):
            assert not send_batch(mailing_id, 1)
    with reading() as session:
        assert session.scalar(select(ClaimCounter.value)) == 1
    assert states(mailing_id) == {"queued": 30}
