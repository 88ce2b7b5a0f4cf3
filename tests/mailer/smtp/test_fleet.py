"""A fleet against a server of our own that behaves well, refuses, or goes."""

import re
import select
import time
from collections.abc import Callable, Iterator

import pytest

from config.settings import RelayUrl
from mailer.smtp.envelope import Envelope
from mailer.smtp.errors import RelayUnavailable
from mailer.smtp.fleet import Fleet
from mailer.smtp.lane import Timeouts
from tests.conftest import free_port
from tests.mailer.smtp.notes import SHORT, Notes, deliver, fleet_for, message, messages, relay_of
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
@pytest.mark.parametrize("pieces", [0, 1, 7])
@pytest.mark.parametrize("connections", [1, 3])
def test_every_message_arrives_as_it_was(pipelining: bool, pieces: int, connections: int) -> None:
    class Waits(Script):
        def on_message(self, session: Session, message: Received) -> Say | None:
            return Say(delay=0.05) if len(receiver.sessions) < connections else None

    with Receiver(Waits(), pipelining=pipelining, pieces=pieces) as receiver:
        notes, outcome = deliver(receiver, messages(90, 3000), connections=connections)
        assert len(receiver.messages) == 90
        assert set(notes.verdicts.values()) == {(250, "2.0.0 taken")}
        assert (outcome.not_begun, outcome.unknown, outcome.relay_error) == ([], [], None)
        assert len(receiver.sessions) == connections
        assert len({got.connection for got in receiver.messages}) == connections


def test_the_next_message_travels_with_the_end_of_this_one() -> None:
    bursts = []

    class Counts(Script):
        def on_message(self, session: Session, message: Received) -> Say | None:
            bursts.append(bytes(session._buffer[-6:]))
            return None

    with Receiver(Counts()) as receiver:
        deliver(receiver, messages(20, 1000), connections=1)
    assert bursts[:19] == [b"DATA\r\n"] * 19, "what had arrived when each dot was found"
    assert bursts[19].endswith(b"\r\n.\r\n")


def test_large_messages_and_a_server_that_takes_its_time() -> None:
    class Slow(Script):
        def on_data(self, session: Session, seen: int) -> Say | None:
            time.sleep(0.002)
            return None

    envelopes = [message(key, 6_000_000 if key % 3 == 0 else 500) for key in range(9)]
    with Receiver(Slow()) as receiver:
        notes, _ = deliver(receiver, envelopes)
        assert set(notes.codes().values()) == {250}
        assert len(receiver.messages) == 9


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


def test_a_relay_that_answers_421_to_all_fails_nobody() -> None:
    with Receiver(Refuses("MAIL", "421 4.3.2 down for a person@example.org")) as receiver:
        notes, outcome = deliver(receiver, messages(100), connections=4)
        assert set(notes.codes().values()) <= {421}
        assert isinstance(outcome.relay_error, RelayUnavailable)
        assert "421 4.3.2 down for a <address>" in str(outcome.relay_error)
        assert len(outcome.not_begun) + len(notes.verdicts) <= 8, "nothing more is pulled for a dead relay"


def test_nobody_there() -> None:
    relay, notes = RelayUrl(f"smtp://127.0.0.1:{free_port()}"), Notes()
    taken = iter(messages(100))
    outcome = Fleet(relay, 3).run(taken, notes, lambda: True)
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
        assert outcome.not_begun == [first]
        assert outcome.relay_error is None
        assert not outcome.unknown
        assert len(notes.verdicts) == 29


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
        assert next(taken).key < 40


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
        assert outcome.not_begun == [0]
        assert isinstance(outcome.relay_error, RelayUnavailable)
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
        assert outcome.not_begun == [0]


def test_what_the_server_cannot_take_is_refused_without_asking_it() -> None:
    envelopes = messages(6)
    envelopes[1] = message(1, 5000)
    envelopes[2] = Envelope(2, "b2@bounce.example.org", "zoë@example.com", b"Hello.\r\n")
    envelopes[3] = Envelope(3, "b3@bounce.example.org", "a@example.com>\r\nRCPT TO:<b@example.com", b"Hello.\r\n")
    envelopes[4] = Envelope(4, "b4@bounce.example.org", "a@" + "ü" * 80 + ".example", b"Hello.\r\n")
    with Receiver(size=4000, smtputf8=False) as receiver:
        notes, _ = deliver(receiver, envelopes)
        assert notes.codes() == {0: 250, 1: 552, 2: 553, 3: 553, 4: 553, 5: 250}
        assert [notes.verdicts[key][1][:5] for key in (1, 2, 3, 4)] == ["5.3.4", "5.6.7", "5.1.3", "5.1.3"]
        assert not any("example.com>\r" in line for session in receiver.sessions for line in session.commands)


def test_addresses_as_they_travel() -> None:
    addresses = ["anna@münchen.example", "zoë@δοκιμή.example", "anna@Faß.example", "Anna.B@Example.org"]
    envelopes = [Envelope(n, f"b{n}@bounce.example.org", to, b"%d.\r\n" % n) for n, to in enumerate(addresses)]
    notes = Notes()
    with Receiver() as receiver:
        fleet = fleet_for(receiver, 1)
        fleet.run(iter(envelopes), notes, lambda: True)
        fleet.close()
        assert [(got.rcpt, got.parameters) for got in receiver.messages] == [
            ("anna@xn--mnchen-3ya.example", "SIZE=4"),
            ("zoë@xn--jxalpdlp.example", "SIZE=4 BODY=8BITMIME SMTPUTF8"),
            ("anna@xn--fa-hia.example", "SIZE=4"),
            ("Anna.B@Example.org", "SIZE=4"),
        ]


