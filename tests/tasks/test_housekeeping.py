"""Several beats do no harm: what is asked for twice is done once."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import update

from config.database import transaction
from mailer.models import Mailing
from tasks.app import app
from tasks.housekeeping import do_what_is_due, my_turn
from tests.press import mailing_state, open_office, send_mailing, set_up, write_folder


def test_of_several_who_ask_at_once_one_has_its_turn(database: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(lambda _: my_turn("look", 3600), range(8))) == 1
    assert not my_turn("look", 3600)
    assert my_turn("another", 3600)
    assert my_turn("look", 0)


def test_a_mailing_that_cannot_be_frozen_keeps_no_other_waiting(
    database: str, redis_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_up(monkeypatch, redis_url=redis_server, public_url="https://press.example.org")
    monkeypatch.setitem(app.conf, "broker_url", redis_server)
    open_office(3)
    bad, good = (send_mailing(write_folder(tmp_path / name)) for name in ("bad", "good"))
    with transaction() as session:
        session.execute(update(Mailing).where(Mailing.id == bad).values(audience={"lists": 5}))
    do_what_is_due()
    assert mailing_state(bad) == "freezing"
    assert mailing_state(good) == "sending"
