"""A generator that works in a process of its own, ahead of who uses it: for where one interpreter is too slow."""

import os
import signal
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection, Pipe
from typing import Any, NoReturn, TypeVar

from config.errors import Unavailable

_Item = TypeVar("_Item")


@contextmanager
def made_ahead(make: Callable[[], Iterator[_Item]], what: str) -> Iterator[Iterator[_Item]]:
    """The items of `make()`, made in a copy of this process: one is ready while the one before is in use.

    Items and errors are pickled on their way, and what `make` raises is raised here. At the end of the block the
    other process ends, wherever it is, and also where this one dies. `make` must use no connection of this process.
    Raises Unavailable, which names `what` it does, where it was killed.
    """
    ours, theirs = Pipe(duplex=False)
    process = 0
    try:
        with _no_interruption():
            # Not by multiprocessing, which would let libraries close their connections there: those of this process.
            process = os.fork()
            if not process:
                _work(make, ours, theirs)
        theirs.close()
        yield _received(ours, what)
    finally:
        ours.close()
        if process:
            os.waitpid(process, 0)


@contextmanager
def _no_interruption() -> Iterator[None]:
    """Ctrl-C waits until the block is over: within it a copy would go on with what this process was at."""
    masked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, masked)


def _received(ours: "Connection[Any, Any]", what: str) -> Iterator[Any]:
    while True:
        try:
            kind, item = ours.recv()
        except (EOFError, OSError):  # at the end of an item, or within one
            raise Unavailable(f"the process {what} was ended from outside; try again") from None
        if kind == "error":
            raise item
        if kind == "end":
            return
        yield item


def _work(make: Callable[[], Iterator[Any]], ours: "Connection[Any, Any]", theirs: "Connection[Any, Any]") -> NoReturn:
    """What the copy does; it never goes on with what this process was at."""
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is said to both, and the other one ends us
        ours.close()  # so that nobody reads once the other process does not
        try:
            for item in make():
                theirs.send(("item", item))
            theirs.send(("end", None))
        except BrokenPipeError:
            pass
        except Exception as error:  # noqa: BLE001  raised over there
            error.add_note(f"in the process ahead:\n{''.join(traceback.format_tb(error.__traceback__))}")
            theirs.send(("error", error))
    finally:
        os._exit(0)  # at once: a thread that is not in this copy may hold what ending in order would wait for
