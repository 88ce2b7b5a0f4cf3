"""Servers that go, fall silent or rave: what is unknown, what was not begun, and who does the rest."""

import time
from collections.abc import Iterator

import pytest

from config.settings import RelayUrl
from mailer.smtp.envelope import Envelope
from mailer.smtp.errors import RelayUnavailable
from mailer.smtp.fleet import Fleet
from mailer.smtp.patience import STRIKES
from mailer.smtp.run import ATTEMPTS, ROW
from mailer.smtp.terms import Go
from tests.mailer.smtp.conftest import Certificate
from tests.mailer.smtp.notes import SHORT, Notes, deliver, messages, relay_of
from tests.receiver import Received, Receiver, Say, Script, Session
from tests.servers import free_port

pipelining = pytest.mark.parametrize("pipelining", [True, False])


def test_nobody_there() -> None:
    relay, notes = RelayUrl(f"smtp://127.0.0.1:{free_port()}"), Notes()
    taken = iter(messages(100))
    outcome = Fleet(relay, 3).run(taken, notes)
    assert isinstance(outcome.relay_error, RelayUnavailable)
    assert outcome.not_begun == [0, 1, 2]
    assert next(taken).key == 3


def test_some_connections_are_refused_and_the_others_do_the_work() -> None:
    class Narrow(Script):
        def on_connect(self, session: Session) -> Say | None:
            return Say("421 4.7.0 too many connections", close=True) if session.number else None

    with Receiver(Narrow(), delay=0.002) as receiver:
        notes, outcome = deliver(receiver, messages(300), connections=4)
        assert len(notes.verdicts) == 300
        assert outcome.relay_error is None
        assert len(receiver.sessions) <= 4, "refused once, not asked again and again"


@pytest.mark.parametrize("first", [0, 5])
@pytest.mark.parametrize("connections", [1, 3])
def test_a_message_that_kills_every_connection_is_handed_back_and_the_others_arrive(
    first: int, connections: int
) -> None:
    class Dies(Script):
        def on_command(self, session: Session, verb: str, argument: str) -> Say | None:
            return Say(None, close=True) if verb == "RCPT" and f"person{first}@" in argument else None

    with Receiver(Dies()) as receiver:
        notes, outcome = deliver(receiver, messages(30), connections=connections)
        assert list(outcome.given_up) == [first]
        assert outcome.relay_error is None
        assert not outcome.unknown
        assert len(notes.verdicts) == 29


