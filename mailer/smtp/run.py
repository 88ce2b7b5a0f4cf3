"""One run of a fleet: envelopes in, a verdict for each into the journal, until all is answered or given up."""

import selectors
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from time import monotonic

from config.log import scrub
from mailer.smtp.connection import Connection
from mailer.smtp.envelope import Envelope, Unsendable
from mailer.smtp.errors import RelayUnavailable
from mailer.smtp.lane import READ, Journal, Lane, MayNotEnd, Timeouts
from mailer.smtp.opener import Opener
from mailer.smtp.patience import Patience
from mailer.smtp.terms import FINISH, ON, STOP, Go, RunResult
from mailer.smtp.transaction import WAITING, Closed, Conversation, Dismissed, Message

ATTEMPTS = 3
"""Connections a message may be announced on before it is given up."""
STOPPED = "sending was stopped"
OPENER_TICK = 0.02
"""Seconds between looks at what is being opened: a selector cannot wait for the opener's threads."""
ROW = 128
"""Messages taken in a row before they are sent. Making several and then sending several keeps what each needs in the
processor's caches: one by one a message takes a third longer."""


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
        self.result = RunResult()
        self._envelopes = envelopes
        self._watch = watch
        self._tick = tick
        self._next_look = monotonic() + tick
        self._waiting: deque[Message] = deque()
        self._again: deque[Message] = deque()  # announced on a lost connection: when all others have been
        self._exhausted = False
        self._go = ON
        self._failure: Exception | None = None
        self._patience = Patience(crew.connections)
        self._dismissed = False  # what is handed back was, by the relay's own word

    def go(self) -> RunResult:
        """Send everything. Raises what the iterator raised, once outstanding replies are read."""
        crew = self.crew
        for lane in list(crew.lanes):
            self._advance(lane)
        while True:
            if monotonic() >= self._next_look:
                self._look()
            self._staff()
            begins_more = self._waiting or self._again or (self._go is ON and not self._exhausted)
            if not begins_more and not any(lane.busy for lane in crew.lanes):
                break
            if crew.lanes:
                ready = crew.selector.select(OPENER_TICK if crew.opener.pending else self._tick)
                # Not for a relay that has taken nothing yet: it may be a dead one.
                if len(self._waiting) < len(ready) and any(lane.fruitful for lane in crew.lanes):
                    self._take_a_row()
                for key, events in ready:
                    self._serve(key.data, events)
        if self._failure:
            raise self._failure
        if self._dismissed and self._patience.strikes and not crew.lanes and self._go is not STOP:
            # It handed messages back by its own word, and no connection is left. With one, they are sent again at once.
            self.result.relay_error = self._patience.trouble
        return self.result

    def _look(self) -> None:
        """Once a tick: ask whether to go on, and end what took too long."""
        self._go = max(self._go, self._watch())
        if self._go is not ON:
            self._halt()
        now = monotonic()
        for lane in list(self.crew.lanes):
            if now > lane.deadline:
                self._drop(lane, Closed("it did not answer in time"))
        self._next_look = monotonic() + self._tick

    def _stop(self) -> None:
        """Send the end of nothing more; what is under way is seen to when the loop comes round."""
        self._go = STOP
        self._next_look = 0.0

    def _halt(self) -> None:
        """Hand back what waits and, to stop, all whose end was not sent."""
        self.result.not_begun.extend(message.key for message in self._left())
        if self._go is not STOP:
            return
        for lane in list(self.crew.lanes):
            ending = lane.conversation.ending
            if ending is not None and ending.ended:
                lane.cut()
            elif ending is not None or lane.conversation.announced is not None:
                self._drop(lane, Closed(STOPPED))

    def _left(self) -> list[Message]:
        """Take away all messages that are announced on no connection."""
        left = [*self._waiting, *self._again]
        self._waiting.clear()
        self._again.clear()
        return left

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
                    self._patience.opening_failed(result)
                    for message in (*self._waiting, *self._again):
                        message.lost = ""  # by a relay that was going away
        if self._waiting or self._again:
            for lane in list(crew.lanes):
                self._advance(lane)
        if not crew.lanes and not opener.pending:
            self._patience.begin_anew()
        may_open = not self._patience.is_over
        while may_open and len(crew.lanes) + opener.pending < crew.connections and self._has(opener.pending + 1):
            opener.start()
        if not (crew.lanes or opener.pending) and self._go is ON and self._has(1):
            self.result.relay_error = self._patience.trouble
            self._go = STOP
            for message in self._left():
                self._give_up(message)

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
        if self._go is not ON:
            return None
        if self._exhausted:
            return self._again.popleft() if self._again else None
        try:
            return Message(next(self._envelopes))
        except StopIteration:
            self._exhausted = True
            return self._pull()
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
        if events & READ or lane.secure:  # TLS may have something to read before it can write
            try:
                lane.read()
            except Closed as end:
                self._drop(lane, end)
                return
            self._record(lane)
        all_written = lane.wants == READ and not lane.unwritten
        if all_written or self._flush(lane):
            self._advance(lane)

    def _advance(self, lane: Lane) -> None:
        """Give the server all it can be given now."""
        conversation = lane.conversation
        while conversation.phase is not WAITING and not lane.unwritten:
            if self._go is STOP:
                if conversation.announced is not None:
                    self._drop(lane, Closed(STOPPED))
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
        except MayNotEnd:
            self._stop()
            self._drop(lane, Closed(STOPPED))
            return False
        except Closed as end:
            try:
                lane.read()  # a server that hangs up in mid-message has often said why
            except Closed as said:
                self._drop(lane, said)
            else:
                self._drop(lane, end)
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
                self._patience.verdict()
        verdicts.clear()

    def _drop(self, lane: Lane, end: Closed) -> None:
        """Close a lane; what it carried is unknown where its end was sent, else announced again behind all others.

        A message's first 421 may be for the connection, so another one is tried; its second is the verdict on it.
        """
        self._record(lane)
        conversation, was_busy = lane.conversation, lane.busy
        carried = [m for m in (conversation.announced, conversation.ending) if m is not None and not m.refused]
        self.crew.dismiss(lane)
        if was_busy and self._go is not STOP:
            # The second connection that a message loses says more of the message than of the relay.
            fruitless = not (lane.fruitful or any(message.attempts > 1 for message in carried))
            error = RelayUnavailable(f"relay {self.crew.name}: {scrub(str(end))}")
            self._patience.connection_lost(error, fruitless=fruitless)
        for message in carried:
            if message.ended:
                self.result.unknown.append(message.key)
            elif message.busy and message.attempts > 1:
                self.journal.replied(message.key, 421, message.busy)
            elif self._go is STOP:
                self.result.not_begun.append(message.key)
            else:
                message.lost = "" if isinstance(end, Dismissed) else str(self._patience.trouble)
                if self._go is FINISH or message.attempts >= ATTEMPTS:
                    self._give_up(message)
                else:
                    self._again.append(message)

    def _give_up(self, message: Message) -> None:
        """Say what became of a message that is not announced again; the relay's own word is not held against it."""
        if message.lost:
            self.result.given_up[message.key] = message.lost
        else:
            self.result.not_begun.append(message.key)
            self._dismissed = True
