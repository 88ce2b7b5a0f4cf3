"""What a server refuses, and what it says in doing so."""

import re

import pytest

from mailer.smtp.envelope import Envelope
from mailer.smtp.errors import RelayUnavailable
from mailer.smtp.patience import STRIKES
from mailer.smtp.run import ROW
from tests.mailer.smtp.notes import Notes, deliver, fleet_for, message, messages
from tests.receiver import Received, Receiver, Say, Script, Session

pipelining = pytest.mark.parametrize("pipelining", [True, False])


class Refuses(Script):
    """Answers `verb` with `reply` wherever the argument matches; grants DATA all the same if told to."""

    def __init__(self, verb: str, reply: str, match: str = "", times: int = 1_000_000, grant: bool = False) -> None:
        self.verb, self.reply, self.match, self.times, self.grant = verb, reply, match, times, grant

    def on_command(self, session: Session, verb: str, argument: str) -> Say | None:
        if verb == self.verb and re.search(self.match, argument) and self.times > 0:
            self.times -= 1
            return Say(self.reply)
        return Say("354 go on all the same") if verb == "DATA" and self.grant else None

    def on_message(self, session: Session, message: Received) -> Say | None:
        return None if message.rcpt else Say("250 thank you for nothing", take=False)


@pipelining
@pytest.mark.parametrize("grant", [False, True])
@pytest.mark.parametrize("code", [450, 550])
def test_a_refused_recipient_in_mid_pipeline(pipelining: bool, grant: bool, code: int) -> None:
    script = Refuses("RCPT", f"{code} 5.1.1 <person3@example.com> no", match="person(3|4|9)@", grant=grant)
    with Receiver(script, pipelining=pipelining) as receiver:
        notes, outcome = deliver(receiver, messages(10), connections=1)
        assert notes.codes() == {key: code if key in {3, 4, 9} else 250 for key in range(10)}
        assert notes.verdicts[3][1] == "5.1.1 <person3@example.com> no"
        assert len(receiver.messages) == 7
        assert len(receiver.sessions) == 1, "a refusal is no reason to part"
        assert not notes.ended & {3, 4, 9}
        assert outcome.relay_error is None


@pipelining
@pytest.mark.parametrize("verb", ["MAIL", "DATA"])
def test_a_refused_sender_or_body(pipelining: bool, verb: str) -> None:
    class Script2(Refuses):
        def on_command(self, session: Session, verb: str, argument: str) -> Say | None:
            if verb == "DATA" and session.rcpt != "person2@example.com":
                return None
            return super().on_command(session, verb, argument)

    with Receiver(Script2(verb, "452 4.3.1 no", "b2@" if verb == "MAIL" else ""), pipelining=pipelining) as receiver:
        notes, _ = deliver(receiver, messages(5), connections=1)
        assert notes.codes() == {0: 250, 1: 250, 2: 452, 3: 250, 4: 250}
        assert len(receiver.sessions) == 1


def test_the_servers_verdict_on_the_message() -> None:
    class Judges(Script):
        def on_message(self, session: Session, message: Received) -> Say | None:
            answers = {
                "person1@example.com": "550-5.7.1 spam\r\n550 5.7.1 " + "x" * 900,
                "person2@example.com": "451 later",
            }
            return Say(answers[message.rcpt]) if message.rcpt in answers else None

    with Receiver(Judges()) as receiver:
        notes, _ = deliver(receiver, messages(4))
        assert notes.codes() == {0: 250, 1: 550, 2: 451, 3: 250}
        assert notes.verdicts[1][1].startswith("5.7.1 spam 5.7.1 xxx")
        assert len(notes.verdicts[1][1]) == 500


@pytest.mark.parametrize("close", [True, False])
def test_421_as_the_verdict_is_a_refusal_for_now(close: bool) -> None:
    class Leaves(Script):
        def on_message(self, session: Session, message: Received) -> Say | None:
            return Say("421 4.3.2 enough for today", close=close) if session.accepted == 5 else None

    with Receiver(Leaves()) as receiver:
        notes, outcome = deliver(receiver, messages(30), connections=2)
        assert set(notes.codes().values()) == {250, 421}
        assert not outcome.unknown and not outcome.not_begun
        assert len(receiver.sessions) > 2, "new connections replace those that ended"
        assert all(session.accepted <= 5 for session in receiver.sessions)