@pytest.mark.parametrize("connections", [1, 4])
@pytest.mark.parametrize("times", [1, 2])
def test_as_many_such_messages_as_connections_pass_for_no_dead_relay(connections: int, times: int) -> None:
    class Dies(Script):
        def on_command(self, session: Session, verb: str, argument: str) -> Say | None:
            number = int("0" + "".join(c for c in argument.partition("@")[0] if c.isdigit()))
            return Say(None, close=True) if verb == "RCPT" and number % (30 // times) < connections else None

    poison = [key for key in range(30) if key % (30 // times) < connections]
    with Receiver(Dies()) as receiver:
        notes, outcome = deliver(receiver, messages(30), connections=connections)
        assert sorted(outcome.given_up) == poison
        assert outcome.relay_error is None and not outcome.not_begun and not outcome.unknown
        assert len(notes.verdicts) == 30 - len(poison)
        announced = [line for session in receiver.sessions for line in session.commands if line.startswith("RCPT")]
        assert sum(f"person{poison[0]}@" in line for line in announced) == ATTEMPTS


def test_a_server_that_breaks_every_connection_is_left_alone_and_who_was_announced_is_named() -> None:
    class Breaks(Script):
        def on_command(self, session: Session, verb: str, argument: str) -> Say | None:
            return Say(None, close=True) if verb == "MAIL" else None

    with Receiver(Breaks()) as receiver:
        _, outcome = deliver(receiver, messages(100), connections=2)
        assert isinstance(outcome.relay_error, RelayUnavailable)
        assert 2 + STRIKES <= len(outcome.given_up) < 2 * 2 + STRIKES
        assert outcome.not_begun and not set(outcome.not_begun).intersection(outcome.given_up)


@pytest.mark.parametrize("count", [1, 30])
def test_who_was_announced_is_not_blamed_where_no_connection_can_be_opened_after_it(count: int) -> None:
    class GoesAway(Script):
        def on_connect(self, session: Session) -> Say | None:
            return Say(None, close=True) if session.number else None

        def on_command(self, session: Session, verb: str, argument: str) -> Say | None:
            return Say(None, close=True) if verb == "MAIL" else None

    with Receiver(GoesAway()) as receiver:
        _, outcome = deliver(receiver, messages(count), connections=1)
        assert isinstance(outcome.relay_error, RelayUnavailable)
        assert 0 in outcome.not_begun and not outcome.given_up


@pytest.mark.parametrize("words", [None, "421 4.3.2 leaving"])
def test_lost_while_a_run_comes_to_its_end_counts_unless_the_server_says_why(words: str | None) -> None:
    class Late(Script):
        asked = False

        def on_command(self, session: Session, verb: str, argument: str) -> Say | None:
            self.asked = self.asked or verb == "RCPT"
            return Say(words, delay=0.3, close=True) if verb == "RCPT" else None

    script = Late()
    with Receiver(script) as receiver:
        _, outcome = deliver(receiver, messages(1), watch=lambda: Go.FINISH if script.asked else Go.ON, look_every=0.02)
    assert (list(outcome.given_up), outcome.not_begun) == (([0], []) if words is None else ([], [0]))
    assert (outcome.relay_error is None) == (words is None), "its own word is believed"


def test_a_connection_at_rest_takes_over_from_one_that_died() -> None:
    class Narrow(Script):
        def on_connect(self, session: Session) -> Say | None:
            return Say("421 4.7.0 no more", close=True) if session.number > 1 else None

        def on_command(self, session: Session, verb: str, argument: str) -> Say | None:
            return Say(None) if session.number == 1 and verb == "MAIL" else None

    def slow() -> Iterator[Envelope]:
        for envelope in messages(6):
            deadline = time.monotonic() + 5
            while envelope.key > 1 and not (len(receiver.sessions) > 1 and receiver.sessions[1].commands):
                assert time.monotonic() < deadline
                time.sleep(0.01)
            time.sleep(0.02)  # so that the second connection gets its share
            yield envelope

    with Receiver(Narrow()) as receiver:
        notes, outcome = deliver(receiver, slow(), connections=2, timeouts=SHORT)
        assert len(notes.verdicts) == 6
        assert outcome.relay_error is None


@pipelining
@pytest.mark.parametrize("took", [True, False])
def test_gone_at_the_dot_is_unknown_and_never_sent_again(pipelining: bool, took: bool) -> None:
    class Goes(Script):
        def on_message(self, session: Session, message: Received) -> Say | None:
            return Say(None, close=True, take=took) if message.rcpt == "person5@example.com" else None

    with Receiver(Goes(), pipelining=pipelining) as receiver:
        notes, outcome = deliver(receiver, messages(20))
        assert outcome.unknown == [5]
        assert len(notes.verdicts) == 19
        assert len(receiver.messages) == 19 + took


def test_a_server_that_dies_for_good_in_mid_run() -> None:
    class Dies(Script):
        def __init__(self) -> None:
            self.left = 20

        def on_connect(self, session: Session) -> Say | None:
            return Say(None, close=True) if self.left <= 0 else None

        def on_message(self, session: Session, message: Received) -> Say | None:
            self.left -= 1
            return Say(None, close=True, take=True) if self.left <= 0 else None

    with Receiver(Dies()) as receiver:
        taken = iter(messages(500))
        notes, outcome = deliver(receiver, taken, connections=4)
        assert isinstance(outcome.relay_error, RelayUnavailable)
        assert 1 <= len(outcome.unknown) <= 4
        assert len(notes.verdicts) == 19
        assert next(taken).key < ROW + 40


@pytest.mark.parametrize("reply", ["hello", "300 hm", "250 " + "x" * 5000, "\x00\x80\xff"])
def test_nonsense_as_the_verdict_is_unknown(reply: str) -> None:
    class Raves(Script):
        def on_message(self, session: Session, message: Received) -> Say | None:
            return Say(reply, take=True) if message.rcpt == "person1@example.com" else None

    with Receiver(Raves()) as receiver:
        notes, outcome = deliver(receiver, messages(6), timeouts=SHORT)
        assert outcome.unknown == [1]
        assert len(notes.verdicts) == 5


@pipelining
@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("reply", ["hello", "300 hm", None])
def test_nonsense_or_silence_before_the_body_begins_nothing(pipelining: bool, verb: str, reply: str | None) -> None:
    class Raves(Script):
        left = 1

        def on_command(self, session: Session, verb_: str, argument: str) -> Say | None:
            if verb_ == verb and self.left:
                self.left -= 1
                return Say(reply)
            return None

    with Receiver(Raves(), pipelining=pipelining) as receiver:
        notes, outcome = deliver(receiver, messages(8), timeouts=SHORT)
        assert set(notes.codes().values()) == {250}
        assert not outcome.unknown


def test_silence_after_the_dot_is_unknown() -> None:
    class Stalls(Script):
        def on_message(self, session: Session, message: Received) -> Say | None:
            return Say(None, take=True) if message.rcpt == "person2@example.com" else None

    with Receiver(Stalls(), pipelining=False) as receiver:
        notes, outcome = deliver(receiver, messages(5), timeouts=SHORT)
        assert outcome.unknown == [2]
        assert len(notes.verdicts) == 4


def test_an_answer_that_drips_has_the_time_of_one() -> None:
    class Drips(Script):
        def on_message(self, session: Session, message: Received) -> Say | None:
            if message.rcpt != "person2@example.com":
                return None

            def drip() -> None:
                if not session.closed:
                    session.transport.write(b"2")
                    receiver._loop.call_later(0.05, drip)

            drip()
            return Say(None, take=True)

    with Receiver(Drips(), pipelining=False) as receiver:
        notes, outcome = deliver(receiver, messages(5), timeouts=SHORT)
        assert outcome.unknown == [2]
        assert len(notes.verdicts) == 4


# A connection reset before its handshake is left to the collector by the standard library of Python 3.11.
@pytest.mark.filterwarnings("ignore:Exception ignored in. <ssl.SSLSocket:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("mode", ["starttls", "implicit"])
@pytest.mark.parametrize("took", [True, False])
def test_gone_at_the_dot_behind_encryption(
    certificate: Certificate, monkeypatch: pytest.MonkeyPatch, mode: str, took: bool
) -> None:
    class Goes(Script):
        def on_message(self, session: Session, message: Received) -> Say | None:
            return Say(None, close=True, take=took) if message.rcpt == "person5@example.com" else None

    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.file))
    tls = {"starttls": certificate.server} if mode == "starttls" else {"implicit_tls": certificate.server}
    query, scheme = ("?tls=starttls", "smtp") if mode == "starttls" else ("", "smtps")
    with Receiver(Goes(), pieces=1, **tls) as receiver:
        relay = relay_of(receiver, query, host="localhost", scheme=scheme)
        notes, outcome = deliver(receiver, messages(12, 40_000), relay=relay)
        assert outcome.unknown == [5]
        assert len(notes.verdicts) == 11
        assert len(receiver.messages) == 11 + took


class StopsReading(Script):
    """Grants DATA, then reads no more of it; `answer` is said at the same time."""

    def __init__(self, answer: str = "", close: bool = False) -> None:
        self.answer, self.close = answer, close

    def on_data(self, session: Session, seen: int) -> Say | None:
        if session.notes.setdefault("said", False):
            return None
        session.notes["said"] = True
        session.transport.pause_reading()
        return Say(self.answer or None, close=self.close)


def test_a_server_that_stops_reading_has_not_got_the_message() -> None:
    with Receiver(StopsReading()) as receiver:
        notes, outcome = deliver(receiver, messages(1, 40_000_000), connections=1, timeouts=SHORT)
        assert "did not answer in time" in outcome.given_up[0]
        assert outcome.relay_error is None, "it is not known whether others go through"
        assert not notes.asked, "the end was never near"


@pytest.mark.parametrize("close", [True, False])
@pytest.mark.parametrize("reply", ["552 5.3.4 too much", "451 4.3.1 not now", "421 4.3.2 leaving"])
def test_an_early_refusal_is_the_verdict(reply: str, close: bool) -> None:
    with Receiver(StopsReading(reply, close)) as receiver:
        notes, _ = deliver(receiver, messages(1, 40_000_000), timeouts=SHORT)
        assert notes.verdicts == {0: (int(reply[:3]), reply[4:])}
        assert not notes.ended


def test_an_early_acceptance_is_none() -> None:
    with Receiver(StopsReading("250 lovely")) as receiver:
        notes, outcome = deliver(receiver, messages(1, 40_000_000), timeouts=SHORT)
        assert not notes.verdicts
        assert list(outcome.given_up) == [0]
