"""When Python looks for circles of references: not while thousands of plain objects are made one after the other."""

import ctypes
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

EVERY = 5.0
"""Seconds after which such a block is followed by a search of everything."""
_searched = {"at": 0.0}
_trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
"""Of the GNU C library alone."""


@contextmanager
def not_searched_for() -> Iterator[None]:
    """Rows and messages make no circles: a search for some all the while takes a tenth to a quarter of the time.

    Behind the block all is as it was; and now and then everything is searched, because what grew old in such blocks
    Python by itself would hardly ever look at again.
    """
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()
            search(EVERY)


def search(every: float) -> None:
    """Search everything, unless that was done in the last `every` seconds."""
    if monotonic() - _searched["at"] > every:
        gc.collect()
        _searched["at"] = monotonic()


@contextmanager
def left_alone() -> Iterator[None]:
    """What is there before is not searched within the block."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def give_back() -> None:
    """Search everything, and give memory that is free in the C library's heap back to the system, where it can.

    For behind what takes much and is seldom done. The heap of documents and style sheets is full of holes after it,
    and a process that kept them would grow by some MiB, by chance, until the next one fits into them.
    """
    search(0.0)
    if _trim is not None:
        _trim(0)