def test_connections_are_kept_and_looked_at_before_use() -> None:
    with Receiver() as receiver:
        fleet, notes = fleet_for(receiver, 1), Notes()

        def send(first: int) -> None:
            outcome = fleet.run(iter([message(first), message(first + 1)]), notes, lambda: True)
            assert notes.codes()[first] == notes.codes()[first + 1] == 250
            assert not outcome.unknown and not outcome.not_begun

        def tell(what: Callable[..., None], *arguments: bytes) -> None:
            receiver._loop.call_soon_threadsafe(what, *arguments)
            assert select.select([fleet._crew.lanes[0].link], [], [], 10)[0], "it has not reached this side"

        send(0)
        send(2)
        assert len(receiver.sessions) == 1
        tell(receiver.sessions[0].hang_up)
        send(4)
        assert len(receiver.sessions) == 2
        tell(receiver.sessions[1].transport.write, b"421 4.4.2 idle for too long\r\n")
        send(6)
        assert len(receiver.sessions) == 3
        fleet._idle_limit = 0.0
        send(8)
        assert len(receiver.sessions) == 4
        fleet.close()
        deadline = time.monotonic() + 10
        while [session.commands[-1] for session in receiver.sessions] != ["DATA", "QUIT", "QUIT", "QUIT"]:
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_when_the_watch_says_stop_nothing_more_is_begun() -> None:
    calls = []

    def watch() -> bool:
        calls.append(time.monotonic())
        return len(calls) < 3

    with Receiver(delay=0.02) as receiver:
        taken = iter(messages(2000))
        fleet, notes = Fleet(relay_of(receiver), 2, look_every=0.1), Notes()
        outcome = fleet.run(taken, notes, watch)
        left = next(taken).key
        assert 4 < len(notes.verdicts) < 100
        assert sorted([*notes.verdicts, *outcome.not_begun]) == list(range(left))
        assert outcome.not_begun and not outcome.unknown and outcome.relay_error is None
        assert notes.ended == set(notes.verdicts)
        notes_after = Notes()
        fleet.run(iter(messages(3)), notes_after, lambda: True)
        assert len(notes_after.verdicts) == 3, "a fleet that was stopped can be used again"
        fleet.close()


def test_the_watch_is_asked_while_a_reply_is_awaited_and_while_connecting() -> None:
    class Slow(Script):
        def on_connect(self, session: Session) -> Say | None:
            return Say(delay=0.5)

        def on_message(self, session: Session, message: Received) -> Say | None:
            return Say(delay=0.5)

    calls = []
    with Receiver(Slow()) as receiver:
        fleet = Fleet(relay_of(receiver), 1, look_every=0.05)
        fleet.run(iter(messages(1)), Notes(), lambda: bool(calls.append(time.monotonic()) or True))
        fleet.close()
    assert len(calls) >= 10


def test_stopped_while_connecting() -> None:
    class Slow(Script):
        def on_connect(self, session: Session) -> Say | None:
            return Say(delay=1.0)

    with Receiver(Slow()) as receiver:
        fleet, notes = Fleet(relay_of(receiver), 2, look_every=0.05), Notes()
        outcome = fleet.run(iter(messages(9)), notes, lambda: False)
        assert outcome.not_begun == [0, 1]
        assert not notes.verdicts
        fleet.run(iter(messages(9)), notes, lambda: True)
        assert len(notes.verdicts) == 9
        assert len(receiver.sessions) == 2, "what was being opened is used"
        fleet.close()


def test_a_lease_that_is_over_stops_the_run_before_the_dot() -> None:
    with Receiver() as receiver:
        notes, outcome = deliver(receiver, messages(100, 100), notes=Notes(allow=30), connections=3)
        assert len(notes.verdicts) == 30 == len(receiver.messages)
        assert outcome.not_begun and outcome.relay_error is None


def test_an_iterator_that_fails_leaves_nothing_half_done() -> None:
    def broken() -> Iterator[Envelope]:
        yield from messages(10)
        raise LookupError("no such edition")

    with Receiver() as receiver:
        fleet, notes = fleet_for(receiver, 2), Notes()
        with pytest.raises(LookupError):
            fleet.run(broken(), notes, lambda: True)
        assert notes.ended == set(notes.verdicts)
        assert len(receiver.messages) == len(notes.verdicts)
        fleet.close()


def test_a_watch_that_fails_closes_what_was_under_way() -> None:
    def watch() -> bool:
        raise LookupError("no database")

    with Receiver(delay=0.3) as receiver:
        fleet, notes = Fleet(relay_of(receiver), 2, look_every=0.05), Notes()
        with pytest.raises(LookupError):
            fleet.run(iter(messages(10)), notes, watch)
        fleet.run(iter(messages(4)), Notes(), lambda: True)
        fleet.close()


def test_nothing_to_send_opens_nothing() -> None:
    with Receiver() as receiver:
        deliver(receiver, [], connections=4)
        deliver(receiver, [message(1)], connections=4)
        assert len(receiver.sessions) == 1


def test_the_time_limits_are_those_of_the_standard() -> None:
    limits = Timeouts()
    assert (limits.greeting, limits.mail, limits.rcpt, limits.data, limits.block, limits.end) == (
        300,
        300,
        300,
        120,
        180,
        600,
    )
