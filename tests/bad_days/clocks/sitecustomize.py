"""For a Python program whose machine's clock is wrong by CLOCK_AHEAD seconds: of one with this folder in PYTHONPATH.

Of the wall clock only: what is measured by the kernel's uptime is right on such a machine too.
"""

import datetime as dt
import os
import time
from typing import Any

_AHEAD = float(os.environ.get("CLOCK_AHEAD", "0"))
_true, _true_ns, _Right = time.time, time.time_ns, dt.datetime


class _Wrong(type):
    def __instancecheck__(cls, one: object) -> bool:
        return isinstance(one, _Right)


class _Datetime(dt.datetime, metaclass=_Wrong):
    @classmethod
    def now(cls, tz: dt.tzinfo | None = None) -> Any:
        return _Right.now(tz) + dt.timedelta(seconds=_AHEAD)

    @classmethod
    def utcnow(cls) -> Any:
        return _Right.now(dt.UTC).replace(tzinfo=None) + dt.timedelta(seconds=_AHEAD)


if _AHEAD:
    time.time = lambda: _true() + _AHEAD
    time.time_ns = lambda: _true_ns() + int(_AHEAD * 1e9)
    dt.datetime = _Datetime  # type: ignore[misc]
