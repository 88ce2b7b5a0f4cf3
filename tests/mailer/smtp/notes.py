"""A journal that checks the order of what it is told, and the way the tests run a fleet."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from config.settings import RelayUrl
from mailer.smtp.envelope import Envelope
from mailer.smtp.fleet import LOOK_EVERY, Fleet
from mailer.smtp.lane import Timeouts
from mailer.smtp.terms import Go, RunResult
from tests.receiver import Received, Receiver

SHORT = Timeouts(connect=5, greeting=5, mail=0.4, rcpt=0.4, data=0.4, block=0.4, end=0.4)


@dataclass
class Notes:
    """A journal. `allow` says how many ends may be sent before the lease is over."""

    allow: int = 1_000_000
    verdicts: dict[int, tuple[int, str]] = field(default_factory=dict)
    ended: set[int] = field(default_factory=set)
    withdrawn: int = 0
    asked: int = 0

    def end_sent(self, key: int) -> bool:
        assert key not in self.verdicts, "the end of a decided message"
        assert key not in self.ended, "the same end twice"
        self.asked += 1
        if self.asked > self.allow:
            return False
        self.ended.add(key)
        return True

    def end_withdrawn(self, key: int) -> None:
        assert key in self.ended and key not in self.verdicts
        self.ended.remove(key)
        self.withdrawn += 1

    def replied(self, key: int, code: int, text: str) -> None:
        assert key not in self.verdicts, "two verdicts"
        assert 200 <= code < 600 and len(text) <= 500
        self.verdicts[key] = (code, text)

    def codes(self) -> dict[int, int]:
        return {key: code for key, (code, _) in self.verdicts.items()}


def message(key: int, size: int = 0) -> Envelope:
    """A message whose content names its key."""
    content = b"Subject: %d\r\n\r\nHello.\r\n" % key + b"0123456789abcdef\r\n" * (size // 18)
    return Envelope(key, f"b{key}@bounce.example.org", f"person{key}@example.com", (content,))


def messages(count: int, size: int = 0) -> list[Envelope]:
    return [message(key, size) for key in range(count)]


def watching(pulled: list[Envelope], envelopes: Iterable[Envelope]) -> Iterator[Envelope]:
    for envelope in envelopes:
        pulled.append(envelope)
        yield envelope


def relay_of(receiver: Receiver, query: str = "", host: str = "127.0.0.1", scheme: str = "smtp") -> RelayUrl:
    return RelayUrl(f"{scheme}://{host}:{receiver.port}{query}")


def fleet_for(receiver: Receiver, connections: int = 2, timeouts: Timeouts | None = None) -> Fleet:
    return Fleet(relay_of(receiver), connections, timeouts=timeouts)


def deliver(
    receiver: Receiver,
    envelopes: Iterable[Envelope],
    *,
    connections: int = 2,
    timeouts: Timeouts | None = None,
    notes: Notes | None = None,
    watch: Callable[[], Go] = lambda: Go.ON,
    relay: RelayUrl | None = None,
    look_every: float = LOOK_EVERY,
) -> tuple[Notes, RunResult]:
    """Send with a fleet of its own; checks that every envelope taken is accounted for exactly once."""
    notes = notes or Notes()
    pulled: list[Envelope] = []
    fleet = Fleet(relay or relay_of(receiver), connections, timeouts=timeouts, look_every=look_every)
    try:
        outcome = fleet.run(watching(pulled, envelopes), notes, watch)
    finally:
        fleet.close()
    check_account(pulled, notes, outcome, receiver.messages)
    return notes, outcome


def check_account(pulled: list[Envelope], notes: Notes, outcome: RunResult, received: list[Received]) -> None:
    """Every key taken is in exactly one place, and what the server has agrees with it."""
    places = [*notes.verdicts, *outcome.not_begun, *outcome.given_up, *outcome.unknown]
    assert sorted(places) == sorted(envelope.key for envelope in pulled)
    assert not notes.ended.intersection([*outcome.not_begun, *outcome.given_up]), (
        "handed back although its end was sent"
    )
    assert notes.ended.issuperset(outcome.unknown)
    contents = {envelope.content: envelope for envelope in pulled}
    arrived = [contents[got.content].key for got in received]
    assert len(set(arrived)) == len(arrived), "the same message twice"
    for got in received:
        envelope = contents[got.content]
        assert (got.mail_from, got.rcpt) == (envelope.return_path, envelope.recipient)
        assert envelope.key in outcome.unknown or notes.verdicts[envelope.key][0] < 300
    taken = set(arrived)
    for key, (code, _) in notes.verdicts.items():
        assert (code < 300) == (key in taken)
