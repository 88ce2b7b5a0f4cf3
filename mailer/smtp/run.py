"""One run of a fleet: envelopes in, a verdict for each into the journal, until all is answered or given up."""

import selectors
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from time import monotonic

from config.log import scrub
from mailer.smtp.connection import Connection
from mailer.smtp.envelope import Envelope, Unsendable
from mailer.smtp.errors import RelayError, RelayUnavailable
from mailer.smtp.lane import READ, Journal, Lane, LeaseOver, Timeouts
from mailer.smtp.opener import Opener
from mailer.smtp.transaction import Closed, Conversation, Message, State

ATTEMPTS = 3
"""Connections a message may be announced on before it is handed back."""
STRIKES = ATTEMPTS + 1
"""Connections that may come to nothing in a row, so that one poisonous message cannot pass for a dead relay."""
STOPPED = "sending was stopped"
ROW = 128
"""Messages taken in a row before they are sent. Making several and then sending several keeps what each needs in the
processor's caches: one by one a message takes a third longer."""


class Go(IntEnum):
    """What a watch says. Each is more of an end than the one before, and none is taken back."""

    ON = 0
    FINISH = 1
    """Begin nothing more: what waits is handed back, what is announced goes on to its end."""
    STOP = 2
    """Send the end of nothing more: only replies to what was sent are read."""


ON, FINISH, STOP = Go


@dataclass(slots=True)
class Outcome:
    """What became of the keys that have no verdict in the journal, and why sending ended early if it did."""

    not_begun: list[int] = field(default_factory=list)
    """Taken from the iterator, but their end was never sent: safe to send again."""
    unknown: list[int] = field(default_factory=list)
    """Their end was sent and no reply came."""
    relay_error: RelayError | None = None
    """Set when nothing more could be sent for lack of a connection: RelayUnavailable or RelayRefused."""


@dataclass(slots=True)
class Crew:
    """What a fleet keeps between its runs."""

    name: str
    connections: int
    timeouts: Timeouts
    opener: Opener
    selector: selectors.BaseSelector
    lanes: list[Lane] = field(default_factory=list)
    size_limit: int | None = None
    """What the relay last said of the size it takes."""

    def dismiss(self, lane: Lane) -> None:
        """Close a lane and forget it."""
        self.selector.unregister(lane.link)
        self.lanes.remove(lane)
        lane.close()


