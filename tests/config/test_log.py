"""What gets into a log: no address, whoever logs it, and trouble from outside once and in one line."""

import subprocess
import sys

LOGGING = """
import logging

from redis.exceptions import ConnectionError

from config import trouble
from config.log import set_up_logging

set_up_logging()
log = logging.getLogger("a.library")


def fail(error):
    try:
        raise error
    except Exception:
        log.exception("the task failed")

"""


def logged(script: str) -> list[str]:
    """The lines that a process of its own logs."""
    done = subprocess.run([sys.executable, "-c", LOGGING + script], capture_output=True, text=True, check=True)
    assert not done.stdout
    return done.stderr.splitlines()


def test_no_address_gets_into_a_log(environment: object) -> None:
    [refused, failed, *trace, last] = logged(
        """
log.warning("550 5.1.1 <zoe@example.org> unknown; asked by %s", "Zoë.O'Brien+press@sub.example.org")
fail(ValueError("Key (email)=(zoe@example.org) already exists"))
"""
    )
    assert refused.endswith("WARNING a.library 550 5.1.1 <<address>> unknown; asked by <address>")
    assert failed.endswith("the task failed")
    assert trace[0].startswith("Traceback")
    assert last == "ValueError: Key (email)=(<address>) already exists"


def test_trouble_from_outside_is_one_line_until_it_is_over(environment: object) -> None:
    told = logged(
        """
for _ in range(3):
    fail(ConnectionError("refused"))
fail(ConnectionError("timed out"))
trouble.over(log)
trouble.over(log)
fail(ConnectionError("refused"))
"""
    )
    assert [line.partition(": ")[2].partition(";")[0] or line.rpartition(" a.library ")[2] for line in told] == [
        "refused",
        "timed out",
        "it works again",
        "refused",
    ]
    assert "is it running, and BROADSIDE_REDIS_URL right?" in told[0]
