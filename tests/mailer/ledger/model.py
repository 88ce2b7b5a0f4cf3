"""The ledger under a model: workers that claim, send, die, sleep and wake in any order, on hosts that fail.

The functions are the real ones, on a real database and with real flight recorders. Only the SMTP server is a model:
what it accepted. After every step the batches' counts equal the rows, nobody was reached twice without having been
listed as uncertain, and every change of state is one that the table allows; at the end everybody is accounted for.
"""

import os
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from sqlalchemy import delete, event, insert, select, update
from sqlalchemy.orm import Session

from config.database import Base, reading, transaction
from config.settings import settings
from mailer import control, lifecycle
from mailer.ledger import recorder, recovery, witness
from mailer.ledger.claims import Claim, claim_batch, renew
from mailer.ledger.deferrals import regroup_due
from mailer.ledger.models import Attempt, Batch, ClaimCounter, Delivery, Fact
from mailer.ledger.outcomes import outcomes_of, record
from mailer.ledger.reconcile import reconcile
from mailer.ledger.states import TRANSITIONS, State
from mailer.ledger.witness import LedgerWentBackError
from mailer.models import Mailing, MailingState
from mailer.turn import Turn
from tests.press import claims_expire

PEOPLE = 5
BATCH = 3
HOSTS = ("north", "south")
WORKERS = st.integers(0, 1)
PLACES = st.integers(0, 5)
CODES = st.sampled_from([451, 250, 550])
FINAL = {State.sent, State.failed, State.uncertain, State.skipped}
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


class Died(Exception):
    """The process ended here."""


@dataclass
class Worker:
    """A claim in hand, and the messages whose end was sent and not answered."""

    host: str
    turn: Turn
    begun: int = 0
    in_flight: set[int] = field(default_factory=set)
    stale: bool = False
    """The database may have forgotten this claim."""

    @property
    def claim(self) -> Claim:
        return self.turn.claim


def rows_of(session: Session, table: type[Base]) -> list[dict[str, object]]:
    return [{c.name: getattr(row, c.name) for c in table.__table__.columns} for row in session.scalars(select(table))]


def reachable(state: str) -> set[str]:
    """The states that one call may bring a delivery to: at most claimed, its outcome, and queued again."""
    found = {State(state)}
    for _ in range(3):
        found |= {new for old in found for new in TRANSITIONS[old]}
    return {str(one) for one in found}


