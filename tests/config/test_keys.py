"""The keys that an installation makes for itself."""

from pathlib import Path
from threading import Barrier, Thread

from config.keys import suppression_key
from config.settings import settings


def test_threads_that_need_a_key_at_once_get_the_same(environment: object) -> None:
    together = Barrier(8)
    found: list[bytes] = []

    def need() -> None:
        together.wait()
        found.append(suppression_key(settings()))

    threads = [Thread(target=need) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8 and len(set(found)) == 1
    (kept,) = Path(settings().state_dir).iterdir()
    assert kept.name == "suppression-key" and kept.stat().st_mode & 0o077 == 0
