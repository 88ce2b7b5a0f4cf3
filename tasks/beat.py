"""When beat asks for work."""

import time
from typing import Any

from celery.beat import Scheduler


class Steady(Scheduler):
    """Celery's scheduler; where the clock is put back it does not wait until that time has come again."""

    _latest = 0.0

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Ask for what is due; the seconds until it is to be called again."""
        now = time.time()
        if now < self._latest:
            for entry in self.schedule.values():
                entry.last_run_at = entry.default_now()
            self._heap = None  # of moments to come, which Celery makes again
        self._latest = now
        return float(super().tick(*args, **kwargs))
