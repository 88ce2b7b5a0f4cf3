"""The end of a turn where the relay is slow: what is announced goes on, what waits is given back, a pause comes through."""

import math
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import func, select

from config.database import reading, transaction
from mailer import control, sending, turn
from mailer.ledger.models import Delivery
from mailer.models import Mailing
from mailer.sending import send_batch
from mailer.smtp.fleet import Fleet
from mailer.smtp.terms import Go
from tests.press import frozen, open_office, set_up, states, work
from tests.receiver import Receiver, Say, Script, Session


@pytest.fixture(autouse=True)
def quick_looks(database: str, redis_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    set_up(monkeypatch, redis_url=redis_server, batch_size=20, connections=4)
    monkeypatch.setattr(turn, "TURN", math.inf)
    monkeypatch.setattr(sending, "Fleet", partial(Fleet, look_every=0.05))


class Tarpit(Script):
    """Answers each RCPT after so many seconds; the first ends the turn."""

    def __init__(self, delay: float) -> None:
        self.delay = delay

    def on_command(self, session: Session, verb: str, argument: str) -> Say | None:
        if verb != "RCPT":
            return None
        turn.TURN = 0.0
        return Say(delay=self.delay)

    def asked(self, receiver: Receiver) -> int:
        return sum(line.startswith("RCPT") for session in receiver.sessions for line in session.commands)


@pytest.mark.parametrize("pipelining", [True, False])
def test_a_relay_that_answers_slower_than_a_turn_gets_all_of_it(
    pipelining: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_office(8)
    mailing_id = frozen(tmp_path)
    script = Tarpit(0.4)
    with Receiver(script, pipelining=pipelining) as receiver:
        set_up(monkeypatch, smtp_url=f"smtp://127.0.0.1:{receiver.port}?tls=none")
        turns = 1
        while send_batch(mailing_id, 1):
            turns += 1
            assert turns <= 8, states(mailing_id)
            monkeypatch.setattr(turn, "TURN", math.inf)
        assert Counter(got.rcpt for got in receiver.messages) == Counter(f"reader{n}@example.org" for n in range(1, 9))
        assert script.asked(receiver) == 8, "nobody was announced and dropped"
    assert states(mailing_id) == {"sent": 8}


def test_a_pause_does_not_wait_for_a_slow_relay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_office(8)
    mailing_id = frozen(tmp_path)
    script = Tarpit(60)
    with ThreadPoolExecutor(1) as pool, Receiver(script) as receiver:
        set_up(monkeypatch, smtp_url=f"smtp://127.0.0.1:{receiver.port}?tls=none")
        sent = pool.submit(send_batch, mailing_id, 1)
        deadline = time.monotonic() + 30
        while not script.asked(receiver):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        time.sleep(0.5)
        assert not sent.done(), "the turn is over, and what is announced goes on"
        with transaction() as session:
            control.pause(session, session.get_one(Mailing, mailing_id))
        assert sent.result(timeout=30)
        assert not receiver.messages
    assert states(mailing_id) == {"queued": 8}
    with Receiver() as receiver:
        set_up(monkeypatch, smtp_url=f"smtp://127.0.0.1:{receiver.port}?tls=none")
        with transaction() as session:
            control.resume(session, session.get_one(Mailing, mailing_id))
        work()
        assert len(receiver.messages) == 8
    assert states(mailing_id) == {"sent": 8}


def test_what_was_not_begun_when_the_lease_ran_out_counts_as_no_attempt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that was suspended stops; asked once more, it has its lease again."""
    open_office(8)
    mailing_id = frozen(tmp_path)
    said = iter([Go.STOP])
    monkeypatch.setattr(sending.Turn, "watch", lambda _: next(said, Go.ON))
    with Receiver(Tarpit(60)) as receiver:
        set_up(monkeypatch, smtp_url=f"smtp://127.0.0.1:{receiver.port}?tls=none")
        assert send_batch(mailing_id, 1)
    assert states(mailing_id) == {"queued": 8}
    with reading() as session:
        assert not session.scalar(select(func.max(Delivery.attempts)))
