"""Message plans: built once, and let go when nobody needs them."""

from pathlib import Path

import pytest
from sqlalchemy import select

from config.database import reading
from mailer import plans
from mailer.freeze import freeze
from mailer.models import Edition
from mailer.plans import KEPT, plan_of
from tests.press import open_office, send_mailing, set_up, write_folder


def test_a_plan_is_kept_while_it_is_used(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_up(monkeypatch, public_url="https://press.example.org")
    open_office(10)
    freeze(send_mailing(write_folder(tmp_path / "value-gap")))
    with reading() as session:
        english, french = session.scalars(select(Edition.id).order_by(Edition.id)).all()
    times = iter([0.0, 0.0, 0.9 * KEPT, 1.8 * KEPT, 1.8 * KEPT])
    monkeypatch.setattr(plans, "monotonic", lambda: next(times))
    monkeypatch.setattr(plans, "_plans", {})
    first, other = plan_of(english), plan_of(french)
    assert plan_of(english) is first
    assert plan_of(english) is first
    assert [plan for _, plan in plans._plans.values()] == [first]
    assert plan_of(french) is not other
