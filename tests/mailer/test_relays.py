"""Relays: a new one is met by several workers at once."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from config.database import reading, transaction
from mailer import relays
from mailer.models import Relay
from mailer.relays import Route
from tests.mailer.ledger.test_claims import wait_for_a_lock_to_be_waited_for
from tests.press import set_up


def test_two_workers_that_meet_a_new_relay_agree_on_its_row(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    set_up(monkeypatch, smtp_url="smtp://127.0.0.1:2599?tls=none")
    picked = []

    def pick() -> None:
        with transaction() as session:
            picked.append(relays.pick(session, 1))

    with transaction() as session:
        picked.append(relays.pick(session, 1))
        thread = threading.Thread(target=pick)
        thread.start()
        wait_for_a_lock_to_be_waited_for()
    thread.join()
    first, second = picked
    assert isinstance(first, Route)
    assert first == second
    with reading() as session:
        assert session.scalar(select(func.count()).select_from(Relay)) == 1


def test_processes_that_meet_the_same_failure_count_as_one(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    set_up(monkeypatch, smtp_url="smtp://127.0.0.1:2599?tls=none", deferral_seconds=60)
    with transaction() as session:
        route = relays.pick(session, 1)
        assert isinstance(route, Route)
        first = relays.mark_down(session, route.id, "refused").down_until
        for _ in range(5):
            assert relays.mark_down(session, route.id, "refused").down_until == first
        relay = session.get_one(Relay, route.id)
        assert relay.failures == 1
        relay.down_until = datetime.now(UTC) - timedelta(seconds=1)
        relays.mark_down(session, route.id, "refused")
        assert relay.failures == 2
        assert relay.down_until > datetime.now(UTC) + timedelta(seconds=100)
