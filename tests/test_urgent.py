"""An urgent mailing overtakes a large one, which goes on afterwards: told by the order of arrivals."""

from pathlib import Path

import pytest
from sqlalchemy import insert, select

from config.database import transaction
from subscribers.lists import create_list
from subscribers.models import Basis, Standing, Subscriber, Subscription
from tests.press import MAILING, mailing_state, open_office, send_mailing, set_up, states, write_folder
from tests.receiver import Receiver
from tests.workers import Workers, wait_until

DESK, OTHERS = 50, 800


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_what_is_urgent_overtakes_what_is_not(
    database: str, redis_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_up(monkeypatch, redis_url=redis_server, public_url="https://press.example.org", batch_size=50)
    open_office(DESK + OTHERS)
    with transaction() as session:
        desk = create_list(session, "desk", "Desk").id
        people = session.scalars(select(Subscriber).order_by(Subscriber.id).limit(DESK)).all()
        addresses = {person.email for person in people}
        standing = {"list_id": desk, "standing": Standing.confirmed, "basis": Basis.membership}
        session.execute(insert(Subscription), [{"subscriber_id": person.id, **standing} for person in people])
    to_others = MAILING.replace("[members, press]", "[members], exclude: {lists: [desk]}")
    to_desk = MAILING.replace("[members, press]", "[desk]") + "urgent: true\n"
    with Receiver(delay=0.02) as receiver:
        set_up(monkeypatch, smtp_url=f"smtp://127.0.0.1:{receiver.port}?tls=none")
        large = send_mailing(write_folder(tmp_path / "large", mailing_yaml=to_others))
        with Workers(1):
            wait_until(lambda: len(receiver.messages) >= 40)
            urgent = send_mailing(write_folder(tmp_path / "urgent", mailing_yaml=to_desk))
            wait_until(lambda: mailing_state(large) == mailing_state(urgent) == "finished")
        arrived = [message.rcpt in addresses for message in receiver.messages]
    assert (states(large), states(urgent)) == ({"sent": OTHERS}, {"sent": DESK})
    first, last = arrived.index(True), len(arrived) - arrived[::-1].index(True)
    assert arrived[:first].count(False) >= 40
    # Behind the large one's batches it would have come last.
    assert arrived[last:].count(False) >= OTHERS // 4


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_an_urgent_mailing_with_more_batches_than_processes_keeps_the_next_one_from_nothing(
    database: str, redis_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_up(monkeypatch, redis_url=redis_server, public_url="https://press.example.org", batch_size=10)
    open_office(400)
    to_all = MAILING.replace("[members, press]", "[members]") + "urgent: true\n"
    with Receiver(delay=0.2) as receiver:
        set_up(monkeypatch, smtp_url=f"smtp://127.0.0.1:{receiver.port}?tls=none")
        first = send_mailing(write_folder(tmp_path / "first", mailing_yaml=to_all))
        with Workers(1):
            wait_until(lambda: len(receiver.messages) >= 20)
            second = send_mailing(write_folder(tmp_path / "second", mailing_yaml=to_all))
            wait_until(lambda: mailing_state(second) != "scheduled")
            assert mailing_state(first) == "sending"
            wait_until(lambda: mailing_state(first) == mailing_state(second) == "finished")
    assert states(first) == states(second) == {"sent": 400}
