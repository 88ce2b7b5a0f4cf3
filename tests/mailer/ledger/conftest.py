"""The model of a mailing, for the tests of the ledger."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.database import reading
from mailer.freeze import freeze
from mailer.ledger.models import Batch, Delivery
from tests.mailer.ledger.model import (
    BATCH,
    PEOPLE,
    Ledger,
    rows_of,
)
from tests.press import open_office, send_mailing, set_up, write_folder


@pytest.fixture
def one_mailing(
    database: str, redis_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[type[Ledger]]:
    """The model of a mailing that was frozen just now."""
    set_up(monkeypatch, redis_url=redis_server, public_url="https://press.example.org", batch_size=BATCH)
    open_office(PEOPLE)
    mailing = send_mailing(write_folder(tmp_path / "value-gap"))
    freeze(mailing)
    with reading() as session:
        first = [rows_of(session, table) for table in (Delivery, Batch)]

    class OneMailing(Ledger):
        mailing_id = mailing
        folder = tmp_path
        deliveries, batches = first

    kept = os.environ["BROADSIDE_STATE_DIR"]
    yield OneMailing
    os.environ["BROADSIDE_STATE_DIR"] = kept
