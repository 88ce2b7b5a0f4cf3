"""The keys that an installation makes for itself."""

from pathlib import Path
from threading import Barrier, Thread

import pytest

from config.keys import address_hash, suppression_key
from config.settings import settings
from tests.conftest import forget


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


def test_an_address_has_one_hash_in_whatever_letter_case_and_another_under_another_key(
    environment: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed = address_hash("zoë@example.org")
    assert address_hash("ZOË@Example.ORG") == hashed
    monkeypatch.setenv("BROADSIDE_SUPPRESSION_KEY", "another" * 8)
    forget()
    assert address_hash("zoë@example.org") != hashed
