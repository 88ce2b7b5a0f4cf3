"""The whole way of a mailing in one process: freeze, claim, assemble, send, record; against a real SMTP server."""

import email
import email.policy
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

from config import trouble
from config.database import reading, transaction
from mailer import control, lifecycle, stamps
from mailer.check import check_mailing
from mailer.freeze import freeze
from mailer.ledger.models import Attempt, Batch, Delivery
from mailer.ledger.states import State
from mailer.models import Edition, Mailing, Relay
from mailer.plan.message import Stamp
from mailer.sending import send_batch
from subscribers.consent import unsubscribe
from subscribers.models import List, Reason, Subscriber
from subscribers.suppression import suppress
from tasks.housekeeping import settle_cancelled
from tests.press import (
    ENGLISH,
    ledger,
    mailing_state,
    open_office,
    send_mailing,
    set_up,
    states,
    their_time_comes,
    work,
    write_folder,
)
from tests.receiver import Receiver
from tests.receiver_session import Received, Say, Script, Session
from tests.servers import free_port


@pytest.fixture(autouse=True)
def queue_server(database: str, redis_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    set_up(monkeypatch, redis_url=redis_server, public_url="https://press.example.org", batch_size=20)


def use(receiver: Receiver, monkeypatch: pytest.MonkeyPatch, **more: object) -> None:
    set_up(monkeypatch, smtp_url=f"smtp://127.0.0.1:{receiver.port}?tls=none", **more)


def received(receiver: Receiver) -> Counter[str]:
    return Counter(message.rcpt for message in receiver.messages)


def test_everybody_receives_it_once_in_their_language(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_office(90)
    with Receiver() as receiver:
        use(receiver, monkeypatch)
        mailing_id = send_mailing(write_folder(tmp_path / "value-gap"))
        work()
        assert mailing_state(mailing_id) == "finished"
        assert received(receiver) == Counter(f"reader{n}@example.org" for n in range(1, 91))
        for message in receiver.messages:
            number = int(message.rcpt.removeprefix("reader").partition("@")[0])
            parsed = email.message_from_bytes(message.content, policy=email.policy.default)
            language = "fr" if number % 3 == 0 else "en"
            assert parsed["Content-Language"] == language
            text = parsed.get_body(("plain",)).get_content()
            assert ("You may print this text." in text) == (language == "en" and number % 5 == 0)
            assert parsed["To"].addresses[0].addr_spec == message.rcpt
            assert message.mail_from.startswith("b-")
    told = ledger(mailing_id)
    assert {state for state, _ in told.values()} == {"sent"}
    assert all(reply.startswith("250") for _, reply in told.values())


def test_who_left_between_freeze_and_sending_gets_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_office(30)
    with Receiver() as receiver:
        use(receiver, monkeypatch)
        mailing_id = send_mailing(write_folder(tmp_path / "value-gap"))
        freeze(mailing_id)
        with transaction() as session:
            lists = {row.name: row.id for row in session.scalars(select(List))}
            reader = {row.email.partition("@")[0]: row for row in session.scalars(select(Subscriber))}
            unsubscribe(session, public_id=reader["reader1"].public_id, list_id=lists["members"], source="test")
            # A journalist who leaves the members' list is still on the press list, which has the same purpose.
            unsubscribe(session, public_id=reader["reader5"].public_id, list_id=lists["members"], source="test")
            suppress(session, reader["reader2"].email, Reason.complaint, source="test")
            session.delete(reader["reader3"])
        work()
        got = received(receiver)
    assert len(got) == 27
    assert not {"reader1@example.org", "reader2@example.org", "reader3@example.org"} & set(got)
    assert states(mailing_id) == {"sent": 27, "skipped": 3}
    with reading() as session:
        reasons = Counter(session.scalars(select(Delivery.reason).where(Delivery.state == State.skipped)).all())
    assert reasons == {"unsubscribed": 1, "suppressed": 2}


class Greylist(Script):
    """Refuses each recipient whose number ends in 0 the first time, and those that end in 7 for good."""

    def __init__(self) -> None:
        self.met: set[str] = set()

    def on_command(self, session: Session, verb: str, argument: str) -> Say | None:
        if verb != "RCPT":
            return None
        number = "".join(c for c in argument.partition("@")[0] if c.isdigit())
        if number.endswith("7"):
            return Say("550 5.1.1 <nobody@example.org> no such user")
        if number.endswith("0") and number not in self.met:
            self.met.add(number)
            return Say("451 4.7.1 greylisted")
        return None


def test_a_refusal_for_now_is_tried_again_and_a_refusal_for_good_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_office(60)
    with Receiver(script=Greylist()) as receiver:
        use(receiver, monkeypatch, deferral_seconds=0.01)
        mailing_id = send_mailing(write_folder(tmp_path / "value-gap"))
        work()
        while mailing_state(mailing_id) != "finished":
            work()
        got = received(receiver)
    assert set(got.values()) == {1}
    assert len(got) == 54
    told = ledger(mailing_id)
    assert told["reader7@example.org"] == ("failed", "550 5.1.1 <<address>> no such user")
    assert told["reader10@example.org"][0] == "sent"
    assert states(mailing_id) == {"sent": 54, "failed": 6}
    with reading() as session:
        attempts = session.execute(select(Attempt.number, Attempt.state, Attempt.reply)).all()
        codes = Counter((attempt.number, attempt.state, (attempt.reply or "").split(" ")[0]) for attempt in attempts)
        assert codes == {(1, "deferred", "451"): 6, (2, "sent", "250"): 6}


def test_the_deadline_ends_waiting_with_the_servers_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Never(Script):
        def on_command(self, session: Session, verb: str, argument: str) -> Say | None:
            return Say("452 4.2.2 mailbox full") if verb == "RCPT" else None

    open_office(3)
    with Receiver(script=Never()) as receiver:
        use(receiver, monkeypatch, deferral_seconds=0.01)
        mailing_id = send_mailing(write_folder(tmp_path / "value-gap"))
        with transaction() as session:
            session.execute(update(Mailing).values(deadline_hours=0.0001))
        work()
        while mailing_state(mailing_id) != "finished":
            work()
    assert set(ledger(mailing_id).values()) == {("failed", "452 4.2.2 mailbox full")}


def test_a_dead_relay_defers_everyone_and_fails_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_office(50)
    port = free_port()
    set_up(monkeypatch, smtp_url=f"smtp://127.0.0.1:{port}?tls=none", deferral_seconds=3600)
    mailing_id = send_mailing(write_folder(tmp_path / "value-gap"))
    work()
    assert states(mailing_id) == {"deferred": 50}
    assert mailing_state(mailing_id) == "sending"
    for _ in range(5):
        their_time_comes()
        work()
    with reading() as session:  # a million people and a day without a relay make no million batches
        assert session.scalar(select(func.count()).where(Batch.number > 0)) <= 3 + 5
    # It comes back.
    with Receiver(port=port) as receiver:
        their_time_comes()
        work()
        assert len(received(receiver)) == 50
    assert states(mailing_id) == {"sent": 50}
    assert mailing_state(mailing_id) == "finished"


def test_an_error_of_our_own_waits_longer_each_time_says_so_and_fails_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    open_office(20)
    with Receiver() as receiver:
        use(receiver, monkeypatch, deferral_seconds=100)
        mailing_id = send_mailing(write_folder(tmp_path / "value-gap"))
        freeze(mailing_id)
        with transaction() as session:
            whole = dict(session.execute(select(Edition.id, Edition.compiled)).all())
            session.execute(update(Edition).values(compiled={"no": "edition"}))
        waits = []
        for _ in range(3):
            work()
            with reading() as session:
                [(reason, retry_at, at)] = session.execute(
                    select(Delivery.reason, Delivery.retry_at, Delivery.at).distinct()
                ).all()
            assert "unexpected error" in reason
            waits.append(round((retry_at - at).total_seconds()))
            assert states(mailing_id) == {"deferred": 20}
            their_time_comes()
        assert waits == [100, 200, 400]
        assert "cannot be sent" in caplog.text
        with transaction() as session:
            for number, compiled in whole.items():
                session.execute(update(Edition).where(Edition.id == number).values(compiled=compiled))
        work()
        assert len(received(receiver)) == 20
    assert states(mailing_id) == {"sent": 20}


@pytest.mark.parametrize("what", ["a file", "the sender"])
def test_an_edition_that_nobody_can_get_waits_for_a_person(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_office(30)
    folder = write_folder(tmp_path / "value-gap")
    with (folder / "mailing.yaml").open("a") as file:
        file.write("attachments: [annex.pdf]\n")
    (folder / "annex.pdf").write_bytes(b"%PDF-1.4\n")
    with Receiver() as receiver:
        use(receiver, monkeypatch)
        mailing_id = send_mailing(folder)
        freeze(mailing_id)
        with transaction() as session:
            whole = dict(session.execute(select(Edition.id, Edition.compiled)).all())
            for number, compiled in whole.items():
                [annex] = compiled["attachments"]
                missing = {"attachments": [annex | {"hash": "0" * 64}]}
                broken = compiled | (missing if what == "a file" else {"sender": "press"})
                session.execute(update(Edition).where(Edition.id == number).values(compiled=broken))
        work()
        assert mailing_state(mailing_id) == "paused"
        with reading() as session:
            reason = session.get_one(Mailing, mailing_id).pause_reason
        assert re.fullmatch(
            "the (en|fr) edition needs 'annex.pdf', which is not in the store; import it again"
            if what == "a file"
            else "the From or Reply-To of the (en|fr) edition is wrong: not an address",
            reason,
        )
        assert states(mailing_id) == {"queued": 30}
        with transaction() as session:
            for number, compiled in whole.items():
                session.execute(update(Edition).where(Edition.id == number).values(compiled=compiled))
            control.resume(session, session.get_one(Mailing, mailing_id))
        work()
        assert len(received(receiver)) == 30


def test_an_error_of_our_own_with_one_message_keeps_no_other_of_its_batch_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    open_office(20)
    stamp, personal = stamps.Stamps.stamp, "anna@example.org"

    def fail(self: stamps.Stamps, seq: int, *args: Any) -> Stamp:
        if seq in {1, 2, 8}:
            raise KeyError(personal)
        return stamp(self, seq, *args)

    monkeypatch.setattr(stamps.Stamps, "stamp", fail)
    monkeypatch.setattr(trouble, "_said", {})
    with Receiver() as receiver:
        use(receiver, monkeypatch, deferral_seconds=100)
        mailing_id = send_mailing(write_folder(tmp_path / "value-gap"))
        work()
        assert len(received(receiver)) == 17
    assert states(mailing_id) == {"sent": 17, "deferred": 3}
    with reading() as session:
        deferred = session.execute(
            select(Delivery.reason, Delivery.attempts, Delivery.deferred_since).where(Delivery.state == State.deferred)
        ).all()
    assert {(row.reason.rpartition(": ")[2], row.attempts) for row in deferred} == {("KeyError", 1)}
    assert all(row.deferred_since for row in deferred)
    assert caplog.text.count("a message cannot be made: KeyError") == 1
    assert ", in _envelope" in caplog.text
    assert personal not in caplog.text


def test_two_relays_share_and_one_may_die(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_office(80)
    with Receiver() as receiver:
        set_up(
            monkeypatch,
            smtp_url=f"smtp://127.0.0.1:{free_port()}?tls=none smtp://127.0.0.1:{receiver.port}?tls=none",
        )
        mailing_id = send_mailing(write_folder(tmp_path / "value-gap"))
        work()
        assert len(received(receiver)) == 80
    assert states(mailing_id) == {"sent": 80}


class DiesOnce(Script):
    died = False

    def on_message(self, session: Session, message: Received) -> Say | None:
        if message.rcpt == "reader4@example.org" and not self.died:
            self.died = True
            return Say(None, close=True, take=True)
        return None


def test_a_connection_that_dies_after_the_dot_is_uncertain_and_a_person_may_retry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_office(10)
    with Receiver(script=DiesOnce()) as receiver:
        use(receiver, monkeypatch)
        mailing_id = send_mailing(write_folder(tmp_path / "value-gap"))
        work()
        assert states(mailing_id) == {"sent": 9, "uncertain": 1}
        assert ledger(mailing_id)["reader4@example.org"][0] == "uncertain"
        assert mailing_state(mailing_id) == "finished"
        with transaction() as session:
            assert control.retry(session, session.get_one(Mailing, mailing_id), State.uncertain) == 1
        work()
        twice = [message for message in receiver.messages if message.rcpt == "reader4@example.org"]
        ids = {email.message_from_bytes(message.content)["Message-ID"] for message in twice}
    assert len(twice) == 2
    assert len(ids) == 1
    assert states(mailing_id) == {"sent": 10}
    with reading() as session:
        assert session.scalar(select(Delivery.was_uncertain).where(Delivery.attempts == 2)) is True


def test_cancel_and_pause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_office(60)
    with Receiver() as receiver:
        use(receiver, monkeypatch)
        mailing_id = send_mailing(write_folder(tmp_path / "value-gap"))
        freeze(mailing_id)
        send_batch(mailing_id, 1)
        with transaction() as session:
            control.pause(session, session.get_one(Mailing, mailing_id))
        work()
        assert len(receiver.messages) == 20
        with transaction() as session:
            control.resume(session, session.get_one(Mailing, mailing_id))
        send_batch(mailing_id, 2)
        with transaction() as session:
            control.cancel(session, session.get_one(Mailing, mailing_id))
        work()
        assert len(receiver.messages) == 40
    assert states(mailing_id) == {"sent": 40, "skipped": 20}
    assert mailing_state(mailing_id) == "cancelled"


def test_a_large_mailing_is_cancelled_part_by_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle, "AT_ONCE", 2)
    open_office(100)
    mailing_id = send_mailing(write_folder(tmp_path / "value-gap"))
    freeze(mailing_id)
    with transaction() as session:
        control.cancel(session, session.get_one(Mailing, mailing_id))
    with transaction() as session:
        assert lifecycle.skip_cancelled(session, mailing_id)
    assert states(mailing_id) == {"skipped": 40, "queued": 60}
    settle_cancelled()
    assert states(mailing_id) == {"skipped": 100}


def test_cancelling_takes_a_scheduled_mailing_back(tmp_path: Path) -> None:
    open_office(20)
    mailing_id = send_mailing(write_folder(tmp_path / "value-gap"))
    with transaction() as session:
        control.cancel(session, session.get_one(Mailing, mailing_id))
    work()
    assert mailing_state(mailing_id) == "draft"
    assert states(mailing_id) == {}
    with transaction() as session:
        control.send(session, session.get_one(Mailing, mailing_id))
    freeze(mailing_id)
    assert states(mailing_id) == {"queued": 20}


def test_a_mailing_may_resend_what_is_uncertain_with_the_same_message_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_office(10)
    with Receiver(script=DiesOnce()) as receiver:
        use(receiver, monkeypatch)
        mailing = write_folder(tmp_path / "value-gap")
        with (mailing / "mailing.yaml").open("a") as file:
            file.write("on_uncertain: resend\n")
        mailing_id = send_mailing(mailing)
        while mailing_state(mailing_id) != "finished":
            work()
        twice = [message for message in receiver.messages if message.rcpt == "reader4@example.org"]
        ids = {email.message_from_bytes(message.content)["Message-ID"] for message in twice}
    assert len(twice) == 2
    assert len(ids) == 1
    assert states(mailing_id) == {"sent": 10}


def test_a_message_that_cannot_be_made_fails_and_pauses_its_mailing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_office(10)
    with transaction() as session:
        # Longer than any message may be; the check would have seen it, but this mailing was not checked.
        session.execute(
            update(Subscriber).where(Subscriber.email == "reader4@example.org").values(last_name="x" * 3_000_000)
        )
    with Receiver() as receiver:
        use(receiver, monkeypatch)
        text = "---\nsubject: A\npreheader: B\nheadline: C\nstandfirst: D\nauthor: {name: E, role: F}\n---\n{{ last_name }}\n"
        mailing_id = send_mailing(write_folder(tmp_path / "value-gap", en_md=text))
        work()
        assert mailing_state(mailing_id) == "paused"
        assert states(mailing_id)["failed"] == 1
        assert "reader4@example.org" not in received(receiver)
        with transaction() as session:
            control.resume(session, session.get_one(Mailing, mailing_id))
        work()
        assert states(mailing_id) == {"sent": 9, "failed": 1}
        assert set(received(receiver).values()) == {1}


@pytest.mark.parametrize("subject", ["{{ attributes.title }}", "News"])
def test_a_header_that_is_wrong_for_everybody_pauses_its_mailing(
    subject: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_office(10)
    if subject == "News":
        monkeypatch.setattr(stamps, "feedback_id", lambda *_: "two\nlines")
    with Receiver() as receiver:
        use(receiver, monkeypatch)
        text = f"---\nsubject: '{subject}'\npreheader: B\nheadline: C\nstandfirst: D\nauthor: {{name: E, role: F}}\n---\nG\n"
        mailing_id = send_mailing(write_folder(tmp_path / "value-gap", en_md=text, fr_md=text))
        work()
        assert mailing_state(mailing_id) == "paused"
        assert states(mailing_id) == {"failed": 1, "queued": 9}
        assert not receiver.messages


@pytest.mark.parametrize(
    "theirs",
    [
        {"email": "reader4>@example.org"},
        {"topics": ["t"] * 1001},
        {"attributes": {"x": ["t"] * 1001}},
        {"attributes": {"members": "some five thousand"}},
        {"attributes": {"members": "1e30"}},
        {"attributes": {"since": "last spring"}},
    ],
)
def test_what_is_wrong_with_one_person_alone_fails_that_one_delivery(
    theirs: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_office(10)
    with transaction() as session:
        session.execute(update(Subscriber).where(Subscriber.email == "reader4@example.org").values(theirs))
    with Receiver() as receiver:
        use(receiver, monkeypatch)
        text = ENGLISH + "{% for topic in topics %}{{ topic }}{% endfor %} {{ attributes.x | join }}"
        text += " {{ attributes.members | number }} {{ attributes.since | date }}\n"
        mailing_id = send_mailing(write_folder(tmp_path / "value-gap", en_md=text))
        work()
        assert mailing_state(mailing_id) == "finished"
        assert states(mailing_id) == {"sent": 9, "failed": 1}
        with reading() as session:
            reason = session.scalars(select(Delivery.reason).where(Delivery.state == "failed")).one()
        assert not re.search(r"reader4|some five|last spring", reason or "")


def test_what_is_wrong_with_most_people_is_everybodys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_office(60)
    with transaction() as session:
        session.execute(update(Subscriber).values(attributes={"since": "31.05.2009"}))
    with Receiver() as receiver:
        use(receiver, monkeypatch, batch_size=40)
        text = ENGLISH + "{{ attributes.since | date }}\n"
        mailing_id = send_mailing(write_folder(tmp_path / "value-gap", en_md=text))
        work()
        assert mailing_state(mailing_id) == "paused"
        assert states(mailing_id)["failed"] == 20  # of those who read English, and two of three do
        with transaction() as session:
            session.execute(update(Subscriber).values(attributes={"since": "2009-05-31"}))
        with transaction() as session:
            mailing = session.get_one(Mailing, mailing_id)
            control.retry(session, mailing, State.failed)
            control.resume(session, mailing)
        work()
        assert states(mailing_id) == {"sent": 60}


@pytest.mark.parametrize("says_so", [True, False])
def test_a_mailing_that_is_too_large_for_its_relay_waits_for_a_person(
    says_so: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Small(Script):
        def on_message(self, session: Session, message: Received) -> Say | None:
            return None if says_so else Say(f"552 5.3.4 for {message.rcpt} the message is too large")

    open_office(70)
    folder = write_folder(tmp_path / "value-gap")
    with (folder / "mailing.yaml").open("a") as file:
        file.write("attachments: [annex.pdf]\n")
    (folder / "annex.pdf").write_bytes(b"%PDF-1.4\n" + bytes(100_000))
    with Receiver(Small(), size=100_000 if says_so else 0) as receiver:
        use(receiver, monkeypatch)
        mailing_id = send_mailing(folder)
        work()
        assert mailing_state(mailing_id) == "paused"
        with reading() as session:
            reason = session.get_one(Mailing, mailing_id).pause_reason
            assert not session.scalars(select(Relay)).one().failures, "the relay is well"
        assert reason.startswith(f"relay 127.0.0.1:{receiver.port} takes no message of this size: 552 5.3.4")
        assert "@" not in reason
        failed = states(mailing_id)["failed"]
        assert 1 <= failed <= 8, "those in hand; nobody after them"
        with reading() as session:  # the next one is stopped by the check
            found = check_mailing(session, session.get_one(Mailing, mailing_id)).errors
        assert [re.sub(r"has 1[56]\d KB", "has N KB", str(finding)) for finding in found] == [
            f"{language}.md: the mail has N KB with its files, and relay 127.0.0.1:{receiver.port} takes no more than"
            " 100 KB; make the files smaller, or put them on the website and link to them"
            for language in ("en", "fr")
        ] * says_so
        assert states(mailing_id) == {"failed": failed, "queued": 70 - failed}
    with Receiver() as receiver:
        use(receiver, monkeypatch)
        with transaction() as session:
            mailing = session.get_one(Mailing, mailing_id)
            assert control.retry(session, mailing, State.failed) == failed
            control.resume(session, mailing)
        work()
        assert received(receiver) == Counter(f"reader{n}@example.org" for n in range(1, 71))
        with reading() as session:
            assert check_mailing(session, session.get_one(Mailing, mailing_id)).ok
    assert mailing_state(mailing_id) == "finished"