class Run:
    """The loop over one iterator of envelopes."""

    def __init__(
        self, crew: Crew, envelopes: Iterator[Envelope], journal: Journal, watch: Callable[[], Go], tick: float
    ) -> None:
        self.crew = crew
        self.journal = journal
        self.outcome = Outcome()
        self._envelopes = envelopes
        self._watch = watch
        self._tick = tick
        self._next_look = monotonic() + tick
        self._waiting: deque[Message] = deque()
        self._exhausted = False
        self._go = ON
        self._failure: Exception | None = None
        self._trouble: RelayError | None = None
        self._strikes = 0  # openings failed and connections lost in a row, without a verdict between
        self._open_failed = False

    def go(self) -> Outcome:
        """Send everything. Raises what the iterator raised, once outstanding replies are read."""
        crew = self.crew
        for lane in list(crew.lanes):
            self._advance(lane)
        while True:
            if monotonic() >= self._next_look:
                self._look()
            self._staff()
            begins_more = self._waiting or not (self._exhausted or self._go is not ON)
            if not begins_more and not any(lane.busy for lane in crew.lanes):
                break
            if crew.lanes:
                ready = crew.selector.select(0.02 if crew.opener.pending else self._tick)
                if len(self._waiting) < len(ready):
                    self._take_a_row()
                for key, events in ready:
                    self._serve(key.data, events)
        if self._failure:
            raise self._failure
        if self.outcome.not_begun and self._strikes and self._go is ON:
            self.outcome.relay_error = self._trouble  # the last thing known of the relay is that it fails
        return self.outcome

    def _look(self) -> None:
        """Once a tick: ask whether to go on, and end what took too long."""
        self._go = max(self._go, self._watch())
        if self._go is not ON:
            self._halt()
        now = monotonic()
        for lane in list(self.crew.lanes):
            if now > lane.deadline:
                self._drop(lane, "it did not answer in time")
        self._next_look = monotonic() + self._tick

    def _stop(self) -> None:
        """Send the end of nothing more; what is under way is seen to when the loop comes round."""
        self._go = STOP
        self._next_look = 0.0

    def _halt(self) -> None:
        """Hand back what waits and, to stop, all whose end was not sent."""
        self.outcome.not_begun.extend(message.key for message in self._waiting)
        self._waiting.clear()
        if self._go is not STOP:
            return
        for lane in list(self.crew.lanes):
            ending = lane.conversation.ending
            if ending is not None and ending.ended:
                lane.cut()
            elif ending is not None or lane.conversation.announced is not None:
                self._drop(lane, STOPPED)

    def _staff(self) -> None:
        """Take in opened connections, open as many more as there is work for, give up when there are none."""
        crew, opener = self.crew, self.crew.opener
        if opener.pending:
            for result in opener.collect(0 if crew.lanes else self._tick):
                if isinstance(result, Connection):
                    lane = Lane(result, crew.timeouts)
                    crew.size_limit = result.extensions.size or 0
                    crew.lanes.append(lane)
                    crew.selector.register(lane.link, READ, lane)
                    self._advance(lane)
                else:
                    self._trouble, self._open_failed = result, True
                    self._strikes += 1
        if self._waiting:
            for lane in list(crew.lanes):
                self._advance(lane)
        if not crew.lanes and not opener.pending and not self._strikes:
            self._open_failed = False  # it worked in between: worth another try
        may_open = not self._open_failed and self._strikes < max(STRIKES, crew.connections)
        while may_open and len(crew.lanes) + opener.pending < crew.connections and self._has(opener.pending + 1):
            opener.start()
        if not (crew.lanes or opener.pending) and self._go is ON and self._has(1):
            self.outcome.relay_error = self._trouble
            self._go = STOP
            self._halt()

    def _has(self, number: int) -> bool:
        """Whether so many messages wait for a connection, after pulling as many as that takes."""
        while len(self._waiting) < number:
            message = self._pull()
            if message is None:
                return False
            self._waiting.append(message)
        return True

    def _take_a_row(self) -> None:
        while len(self._waiting) < ROW and (message := self._pull()):
            self._waiting.append(message)

    def _pull(self) -> Message | None:
        if self._exhausted or self._go is not ON:
            return None
        try:
            return Message(next(self._envelopes))
        except StopIteration:
            self._exhausted = True
        except Exception as error:  # noqa: BLE001  raised again at the end of the run
            self._failure = error
            self._stop()
        return None

    def _take(self, conversation: Conversation) -> tuple[Message | None, tuple[bytes, bytes]]:
        """The next message that this server can be offered, with its commands."""
        while self._go is ON:
            message = self._waiting.popleft() if self._waiting else self._pull()
            if message is None:
                break
            try:
                return message, conversation.announceable(message)
            except Unsendable as refusal:
                self.journal.replied(message.key, refusal.code, refusal.text)
        return None, (b"", b"")

    def _serve(self, lane: Lane, events: int) -> None:
        if lane.link.fileno() < 0:
            return  # dropped earlier in this turn
        reason = None
        if events & READ or lane.secure:
            try:
                lane.read()
            except Closed as end:
                reason = str(end)
            self._record(lane)
        if reason is not None:
            self._drop(lane, reason)
        elif not (lane.unwritten or lane.wants != READ) or self._flush(lane):
            self._advance(lane)

    def _advance(self, lane: Lane) -> None:
        """Give the server all it can be given now."""
        conversation = lane.conversation
        while conversation.state is not State.WAITING and not lane.unwritten:
            if self._go is STOP:
                if conversation.announced is not None:
                    self._drop(lane, STOPPED)
                return
            message, commands = self._take(conversation) if conversation.takes_message else (None, (b"", b""))
            burst = conversation.next_burst(message, commands)
            if burst is None:
                return
            lane.load(burst)
            if not self._flush(lane):
                return

    def _flush(self, lane: Lane) -> bool:
        """Write on; True when the lane lives and all is written."""
        try:
            done = lane.flush(self.journal)
        except LeaseOver:
            self._stop()
            self._drop(lane, STOPPED)
            return False
        except Closed as end:
            reason = str(end)
            try:
                lane.read()  # a server that hangs up in mid-message has often said why
            except Closed as said:
                reason = str(said)
            self._record(lane)
            self._drop(lane, reason)
            return False
        if lane.wants != lane.registered:
            self.crew.selector.modify(lane.link, lane.wants, lane)
            lane.registered = lane.wants
        return done

    def _record(self, lane: Lane) -> None:
        verdicts = lane.conversation.verdicts
        for message, code, text in verdicts:
            self.journal.replied(message.key, code, text)
            if code != 421:
                lane.fruitful = True
                self._strikes = 0
        verdicts.clear()

    def _drop(self, lane: Lane, reason: str) -> None:
        """Close a lane; what it carried is unknown where its end was sent, else put back."""
        conversation, was_busy = lane.conversation, lane.busy
        self.crew.dismiss(lane)
        if was_busy and self._go is not STOP:
            self._strikes += not lane.fruitful
            self._trouble = RelayUnavailable(f"relay {self.crew.name}: {scrub(reason)}")
        for message in (conversation.announced, conversation.ending):
            if message is None or message.refused:
                continue
            if message.ended:
                self.outcome.unknown.append(message.key)
            elif message.busy and message.attempts > 1:
                self.journal.replied(message.key, 421, message.busy)
            elif self._go is not ON or message.attempts >= ATTEMPTS:
                self.outcome.not_begun.append(message.key)
            else:
                self._waiting.appendleft(message)
