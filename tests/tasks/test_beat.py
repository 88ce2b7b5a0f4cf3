"""Beat asks for work on time, whatever happens to the clock."""

import time
from datetime import timedelta

import pytest
from celery.beat import ScheduleEntry, Scheduler

from tasks.app import app
from tasks.beat import Steady
from tasks.housekeeping import LOOK_EVERY


def waits(kind: type[Scheduler], monkeypatch: pytest.MonkeyPatch) -> float:
    """For how many seconds a scheduler waits at most that has just asked when the clock is put back by two hours."""
    scheduler = kind(app=app)
    asked: list[ScheduleEntry] = []

    def ask(entry: ScheduleEntry, **_how: object) -> None:
        asked.append(entry)

    monkeypatch.setattr(scheduler, "apply_entry", ask)
    monkeypatch.setattr(Scheduler, "producer", None)
    ahead = timedelta(hours=2)
    with monkeypatch.context() as clock:
        clock.setattr(time, "time", lambda real=time.time: real() + ahead.total_seconds())
        now = app.now
        clock.setattr(app, "now", lambda: now() + ahead)
        for entry in scheduler.schedule.values():
            entry.last_run_at = entry.default_now() - timedelta(days=1)
        assert scheduler.tick() == 0 and len(asked) == 1
        assert 0 < scheduler.tick() <= LOOK_EVERY
    return max(scheduler.tick() for _ in range(2))


def test_a_clock_that_is_put_back_delays_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert waits(Steady, monkeypatch) <= LOOK_EVERY
    assert waits(Scheduler, monkeypatch) > LOOK_EVERY, "Celery's own does not need this any more"
