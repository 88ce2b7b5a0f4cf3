"""All hosts of an installation use the same keys."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from config.database import transaction
from config.errors import Refused
from mailer.installation import check_keys
from tests.press import set_up


def test_a_host_with_another_key_is_refused(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(2):
        with transaction() as session:
            check_keys(session)
    set_up(monkeypatch, suppression_key="another key than the first host's")
    with pytest.raises(Refused, match="BROADSIDE_SUPPRESSION_KEY is not the one"), transaction() as session:
        check_keys(session)


def test_parts_that_start_together_for_the_first_time_agree(database: str) -> None:
    """The second waits for the first, which has not committed yet."""
    with ThreadPoolExecutor(1) as others:
        with transaction() as session:
            check_keys(session)
            other = others.submit(_check)
            time.sleep(0.3)
        other.result()


def _check() -> None:
    with transaction() as session:
        check_keys(session)
