"""What may be said of the end of a message when the network takes it in pieces."""

import socket
from collections.abc import Iterator

import pytest

from mailer.smtp.connection import Connection, Extensions
from mailer.smtp.lane import PLAIN_SLICE, READ, Lane, MayNotEnd, Timeouts
from mailer.smtp.transaction import Burst, Closed, Message
from tests.mailer.smtp.notes import Notes, message

Pair = tuple[Lane, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    """A lane over a link that holds little, and its far end."""
    near, far = socket.socketpair()
    with near, far:
        near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
        near.setblocking(False)
        far.settimeout(10)
        yield Lane(Connection(near, Extensions(pipelining=True, size=0)), Timeouts()), far


def up_to_the_body(lane: Lane, far: socket.socket, notes: Notes, size: int) -> Message:
    """Announce a message of this size, have DATA granted, and load the body."""
    passenger, conversation = Message(message(1, size)), lane.conversation
    burst = conversation.next_burst(passenger, conversation.announceable(passenger))
    assert burst
    lane.load(burst)
    assert lane.flush(notes)
    assert far.recv(1000).endswith(b"DATA\r\n")
    far.sendall(b"250 ok\r\n250 ok\r\n354 go\r\n")
    lane.read()
    burst = conversation.next_burst(None)
    assert burst
    lane.load(burst)
    return passenger


@pytest.mark.parametrize("size", [PLAIN_SLICE // 2, PLAIN_SLICE * 3])
def test_the_end_counts_as_sent_only_when_some_of_it_left(pair: Pair, size: int) -> None:
    lane, far = pair
    notes = Notes()
    passenger = up_to_the_body(lane, far, notes, size)
    arrived, turns = b"", 0
    while not lane.flush(notes):
        turns += 1
        assert not passenger.ended
        assert not notes.ended, "only a part was written, and not the end"
        arrived += far.recv(3000)
    assert passenger.ended
    assert notes.ended == {1}
    assert turns > 2
    assert notes.asked == notes.withdrawn + 1
    assert notes.asked <= 1 + (min(size, PLAIN_SLICE) // 3000) * 2, "asked before the end was near"
    while not arrived.endswith(b"\r\n.\r\n"):
        arrived += far.recv(65536)
    assert arrived == passenger.envelope.content + b".\r\n"


def test_when_the_lease_is_over_no_byte_of_the_last_slice_leaves(pair: Pair) -> None:
    lane, far = pair
    notes = Notes(allow=0)
    passenger = up_to_the_body(lane, far, notes, 100)
    with pytest.raises(MayNotEnd):
        lane.flush(notes)
    assert not passenger.ended
    far.settimeout(0)
    with pytest.raises(BlockingIOError):
        far.recv(1)


def test_a_send_that_fails_withdraws_the_end(pair: Pair) -> None:
    lane, far = pair
    notes = Notes()
    passenger = up_to_the_body(lane, far, notes, 100)
    far.close()
    with pytest.raises(Closed):
        lane.flush(notes)
    assert not passenger.ended
    assert (notes.asked, notes.withdrawn, notes.ended) == (1, 1, set())


def test_what_stands_behind_the_end_can_be_forgotten(pair: Pair) -> None:
    lane, far = pair
    notes, passenger = Notes(), Message(message(1))
    end = len(passenger.envelope.content)
    lane.load(Burst(passenger.envelope.content + b".\r\n" + b"NOOP\r\n" * 100_000, passenger, end))
    assert not lane.flush(notes)
    assert passenger.ended
    assert lane.wants != READ
    lane.cut()
    assert not lane.unwritten
    assert lane.flush(notes)
    assert lane.wants == READ
    assert far.recv(end + 3) == passenger.envelope.content + b".\r\n"
