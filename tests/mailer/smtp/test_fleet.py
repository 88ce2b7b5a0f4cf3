"""A fleet at work: what arrives, what is kept between runs, and how a run is stopped."""

import select
import time
from collections.abc import Callable, Iterator

import pytest

from mailer.smtp.envelope import Envelope
from mailer.smtp.fleet import Fleet
from mailer.smtp.lane import Timeouts
from mailer.smtp.run import ROW
from mailer.smtp.terms import Go
from tests.mailer.smtp.notes import Notes, deliver, fleet_for, message, messages, relay_of, watching
from tests.receiver import Received, Receiver, Say, Script, Session

pipelining = pytest.mark.parametrize("pipelining", [True, False])


@pipelining
@pytest.mark.parametrize("pieces", [0, 1, 7])
@pytest.mark.parametrize("connections", [1, 3])
def test_every_message_arrives_as_it_was(pipelining: bool, pieces: int, connections: int) -> None:
    class Waits(Script):
        def on_message(self, session: Session, message: Received) -> Say | None:
            return Say(delay=0.05) if len({got.connection for got in receiver.messages}) < connections else None

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


def test_messages_are_taken_a_row_ahead() -> None:
    pulled: list[Envelope] = []
    most = 0

    class Looks(Notes):
        def replied(self, key: int, code: int, text: str) -> None:
            nonlocal most
            most = max(most, len(pulled) - len(self.verdicts))
            super().replied(key, code, text)

    with Receiver() as receiver:
        notes = Looks()
        fleet = fleet_for(receiver, 1)
        fleet.run(watching(pulled, messages(3 * ROW, 1000)), notes)
        fleet.close()
        assert len(receiver.messages) == 3 * ROW
    assert most == ROW + 2, "the row, the one announced and the one that is answered"


def test_connections_are_kept_and_looked_at_before_use() -> None:
    with Receiver() as receiver:
        fleet, notes = fleet_for(receiver, 1), Notes()

        def send(first: int) -> None:
            outcome = fleet.run(iter([message(first), message(first + 1)]), notes)
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

    def watch() -> Go:
        calls.append(time.monotonic())
        return Go.ON if len(calls) < 3 else Go.STOP

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
        fleet.run(iter(messages(3)), notes_after)
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
        fleet.run(iter(messages(1)), Notes(), lambda: calls.append(time.monotonic()) or Go.ON)
        fleet.close()
    assert len(calls) >= 10


def test_stopped_while_connecting() -> None:
    class Slow(Script):
        def on_connect(self, session: Session) -> Say | None:
            return Say(delay=1.0)

    with Receiver(Slow()) as receiver:
        fleet, notes = Fleet(relay_of(receiver), 2, look_every=0.05), Notes()
        outcome = fleet.run(iter(messages(9)), notes, lambda: Go.STOP)
        assert outcome.not_begun == [0, 1]
        assert not notes.verdicts
        fleet.run(iter(messages(9)), notes)
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
            fleet.run(broken(), notes)
        assert notes.ended == set(notes.verdicts)
        assert len(receiver.messages) == len(notes.verdicts)
        fleet.close()


def test_a_watch_that_fails_closes_what_was_under_way() -> None:
    def watch() -> Go:
        raise LookupError("no database")

    with Receiver(delay=0.3) as receiver:
        fleet, notes = Fleet(relay_of(receiver), 2, look_every=0.05), Notes()
        with pytest.raises(LookupError):
            fleet.run(iter(messages(10)), notes, watch)
        fleet.run(iter(messages(4)), Notes())
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
