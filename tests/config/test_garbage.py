"""The collector is as it was after a block in which it was not to run."""

import gc

import pytest

from config import garbage


@garbage.not_searched_for()
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
