"""A generator in a process of its own: its items, its errors, its end."""

import os
import select
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator

import pytest

from config.ahead import made_ahead
from config.errors import Refused, Unavailable


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def numbers() -> Iterator[int]:
    yield from range(1000)


def test_items_come_in_order_from_another_process() -> None:
    with made_ahead(numbers, "that counts") as made:
        assert list(made) == list(range(1000))
    with made_ahead(lambda: iter([os.getpid()]), "that says who it is") as pids:
        assert list(pids) != [os.getpid()]


def test_what_it_raises_is_raised_here_behind_the_items_before() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise Refused("line 2 is broken")

    with made_ahead(broken, "that breaks") as made:
        assert next(made) == 1
        with pytest.raises(Refused, match="line 2 is broken") as raised:
            next(made)
    assert "in broken" in raised.value.__notes__[0]


def test_it_ends_with_the_block_wherever_it_is() -> None:
    def endless() -> Iterator[int]:
        while True:
            yield os.getpid()

    with made_ahead(endless, "that never ends") as made:
        pid = next(made)
        assert lives(pid)
    assert not lives(pid)


def test_an_interruption_is_for_the_process_that_was_asked() -> None:
    def interrupted() -> Iterator[int]:
        os.kill(os.getpid(), signal.SIGINT)
        yield 1

    with made_ahead(interrupted, "that is interrupted") as made:
        assert list(made) == [1]


def test_whoever_kills_it_is_told_what_it_did() -> None:
    def killed() -> Iterator[int]:
        yield 1
        os.kill(os.getpid(), signal.SIGKILL)

    with made_ahead(killed, "that reads people.csv") as made:
        assert next(made) == 1
        with pytest.raises(Unavailable, match=r"the process that reads people\.csv was ended from outside"):
            next(made)


def test_it_does_not_outlive_a_process_that_is_killed() -> None:
    program = """
        import os, time
        from config.ahead import made_ahead

        def endless():
            while True:
                yield os.getpid()

        with made_ahead(endless, "that never ends") as made:
            print(next(made), flush=True)
            time.sleep(3600)
    """
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline()
        parent.kill()
        # Both hold the pipe's other end: it is over when neither lives.
        assert select.select([parent.stdout], [], [], 60) == ([parent.stdout], [], [])
        assert parent.stdout.read() == b""


def test_where_there_can_be_no_copy_ctrl_c_is_heard_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left() -> int:
        raise BlockingIOError("no process is left")

    monkeypatch.setattr(os, "fork", none_left)
    with pytest.raises(BlockingIOError), made_ahead(numbers, "that counts"):
        pytest.fail("there is nothing to count")
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
