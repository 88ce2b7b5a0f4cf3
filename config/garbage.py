"""When Python looks for circles of references: not while thousands of plain objects are made one after the other."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def not_searched_for() -> Iterator[None]:
    """Rows and messages make no circles: a search for some all the while takes a tenth to a quarter of the time.

    What is there before is left alone also by a gc.collect() within the block; at its end all is as it was.
    """
    before = gc.isenabled()
    gc.disable()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        if before:
            gc.enable()