@pipelining
@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA"])
def test_421_before_the_body_sends_the_message_over_another_connection(pipelining: bool, verb: str) -> None:
    with Receiver(Refuses(verb, "421 4.3.2 too many on this one", times=1), pipelining=pipelining) as receiver:
        notes, outcome = deliver(receiver, messages(10))
        assert set(notes.codes().values()) == {250}
        assert outcome.relay_error is None


def test_a_message_that_always_ends_in_421_is_put_off_and_holds_up_nobody() -> None:
    with Receiver(Refuses("RCPT", "421 4.7.0 not this one", match="person4@")) as receiver:
        notes, outcome = deliver(receiver, messages(20), connections=1)
        assert notes.codes() == {key: 421 if key == 4 else 250 for key in range(20)}
        assert outcome.relay_error is None


@pipelining
def test_a_recipient_who_takes_a_log_in_is_put_off_and_holds_up_nobody(pipelining: bool) -> None:
    script = Refuses("RCPT", "530 5.7.0 authentication required", match="person4@")
    with Receiver(script, pipelining=pipelining) as receiver:
        notes, outcome = deliver(receiver, messages(20), connections=1)
        assert notes.codes() == {key: 421 if key == 4 else 250 for key in range(20)}
        assert notes.verdicts[4][1] == "it wants a log-in for this recipient: 530 5.7.0 authentication required"
        assert outcome.relay_error is None


def test_a_relay_that_answers_421_to_all_fails_nobody() -> None:
    with Receiver(Refuses("MAIL", "421 4.3.2 down for a person@example.org")) as receiver:
        notes, outcome = deliver(receiver, messages(3 * ROW), connections=4)
        assert set(notes.codes().values()) <= {421}
        assert isinstance(outcome.relay_error, RelayUnavailable)
        assert "421 4.3.2 down for a <address>" in str(outcome.relay_error)
        assert len(outcome.not_begun) + len(notes.verdicts) <= 2 * 4 + STRIKES, "no row is pulled for a dead relay"


def test_what_the_server_cannot_take_is_refused_without_asking_it() -> None:
    envelopes = messages(6)
    envelopes[1] = message(1, 5000)
    envelopes[2] = Envelope(2, "b2@bounce.example.org", "zoë@example.com", (b"Hello.\r\n",))
    envelopes[3] = Envelope(3, "b3@bounce.example.org", "a@example.com>\r\nRCPT TO:<b@example.com", (b"Hello.\r\n",))
    envelopes[4] = Envelope(4, "b4@bounce.example.org", "a@" + "ü" * 80 + ".example", (b"Hello.\r\n",))
    with Receiver(size=4000, smtputf8=False) as receiver:
        notes, _ = deliver(receiver, envelopes)
        assert notes.codes() == {0: 250, 1: 552, 2: 553, 3: 553, 4: 553, 5: 250}
        assert [notes.verdicts[key][1][:5] for key in (1, 2, 3, 4)] == ["5.3.4", "5.6.7", "5.1.3", "5.1.3"]
        assert not any("example.com>\r" in line for session in receiver.sessions for line in session.commands)


def test_addresses_as_they_travel() -> None:
    addresses = ["anna@münchen.example", "zoë@δοκιμή.example", "anna@Faß.example", "Anna.B@Example.org"]
    envelopes = [Envelope(n, f"b{n}@bounce.example.org", to, (b"%d.\r\n" % n,)) for n, to in enumerate(addresses)]
    notes = Notes()
    with Receiver() as receiver:
        fleet = fleet_for(receiver, 1)
        fleet.run(iter(envelopes), notes)
        fleet.close()
        assert [(got.rcpt, got.parameters) for got in receiver.messages] == [
            ("anna@xn--mnchen-3ya.example", "SIZE=4"),
            ("zoë@xn--jxalpdlp.example", "SIZE=4 BODY=8BITMIME SMTPUTF8"),
            ("anna@xn--fa-hia.example", "SIZE=4"),
            ("Anna.B@Example.org", "SIZE=4"),
        ]
