"""Relays: a new one is met by several workers at once."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from config.database import reading, transaction
from mailer import relays
from mailer.ledger.claims import Claim, Due
from mailer.ledger.lease import Lease
from mailer.models import Relay
from mailer.recipient import Recipient
from mailer.relays import Route
from mailer.sending import _relay_is_down
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


def test_a_clock_that_was_put_back_leaves_no_relay_alone(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    set_up(monkeypatch, smtp_url="smtp://127.0.0.1:2599?tls=none")
    with transaction() as session:
        route = relays.pick(session, 1)
        assert isinstance(route, Route)
        relays.mark_down(session, route.id, "refused")
        assert not isinstance(relays.pick(session, 1), Route)
        session.get_one(Relay, route.id).down_until = datetime.now(UTC) + timedelta(hours=2)
        assert isinstance(relays.pick(session, 1), Route)
        assert relays.mark_down(session, route.id, "refused").failures == 2


def test_what_no_relay_takes_waits_for_the_one_that_is_tried_first(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_up(monkeypatch, smtp_url="smtp://127.0.0.1:2601?tls=none smtp://127.0.0.1:2602?tls=none", deferral_seconds=60)
    with transaction() as session:
        first, other = relays.pick(session, 0), relays.pick(session, 1)
        assert isinstance(first, Route) and isinstance(other, Route) and first != other
        until = relays.mark_down(session, first.id, "refused").down_until
        session.get_one(Relay, other.id).failures = 4
    claim = Claim(1, 1, 1, Lease(60, 0), None, [Due(1, 1, 1, "", Recipient("reader@example.org"))])  # type: ignore[arg-type]
    (outcome,) = _relay_is_down(claim, other, "refused", set())
    assert outcome.retry_at == until
