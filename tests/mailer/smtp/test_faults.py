"""Whatever the server does, each message taken is accounted for once, and nothing arrives twice."""

from dataclasses import dataclass

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailer.smtp.envelope import Envelope
from mailer.smtp.fleet import Fleet
from mailer.smtp.lane import Timeouts
from mailer.smtp.terms import Go
from tests.mailer.smtp.notes import SHORT, Notes, check_account, messages, relay_of, watching
from tests.receiver import Received, Receiver, Say, Script, Session

REPLIES = ["450 4.2.1 no", "550 5.1.1 no", "421 4.3.2 leaving", "250 2.0.0 ok", "354 go on", "503 5.5.1 what", "300 hm"]
REPLIES += ["hello", "", "\x00\udcff\x01", "250-a\r\n250 b", "250-a\r\n550 b", "250 a\r\n250 b", "250 " + "x" * 9000]

faults = st.one_of(
    st.builds(Say, st.sampled_from(REPLIES), close=st.booleans()),
    st.builds(Say, st.none(), close=st.just(True)),
    st.builds(Say, st.none(), close=st.just(False)),
    st.builds(Say, st.just(""), delay=st.just(0.03)),
)


@dataclass
class Bad(Script):
    """Works through a plan: after so many calls of any kind, this fault."""

    plan: list[tuple[int, Say]]
    takes: bool
    """Whether a message is kept where the answer to its end says nothing of it."""

    def step(self) -> Say | None:
        if not self.plan:
            return None
        calls, fault = self.plan[0]
        if calls:
            self.plan[0] = (calls - 1, fault)
            return None
        self.plan.pop(0)
        return fault

    def on_connect(self, session: Session) -> Say | None:
        return self.step()

    def on_command(self, session: Session, verb: str, argument: str) -> Say | None:
        return self.step() if verb in {"MAIL", "RCPT", "DATA", "RSET"} else None

    def on_data(self, session: Session, seen: int) -> Say | None:
        fault = self.step() if seen > 1000 else None
        if fault is None or not fault.reply:
            return fault
        if fault.reply.startswith("250"):
            return None  # thanks for what it then does not keep: that lie nobody can see through
        return Say(fault.reply, close=True)

    def on_message(self, session: Session, message: Received) -> Say | None:
        fault = self.step()
        if fault is None or fault.reply == "":
            return fault
        taken = fault.reply[:3] == "250" if fault.reply and fault.reply[:1] in "2345" else self.takes
        return Say(fault.reply, fault.close, fault.delay, take=taken)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    plan=st.lists(st.tuples(st.integers(0, 25), faults), max_size=12),
    takes=st.booleans(),
    pipelining=st.booleans(),
    pieces=st.sampled_from([0, 0, 3]),
    connections=st.integers(1, 3),
    count=st.integers(1, 40),
    size=st.sampled_from([0, 5000, 400_000]),
    lease=st.sampled_from([1_000_000, 1_000_000, 7]),
    looks=st.sampled_from([1_000_000, 1_000_000, 1, 3]),
    then=st.sampled_from([Go.FINISH, Go.STOP]),
)
def test_every_message_is_in_exactly_one_place(
    plan: list[tuple[int, Say]],
    takes: bool,
    pipelining: bool,
    pieces: int,
    connections: int,
    count: int,
    size: int,
    lease: int,
    looks: int,
    then: Go,
) -> None:
    remaining = iter(range(looks))
    pulled: list[Envelope] = []
    notes = Notes(allow=lease)
    limits = Timeouts(5, 1.0, *[SHORT.mail] * 5)
    with Receiver(Bad(plan, takes), pipelining=pipelining, pieces=pieces) as receiver:
        fleet = Fleet(relay_of(receiver), connections, timeouts=limits, look_every=0.03)
        try:
            outcome = fleet.run(
                watching(pulled, messages(count, size)), notes, lambda: then if next(remaining, None) is None else Go.ON
            )
        finally:
            fleet.close()
    check_account(pulled, notes, outcome, receiver.messages)
    if outcome.relay_error is None and lease == looks == 1_000_000:
        assert len(pulled) == count
