"""Messages that break every connection: they hold up nobody, are tried behind the others, and have an end."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from config.database import reading, transaction
from mailer.ledger.models import Delivery
from mailer.models import Relay
from tests.press import frozen, mailing_state, open_office, set_up, states, their_time_comes, work
from tests.receiver import Receiver, Say, Script, Session


@pytest.fixture(autouse=True)
def small_batches(database: str, redis_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    set_up(monkeypatch, redis_url=redis_server, batch_size=20, deferral_seconds=3600)


class Breaks(Script):
    """Closes the connection, without a word or with one, on which one of the first so many is announced."""

    def __init__(self, first: int, words: str | None = None) -> None:
        self.poison = {f"reader{number}@example.org" for number in range(1, first + 1)}
        self.words = words

    def on_command(self, session: Session, verb: str, argument: str) -> Say | None:
        address = argument.removeprefix("TO:<").rstrip(">")
        return Say(self.words, close=True) if verb == "RCPT" and address in self.poison else None


def attempts(*, state: str) -> set[int]:
    with reading() as session:
        return set(session.scalars(select(Delivery.attempts).where(Delivery.state == state)))


@pytest.mark.parametrize("connections", [1, 4])
def test_as_many_as_there_are_connections_at_the_head_are_put_off_alone(
    connections: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_office(30)
    mailing_id = frozen(tmp_path)
    with Receiver(Breaks(connections)) as receiver:
        set_up(monkeypatch, smtp_url=f"smtp://127.0.0.1:{receiver.port}?tls=none", connections=connections)
        work()
        arrived = Counter(got.rcpt for got in receiver.messages)
    assert arrived == Counter(f"reader{number}@example.org" for number in range(connections + 1, 31))
    assert states(mailing_id) == {"sent": 30 - connections, "deferred": connections}
    assert attempts(state="deferred") == {1}
    with reading() as session:
        assert not session.scalar(select(func.max(Relay.failures))), "the relay is well"


def test_more_of_them_than_pass_for_messages_do_not_hold_up_the_others_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_office(20)
    mailing_id = frozen(tmp_path)
    with Receiver(Breaks(12)) as receiver:
        set_up(monkeypatch, smtp_url=f"smtp://127.0.0.1:{receiver.port}?tls=none", connections=2)
        for _ in range(4):
            work()
            their_time_comes()
        assert {got.rcpt for got in receiver.messages} == {f"reader{number}@example.org" for number in range(13, 21)}
        with transaction() as session:
            session.execute(update(Delivery).values(deferred_since=datetime.now(UTC) - timedelta(days=30)))
        for _ in range(12):
            work()
            their_time_comes()
    assert states(mailing_id) == {"sent": 8, "failed": 12}
    assert mailing_state(mailing_id) == "finished"
    with reading() as session:
        [reason] = session.scalars(select(Delivery.reason).where(Delivery.state == "failed").distinct())
    assert "hours: the connection was lost each time it was announced: relay 127.0.0.1" in reason


@pytest.mark.parametrize("words", ["421 4.3.2 down", "530 5.7.0 log in first"])
def test_a_relay_that_says_itself_that_it_takes_nothing_makes_nobody_s_attempt_count(
    words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_office(20)
    mailing_id = frozen(tmp_path)
    with Receiver(Breaks(20, words)) as receiver:
        set_up(monkeypatch, smtp_url=f"smtp://127.0.0.1:{receiver.port}?tls=none", connections=2)
        work()
    assert states(mailing_id) == {"deferred": 20}
    assert attempts(state="deferred") == {0}
