"""The collector is as it was after a block in which it was not to run."""

import gc
import os
import platform
import weakref

import pytest

from config import garbage
from tests.soak.memory import memory_of


class Knot:
    """A circle of references that outlives a young collection."""

    def __init__(self) -> None:
        self.me = self


@garbage.not_searched_for()
@garbage.left_alone()
def fail() -> None:
    assert not gc.isenabled()
    assert gc.get_freeze_count()
    raise ZeroDivisionError


@pytest.mark.parametrize("enabled", [True, False])
def test_all_is_as_it_was_whatever_happens(enabled: bool) -> None:
    if not enabled:
        gc.disable()
    try:
        with pytest.raises(ZeroDivisionError):
            fail()
        assert gc.isenabled() is enabled
        assert not gc.get_freeze_count()
    finally:
        gc.enable()


def test_what_grew_old_in_such_blocks_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(garbage, "EVERY", 0.0)
    knot = Knot()
    gone = weakref.ref(knot)
    gc.collect()  # it is old now
    del knot
    with garbage.not_searched_for():
        assert gone() is not None
    assert gone() is None


def test_it_is_searched_for_no_more_often_than_asked() -> None:
    garbage.search(0.0)
    knot = Knot()
    gone = weakref.ref(knot)
    del knot
    garbage.search(3600.0)
    assert gone() is not None
    garbage.search(0.0)
    assert gone() is None


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only the GNU C library can")
def test_memory_between_what_is_still_needed_is_given_back() -> None:
    held = [bytes(3000) for _ in range(30_000)]
    held = held[::300]
    full, _ = memory_of(os.getpid())
    garbage.give_back()
    left, _ = memory_of(os.getpid())
    assert full - left > 40  # MiB of the 85 that stood between those that are held
    assert len(held) == 100
