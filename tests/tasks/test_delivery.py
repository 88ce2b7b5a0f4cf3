"""A batch that fails by a defect of ours is left alone, longer each time, and keeps no other waiting."""

from collections import Counter

import pytest

from config.errors import Unavailable
from tasks import app, delivery
from tasks.delivery import FIRST_WAIT, LONGEST_WAIT, deliver


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    time = [0.0]
    monkeypatch.setattr(delivery, "monotonic", lambda: time[0])
    monkeypatch.setattr(delivery, "_failed", {})
    return time


def test_a_broken_batch_is_tried_less_and_less(now: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    tried: Counter[int] = Counter()
    broken = True

    def send(_mailing_id: int, number: int) -> bool:
        tried[number] += 1
        if number == 1 and broken:
            raise KeyError("a defect")
        return False

    monkeypatch.setattr(delivery, "send_batch", send)
    for second in range(3600):
        now[0] = float(second)
        deliver(7, 1)
        deliver(7, 2)
    assert tried[2] == 3600
    assert 3600 / LONGEST_WAIT < tried[1] < 3600 / LONGEST_WAIT + 10
    broken = False
    now[0] += LONGEST_WAIT
    deliver(7, 1)
    broken = True
    before = tried[1]
    deliver(7, 1)
    now[0] += FIRST_WAIT
    deliver(7, 1)
    assert tried[1] == before + 2


def test_broken_batches_of_mailings_that_are_over_are_forgotten(
    now: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    def send(_mailing_id: int, _number: int) -> bool:
        raise KeyError("a defect")

    monkeypatch.setattr(delivery, "send_batch", send)
    deliver(7, 1)
    now[0] = FIRST_WAIT + LONGEST_WAIT - 1
    deliver(7, 2)
    assert set(delivery._failed) == {(7, 1), (7, 2)}
    now[0] += 1
    deliver(7, 3)
    assert set(delivery._failed) == {(7, 2), (7, 3)}


def test_trouble_from_outside_is_tried_at_once_when_it_may_be_over(
    now: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[int] = []

    def send(_mailing_id: int, number: int) -> bool:
        tried.append(number)
        raise Unavailable("the database is away")

    monkeypatch.setattr(delivery, "send_batch", send)
    monkeypatch.setattr(app, "REST", 0.0)
    deliver(7, 1)
    deliver(7, 1)
    assert tried == [1, 1]