class Ledger(RuleBasedStateMachine):
    """One mailing, and two hosts with two workers in all, besides those to whom nothing happens."""

    mailing_id: int
    folder: Path

    copy: dict[type[Base], list[dict[str, object]]]

    @initialize(on_uncertain=st.sampled_from(["leave", "leave", "resend"]))
    def begin_anew(self, on_uncertain: str) -> None:
        self.workers: dict[int, Worker] = {}
        self.accepted: Counter[int] = Counter()
        self.ended: set[int] = set()  # those whose end was sent, or whose recorder cannot tell
        self.doubted: set[int] = set()  # those whose claim another host ended, until their own tells
        self.retried: set[int] = set()  # a person wanted these again
        self.heard: set[int] = set()  # a recorder knows that these were accepted
        self.gave_up = False
        self.silent: set[int] = set()  # claims that nobody can know of: their process died right after the commit
        self.gone: set[str] = set()
        self.resends = on_uncertain == "resend"
        self.last: dict[int, str] = {}
        self.now, self.open, self.claimed = "sending", True, False
        self.copy, self.behind, self.went_back = {}, False, False
        for host in HOSTS:
            self.be_on(host)
            for path in recorder.all_files(settings().state_dir):
                path.unlink()
        with transaction() as session:
            for table in (Delivery, Batch, Attempt, Fact):
                session.execute(delete(table))
            session.execute(update(ClaimCounter).values(value=witness.seen()))
            session.execute(
                update(Mailing).values(
                    state=MailingState.sending, on_uncertain=on_uncertain, pause_reason="", finished_at=None
                )
            )
            session.execute(insert(Delivery), self.deliveries)
            session.execute(insert(Batch), self.batches)

    def be_on(self, host: str) -> None:
        """Act as that host: its state folder, its name."""
        os.environ["BROADSIDE_STATE_DIR"] = str(self.folder / host)
        settings.cache_clear()

    def state(self) -> str:
        with reading() as session:
            return str(session.scalar(select(Mailing.state)))

    def open_batches(self) -> list[int]:
        with reading() as session:
            return list(session.scalars(select(Batch.number).where(Batch.state == "open").order_by(Batch.number)))

    def batch_of(self, seq: int) -> int:
        with reading() as session:
            return int(session.scalars(select(Delivery.batch).where(Delivery.seq == seq)).one())

    # Workers

    @precondition(lambda self: self.now == "sending" and self.open)
    @rule(
        worker=WORKERS, place=PLACES, host=st.sampled_from(HOSTS), dies=st.sampled_from(["", "", "", "before", "after"])
    )
    def claim(self, worker: int, place: int, host: str, dies: str) -> None:
        """Claim a batch; perhaps die before the commit, or after it and before a relay is chosen."""
        batches = self.open_batches()
        if worker in self.workers or host in self.gone or not batches:
            return
        self.recover(host)
        number = batches[place % len(batches)]
        if self.behind:
            with pytest.raises(LedgerWentBackError):
                claim_batch(self.mailing_id, number)
            return
        if dies:

            def die(_session: Session) -> None:
                raise Died

            event.listen(Session, f"{dies}_commit", die)
            try:
                claim_batch(self.mailing_id, number)
            except Died:
                if dies == "after":
                    path = recorder.open_files(settings().state_dir)[-1]
                    evidence = recorder.read(path)
                    assert evidence is not None
                    self.silent.add(evidence.claim)
                    # It may be that another host ends it, and then its recorder proves nothing
                    self.ended.update(entry.seq for entry in evidence.entries)
            finally:
                event.remove(Session, f"{dies}_commit", die)
            return
        claim = claim_batch(self.mailing_id, number)
        if claim is not None:
            claim.recorder.relay(1)
            self.silent.discard(claim.number)  # before the database went back another had that number
            self.workers[worker] = Worker(host, Turn(claim, settings().relays[0], urgent=False))

    @precondition(lambda self: self.now == "sending" and self.open)
    @rule(place=PLACES, host=st.sampled_from(HOSTS), codes=st.lists(CODES, min_size=1, max_size=BATCH))
    def take_a_turn(self, place: int, host: str, codes: list[int]) -> None:
        """A whole turn of a worker to whom nothing happens; a short one gives back what is left."""
        self.claim(3, place, host, "")
        for code in codes:
            self.send_end(3, lost=False)
            self.reply(3, code, heard=True)
        self.end_turn(3, "")

    def claim_batch_of(self, seq: int, worker: int, host: str) -> None:
        """Claim the batch that a delivery is in."""
        self.claim(worker, self.open_batches().index(self.batch_of(seq)), host, "")

    def take_a_turn_at(self, seq: int, host: str, codes: list[int]) -> None:
        """Take a turn at the batch that a delivery is in."""
        self.take_a_turn(self.open_batches().index(self.batch_of(seq)), host, codes)

    def fall_into_doubt(self) -> None:
        """A worker on one host sends the end of the first message and sleeps; another host ends its claim."""
        self.claim(0, 0, "north", "")
        self.send_end(0, lost=False)
        self.oversleep(0)
        self.expire("south")

    @precondition(lambda self: self.now == "sending" and self.open and (self.workers or self.gone))
    @rule(host=st.sampled_from(HOSTS))
    def work_through(self, host: str) -> None:
        """Whole turns until nothing is open."""
        while self.state() == "sending" and host not in self.gone and not self.behind and self.open_batches():
            self.take_a_turn(0, host, [250] * BATCH)

    @precondition(lambda self: self.workers)
    @rule(worker=WORKERS, lost=st.booleans())
    def send_end(self, worker: int, lost: bool) -> None:
        """Mark an end, look at the lease, send it; or the process dies or sleeps before the bytes leave (lost)."""
        one = self.workers.get(worker)
        if one is None or one.begun == len(one.claim.due):
            return
        slot = one.begun
        if not one.turn.end_sent(slot):
            return
        one.begun += 1
        self.ended.add(one.claim.due[slot].seq)
        if not lost:
            one.in_flight.add(slot)

    @precondition(lambda self: any(worker.in_flight for worker in self.workers.values()))
    @rule(worker=WORKERS, code=CODES, heard=st.booleans())
    def reply(self, worker: int, code: int, heard: bool) -> None:
        """The server decides on a message; its reply is heard or the connection dies first."""
        one = self.workers.get(worker)
        if one is None or not one.in_flight:
            return
        slot = min(one.in_flight)
        one.in_flight.remove(slot)
        seq = one.claim.due[slot].seq
        if code == 250:
            self.accept(seq)
        if heard:
            one.turn.replied(slot, code, "said the server")
            self.heard |= {seq} if code == 250 else set()

    def accept(self, seq: int) -> None:
        if self.accepted[seq]:
            with reading() as session:
                listed = session.scalar(select(Delivery.was_uncertain).where(Delivery.seq == seq))
            assert listed, f"delivery {seq} went out twice and was never listed as uncertain"
            assert self.resends or seq in self.retried, f"delivery {seq} went out twice and nobody asked for it"
        self.accepted[seq] += 1

    @precondition(lambda self: self.workers)
    @rule(worker=WORKERS, dies=st.sampled_from(["", "", "", "before", "after"]))
    def end_turn(self, worker: int, dies: str) -> None:
        """Record the batch as `send_batch` does; perhaps die before the commit, or after it."""
        one = self.workers.pop(worker, None)
        if one is None:
            return
        self.be_on(one.host)
        claim = one.claim
        try:
            if dies == "before":
                return
            with transaction() as session:
                outcomes = outcomes_of(claim.recorder.evidence())
                held = record(session, claim.mailing_id, claim.batch, claim.number, outcomes, relay_id=None)
            if dies == "after":
                return
            if not held:
                recovery.settle(claim.recorder.evidence())
            claim.recorder.mark_recorded()
        finally:
            claim.recorder.close()

    @precondition(lambda self: self.workers)
    @rule(worker=WORKERS)
    def crash(self, worker: int) -> None:
        one = self.workers.pop(worker, None)
        if one is not None:
            one.claim.recorder.close()

    @precondition(lambda self: self.workers)
    @rule(worker=WORKERS)
    def oversleep(self, worker: int) -> None:
        """The worker's lease is over by its own clock, and for long by the database's."""
        one = self.workers.get(worker)
        if one is not None:
            one.claim.lease.lost()
            with transaction() as session:
                session.execute(
                    update(Batch)
                    .where(Batch.number == one.claim.batch, Batch.claim == one.claim.number, Batch.state == "claimed")
                    .values(lease_until=LONG_AGO)
                )

    @precondition(lambda self: len(self.workers) == 1 and self.now == "sending" and not self.behind)
    @rule(finder=st.sampled_from(HOSTS), taker=st.sampled_from(HOSTS))
    def be_overtaken(self, finder: str, taker: str) -> None:
        """A worker oversleeps, its claim is ended and another has its messages when it wakes up."""
        ((sleeper, one),) = self.workers.items()
        self.oversleep(sleeper)
        self.expire(finder)
        self.time_passes()  # what another host called uncertain is sent again where that is wanted
        with reading() as session:
            theirs = select(Delivery.batch).where(
                Delivery.seq.in_([due.seq for due in one.claim.due]), Delivery.state == State.queued
            )
            batch = session.scalar(select(Batch.number).where(Batch.state == "open", Batch.number.in_(theirs)))
        if batch is not None:
            self.claim(1 - sleeper, self.open_batches().index(batch), taker, "")

    @precondition(lambda self: self.workers)
    @rule(worker=WORKERS)
    def ask_for_more_time(self, worker: int) -> None:
        if worker in self.workers:
            renew(self.workers[worker].claim)

    # Hosts

    @precondition(lambda self: not self.gone and self.workers)
    @rule(host=st.sampled_from(HOSTS))
    def host_goes(self, host: str) -> None:
        """It is off: its workers die, and their leases run out."""
        self.gone.add(host)
        for number, one in list(self.workers.items()):
            if one.host == host:
                self.crash(number)
        self.leases_run_out()

    @precondition(lambda self: self.gone)
    @rule(rebooted=st.booleans())
    def host_returns(self, rebooted: bool) -> None:
        for host in self.gone:
            self.be_on(host)
            for path in recorder.open_files(settings().state_dir):
                if rebooted:
                    self.forget_last_pages(path)
        self.gone.clear()

    def forget_last_pages(self, path: Path) -> None:
        """After a reboot the file carries another boot's name, and an end that was sent may not have reached the disk."""
        data = bytearray(path.read_bytes())
        evidence = recorder.read(path)
        assert evidence is not None
        data[16:52] = b"another boot".ljust(36, b"\0")
        for slot, entry in enumerate(evidence.entries):
            self.ended.add(entry.seq)
            if entry.step is recorder.Step.end_sent:
                data[recorder._at(slot)] = recorder.Step.not_begun
        path.write_bytes(data)

    def leases_run_out(self) -> None:
        """Of claims whose holder is dead."""
        living = [one.claim.number for one in self.workers.values()]
        with transaction() as session:
            session.execute(
                update(Batch).where(Batch.state == "claimed", Batch.claim.not_in(living)).values(lease_until=LONG_AGO)
            )

    @precondition(lambda self: self.now != "finished" or self.gone)
    @rule(host=st.sampled_from(HOSTS))
    def recover(self, host: str) -> None:
        if host in self.gone:
            return
        self.be_on(host)
        with reading() as session:
            theirs = Batch.state == "claimed", Batch.owner == recorder.host_id(settings().state_dir)
            known = session.scalars(select(Batch.claim).where(*theirs)).all()
        recovery.recover_host()
        self.silent.difference_update(known)  # it found them in the database, and noted it

    @precondition(lambda self: self.claimed)
    @rule(host=st.sampled_from(HOSTS))
    def expire(self, host: str) -> None:
        if host in self.gone or self.behind:
            return
        self.be_on(host)
        with reading() as session:
            elsewhere = session.scalars(
                select(Delivery.seq)
                .join(Batch, (Batch.number == Delivery.batch))
                .where(
                    Batch.state == "claimed",
                    Batch.lease_until <= LONG_AGO,
                    Batch.owner != recorder.host_id(settings().state_dir),
                )
            ).all()
        self.doubted.update(elsewhere)
        claims_expire()

    # What is due, and what a person wants

    @precondition(lambda self: {State.deferred, State.uncertain} & set(self.last.values()))
    @rule()
    def time_passes(self) -> None:
        """Whatever waits for its time is due, and is found."""
        with transaction() as session:
            session.execute(update(Delivery).where(Delivery.retry_at.is_not(None)).values(retry_at=LONG_AGO))
            session.execute(update(Batch).where(Batch.due_at.is_not(None)).values(due_at=LONG_AGO))
        self.do_what_is_due()

    @rule()
    def do_what_is_due(self) -> None:
        if self.behind:
            with pytest.raises(LedgerWentBackError):
                witness.ask()
            return
        regroup_due()
        with transaction() as session:
            mailing = session.get_one(Mailing, self.mailing_id)
            if mailing.state == MailingState.cancelled:
                lifecycle.skip_cancelled(session, mailing.id)
            lifecycle.finish(session, mailing.id)

    def decide(self, what: object, *states: str) -> None:
        if self.state() in states:
            with transaction() as session:
                what(session, session.get_one(Mailing, self.mailing_id))  # type: ignore[operator]

    @precondition(lambda self: self.now == "sending")
    @rule()
    def pause(self) -> None:
        self.decide(control.pause, "sending")

    @precondition(lambda self: self.now == "paused")
    @rule()
    def resume(self) -> None:
        self.decide(control.resume, "paused")

    @precondition(lambda self: self.now in ("sending", "paused"))
    @rule(really=st.integers(0, 9))
    def cancel(self, really: int) -> None:
        if really == 9:
            self.decide(control.cancel, "sending", "paused")

    @precondition(lambda self: self.now != "cancelled" and {State.failed, State.uncertain} & set(self.last.values()))
    @rule(state=st.sampled_from([State.failed, State.uncertain]))
    def retry(self, state: State) -> None:
        before = {seq for seq, now in self.last.items() if now == state}
        with transaction() as session:
            control.retry(session, session.get_one(Mailing, self.mailing_id), state)
        if state is State.uncertain:
            self.retried |= before

    # The database goes back in time

    @precondition(lambda self: not self.copy)
    @rule()
    def copy_the_database(self) -> None:
        with reading() as session:
            self.copy = {table: rows_of(session, table) for table in (Mailing, Delivery, Batch, Attempt, ClaimCounter)}

    @precondition(lambda self: self.copy)
    @rule()
    def put_the_copy_back(self) -> None:
        """Under whoever is at work: their leases go on by their own clocks until they ask for more time."""
        with transaction() as session:
            for table in (Delivery, Batch, Attempt, Fact):
                session.execute(delete(table))
            for table, rows in self.copy.items():
                if table in (Mailing, ClaimCounter):
                    session.execute(update(table).values(rows[0]))
                elif rows:
                    session.execute(insert(table), rows)
        self.copy, self.last, self.went_back = {}, {}, True
        for one in self.workers.values():
            one.stale = True
        try:
            witness.ask()
        except LedgerWentBackError:
            self.behind = True

    @precondition(lambda self: self.behind)
    @rule(host=st.sampled_from(HOSTS), give_up=st.sampled_from([False, False, True]))
    def reconcile(self, host: str, give_up: bool) -> None:
        """A person does, on a host that is there, and gives up only on one that is not."""
        if host in self.gone:
            return
        if give_up and self.gone and not self.workers:
            self.give_up(host)
            return
        self.be_on(host)
        self.missing = reconcile().missing
        self.behind = bool(self.missing)
        self.last = {}

    def unmade(self) -> set[int]:
        """Claims that the database forgot, and whose recorders do not know whether they were made."""
        made: dict[int, bool] = {}
        for host in HOSTS:
            self.be_on(host)
            for path in recorder.all_files(settings().state_dir):
                evidence = recorder.read(path)
                assert evidence is not None
                made[evidence.claim] = made.get(evidence.claim, False) or evidence.made
        with reading() as session:
            known = session.scalars(select(ClaimCounter.value)).one()
        forgotten = range(known + 1, witness.seen() + 1)
        assert made.keys() >= set(forgotten), "a claim has no recorder on any host"
        return {claim for claim in forgotten if not made[claim]}

    def give_up(self, host: str) -> None:
        """A person does, on that host, with nobody at work."""
        self.be_on(host)
        assert not reconcile(give_up=True).missing
        self.last, self.behind, self.gave_up = {}, False, True
        self.ended |= set(range(1, PEOPLE + 1))

    # What must hold

    @invariant()
    def counts_equal_rows_and_states_move_as_allowed(self) -> None:
        with reading() as session:
            rows = session.execute(
                select(Delivery.seq, Delivery.batch, Delivery.state, Delivery.reason, Delivery.retry_at).order_by(
                    Delivery.seq
                )
            ).all()
            batches = session.execute(select(Batch.number, Batch.counts, Batch.state, Batch.claim, Batch.due_at)).all()
            firsts = session.scalars(select(Attempt.seq).where(Attempt.number == 1)).all()
        by_batch: dict[int, Counter[str]] = defaultdict(Counter)
        for row in rows:
            by_batch[row.batch][row.state if row.state != State.skipped else f"skipped:{row.reason}"] += 1
        assert {b.number: dict(b.counts) for b in batches if b.counts} == {n: dict(c) for n, c in by_batch.items()}
        assert all(b.counts.get(State.queued) for b in batches if b.state == "open")
        if self.state() != "cancelled":
            for b in batches:
                retries = [row.retry_at for row in rows if row.batch == b.number and row.retry_at is not None]
                assert b.state != "done" or b.due_at == min(retries, default=None)
        for one in self.workers.values():
            if one.claim.lease.may_begin() and not one.stale:
                assert (one.claim.batch, "claimed", one.claim.number) in {(b.number, b.state, b.claim) for b in batches}
        assert len(firsts) == len(set(firsts)), "a first attempt is kept twice"
        now = {row.seq: row.state for row in rows}
        for seq, old in self.last.items():
            assert now[seq] in reachable(old), f"delivery {seq} went from {old} to {now[seq]}"
        self.last = now
        self.now = self.state()
        self.open, self.claimed = ({*(b.state for b in batches)} >= {state} for state in ("open", "claimed"))
        for seq, state in now.items():
            assert state != State.sent or self.accepted[seq], f"delivery {seq} is called sent and nobody has it"
            assert state != State.uncertain or seq in self.ended | self.doubted, (
                f"delivery {seq} is doubted for no reason"
            )

    def teardown(self) -> None:
        """All who live end their turn; one host finishes alone what it can; then the other returns and it goes on."""
        if not hasattr(self, "workers"):
            return
        for number in list(self.workers):
            self.end_turn(number, "")
        self.resume()
        if self.gone:
            if not self.behind:
                self.work_to_the_end([host for host in HOSTS if host not in self.gone])
            self.host_returns(rebooted=False)
        for _ in range(2):  # the first could not know what the second's recorders tell
            for host in HOSTS:
                self.recover(host)
                if self.behind:
                    self.reconcile(host, give_up=False)
                else:  # nothing asks for it, but whoever puts a copy back does it
                    self.be_on(host)
                    reconcile()
        if self.behind:
            unmade = self.unmade()
            assert self.missing == len(unmade), f"{self.missing} claims are missing, not {unmade}"
            assert unmade <= self.silent, f"of claims {unmade} only {self.silent} may be unknown"
            self.give_up(HOSTS[0])
        self.work_to_the_end(HOSTS)
        assert self.now in ("finished", "cancelled")
        assert set(self.last.values()) <= FINAL, f"not everybody is accounted for: {self.last}"
        with reading() as session:
            rows = session.execute(select(Delivery.seq, Delivery.was_uncertain, Delivery.attempts)).all()
            listed = {row.seq for row in rows if row.was_uncertain}
            attempts = {row.seq: row.attempts for row in rows}
        for seq, state in self.last.items():
            if seq in self.heard and not self.gave_up:
                assert state == State.sent, f"delivery {seq} is {state}, and a recorder knows that it was accepted"
            if state in (State.failed, State.skipped) and self.accepted[seq]:
                assert seq in listed, f"delivery {seq} is {state} and was accepted, and was never listed as uncertain"
                assert self.resends or seq in self.retried, f"delivery {seq} is {state} and was accepted"
            if not self.gave_up:
                assert self.accepted[seq] <= attempts[seq], f"of delivery {seq} an attempt is not counted"
            if state == State.uncertain and self.now == "finished":
                assert seq in self.ended, f"delivery {seq} stays uncertain, and its recorder knows better"

    def work_to_the_end(self, hosts: Sequence[str]) -> None:
        for _ in range(50):
            self.leases_run_out()
            for host in hosts:
                self.recover(host)
                self.expire(host)
            self.time_passes()
            self.counts_equal_rows_and_states_move_as_allowed()
            if self.now in ("finished", "cancelled") and not set(self.last.values()) - FINAL:
                return
            self.work_through(hosts[0])


def told(seq: int) -> tuple[str, int, bool, list[tuple[int, int, str]]]:
    """A delivery's state, number of attempts, mark of a doubt, and those attempts that are kept: number, claim, state."""
    with reading() as session:
        row = session.execute(
            select(Delivery.state, Delivery.attempts, Delivery.was_uncertain).where(Delivery.seq == seq)
        ).one()
        kept = session.execute(
            select(Attempt.number, Attempt.claim, Attempt.state).where(Attempt.seq == seq).order_by(Attempt.id)
        )
        return row.state, row.attempts, row.was_uncertain, [tuple(one) for one in kept]
