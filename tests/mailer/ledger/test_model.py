"""The ledger under a model: workers that claim, send, die, sleep and wake in any order, on hosts that fail.

The functions are the real ones, on a real database and with real flight recorders. Only the SMTP server is a model:
what it accepted. After every step the batches' counts equal the rows, nobody was reached twice without having been
listed as uncertain, and every change of state is one that the table allows; at the end everybody is accounted for.
"""

import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as budget
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import delete, event, insert, select, update
from sqlalchemy.orm import Session

from config.database import Base, reading, transaction
from config.settings import settings
from mailer import control, lifecycle
from mailer.freeze import freeze
from mailer.held import held
from mailer.ledger import recorder, recovery, reports, witness
from mailer.ledger.claims import Claim, claim_batch, renew
from mailer.ledger.deferrals import regroup_due
from mailer.ledger.models import Attempt, Batch, ClaimCounter, Delivery, Fact
from mailer.ledger.outcomes import Outcome, outcomes_of, record
from mailer.ledger.reconcile import reconcile
from mailer.ledger.states import TRANSITIONS, State
from mailer.ledger.witness import LedgerWentBackError
from mailer.models import Mailing, MailingState
from mailer.turn import Turn
from tests.press import claims_expire, open_office, send_mailing, set_up, write_folder

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


@pytest.fixture(autouse=True)
def queue_server(database: str, redis_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    set_up(monkeypatch, redis_url=redis_server, public_url="https://press.example.org", batch_size=BATCH)


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


@pytest.fixture
def one_mailing(database: str, tmp_path: Path) -> Iterator[type[Ledger]]:
    """The model of a mailing that was frozen just now."""
    open_office(PEOPLE)
    mailing = send_mailing(write_folder(tmp_path / "value-gap"))
    freeze(mailing)
    with reading() as session:
        first = [rows_of(session, table) for table in (Delivery, Batch)]

    class OneMailing(Ledger):
        mailing_id = mailing
        folder = tmp_path
        deliveries, batches = first

    kept = os.environ["BROADSIDE_STATE_DIR"]
    yield OneMailing
    os.environ["BROADSIDE_STATE_DIR"] = kept


@pytest.mark.parametrize(
    ("finder", "taker", "on_uncertain"),
    [("north", "north", "leave"), ("north", "south", "leave"), ("south", "south", "resend")],
    ids=["on one host", "taken by another host", "found and taken by another host"],
)
def test_one_who_was_overtaken_changes_nothing(
    one_mailing: type[Ledger], finder: str, taker: str, on_uncertain: str
) -> None:
    """Each order in which two workers can go on that both think the batch is theirs: not left to chance."""
    for takers in combinations(range(6), 2):
        model = one_mailing()
        model.begin_anew(on_uncertain)
        model.claim(0, 0, "north", "")
        model.send_end(0, lost=False)
        model.reply(0, 250, heard=True)
        model.send_end(0, lost=False)
        model.be_overtaken(finder, taker)
        assert set(model.workers) == {0, 1}
        steps = {0: iter(("send_end", "reply", "reply", "end_turn")), 1: iter(("send", "end_turn"))}
        for moment in range(6):
            worker = int(moment in takers)
            match next(steps[worker]):
                case "send_end":
                    model.send_end(worker, lost=False)
                case "send":
                    model.send_end(worker, lost=False)
                    model.reply(worker, 250, heard=True)
                case "reply":
                    model.reply(worker, 250, heard=True)
                case "end_turn":
                    model.end_turn(worker, "")
            model.counts_equal_rows_and_states_move_as_allowed()
        model.teardown()


def test_a_claim_that_holds_is_left_alone(one_mailing: type[Ledger]) -> None:
    model = one_mailing()
    model.begin_anew("leave")
    model.claim(0, 0, "north", "")
    model.send_end(0, lost=False)
    for host in HOSTS:
        model.expire(host)
        model.recover(host)
        assert claim_batch(model.mailing_id, model.workers[0].claim.batch) is None
        model.counts_equal_rows_and_states_move_as_allowed()
    model.reply(0, 250, heard=True)
    model.teardown()


@pytest.mark.parametrize("rescue", ["by itself", "when it returns", "when it was rebooted"])
def test_who_dies_at_any_point_is_understood(one_mailing: type[Ledger], rescue: str) -> None:
    """Its own host reads its recorder; or the host is gone, and comes back with a recorder that is whole or not."""
    for steps in ((), ("lost",), ("sent",), ("sent", "unheard"), ("sent", "heard")):
        model = one_mailing()
        model.begin_anew("leave")
        model.claim(0, 0, "north", "")
        for step in steps:
            if step in ("sent", "lost"):
                model.send_end(0, lost=step == "lost")
            else:
                model.reply(0, 250, heard=step == "heard")
        if rescue == "by itself":
            model.crash(0)
        else:
            model.host_goes("north")
            model.expire("south")
            model.counts_equal_rows_and_states_move_as_allowed()
            model.host_returns(rebooted=rescue == "when it was rebooted")
        model.recover("north")
        model.counts_equal_rows_and_states_move_as_allowed()
        model.teardown()


def test_late_evidence_is_of_its_own_claim_alone(one_mailing: type[Ledger]) -> None:
    """A host that was refused a message comes back when another has sent the same and heard no answer."""
    model = one_mailing()
    model.begin_anew("resend")
    model.claim(0, 0, "north", "")
    model.send_end(0, lost=False)
    model.reply(0, 550, heard=True)
    model.host_goes("north")
    model.expire("south")
    model.time_passes()
    model.claim(1, model.open_batches().index(model.batch_of(1)), "south", "")
    model.send_end(1, lost=False)
    model.reply(1, 250, heard=False)
    model.crash(1)
    model.recover("south")
    model.host_returns(rebooted=False)
    model.recover("north")
    model.counts_equal_rows_and_states_move_as_allowed()
    assert model.last[1] == State.uncertain
    model.teardown()


def test_what_was_uncertain_and_went_out_again_says_so(one_mailing: type[Ledger]) -> None:
    """To the office and to the person, whatever became of it the second time."""
    model = one_mailing()
    model.begin_anew("resend")
    model.claim(0, 0, "north", "")
    model.send_end(0, lost=False)
    model.oversleep(0)
    model.expire("south")
    model.time_passes()
    model.claim(1, model.open_batches().index(model.batch_of(1)), "south", "")
    model.send_end(1, lost=False)
    model.reply(1, 550, heard=True)
    model.end_turn(1, "")
    model.counts_equal_rows_and_states_move_as_allowed()
    with reading() as session:
        [first, *others] = reports.deliveries(session, session.get_one(Mailing, model.mailing_id))
        [theirs] = held(session, [session.scalars(select(Delivery.subscriber_id).where(Delivery.seq == 1)).one()])
    for told in (first, theirs):
        assert (told["state"], told["before"]) == ("failed", "uncertain")
    assert [told["before"] for told in others[BATCH - 1 :]] == ["", ""]
    model.teardown()


def test_nothing_waits_for_what_a_person_has_queued_again(one_mailing: type[Ledger]) -> None:
    """It would have been queued again in an hour."""
    model = one_mailing()
    model.begin_anew("resend")
    model.claim(0, 0, "north", "")
    model.host_goes("north")
    model.expire("south")
    model.retry(State.uncertain)
    model.counts_equal_rows_and_states_move_as_allowed()
    model.work_through("south")
    model.do_what_is_due()
    assert model.state() == "finished"
    model.teardown()


def test_an_attempt_is_counted_although_its_claim_was_ended(one_mailing: type[Ledger]) -> None:
    """It was at what an earlier attempt's acceptance had decided in its hand, so who ended it did not see it."""
    model = one_mailing()
    model.begin_anew("resend")
    model.claim(0, 0, "north", "")
    model.send_end(0, lost=False)
    model.oversleep(0)
    model.expire("south")
    model.time_passes()
    model.claim(1, model.open_batches().index(model.batch_of(1)), "south", "")
    model.reply(0, 250, heard=True)
    model.end_turn(0, "")
    for _ in range(BATCH):
        model.send_end(1, lost=False)
        model.reply(1, 250, heard=True)
    model.oversleep(1)
    model.expire("north")
    model.end_turn(1, "")
    model.counts_equal_rows_and_states_move_as_allowed()
    assert [model.last[seq] for seq in range(1, BATCH + 1)] == [State.sent] * BATCH
    assert model.accepted[1] == 2
    model.teardown()


@pytest.mark.parametrize(
    ("meanwhile", "again"),
    [
        ("queued", []),
        ("cancelled", []),
        ("in hand", ["failed"]),
        ("failed", ["failed"]),
        ("deferred", ["deferred"]),
        ("uncertain", ["uncertain"]),
        ("queued once more", ["uncertain"]),
    ],
)
def test_an_acceptance_that_is_heard_late_is_the_last_word(
    one_mailing: type[Ledger], meanwhile: str, again: list[str]
) -> None:
    """Whatever was made meanwhile of the last message of a batch, which was in doubt."""
    model = one_mailing()
    model.begin_anew("resend")
    model.claim(0, 0, "north", "")
    for heard in (True, True, False):
        model.send_end(0, lost=False)
        if heard:
            model.reply(0, 250, heard=True)
    model.oversleep(0)
    model.expire("north")
    model.time_passes()
    if meanwhile == "cancelled":
        model.cancel(9)
        model.do_what_is_due()
    elif again:
        model.claim(1, model.open_batches().index(model.batch_of(BATCH)), "south", "")
        model.send_end(1, lost=False)
        if again != ["uncertain"]:
            model.reply(1, 451 if again == ["deferred"] else 550, heard=True)
        if meanwhile != "in hand":
            model.end_turn(1, "")
    if meanwhile == "queued once more":
        model.time_passes()
    model.counts_equal_rows_and_states_move_as_allowed()
    stored = {"cancelled": "skipped", "in hand": "queued", "queued once more": "queued"}
    assert model.last[BATCH] == stored.get(meanwhile, meanwhile)
    model.reply(0, 250, heard=True)
    model.end_turn(0, "")
    model.counts_equal_rows_and_states_move_as_allowed()
    assert model.last[BATCH] == State.sent
    model.teardown()
    with reading() as session:
        told = select(Delivery.attempts, Delivery.reply, Delivery.was_uncertain)
        delivery = session.execute(told.where(Delivery.seq == BATCH)).one()
        attempts = session.execute(select(Attempt.number, Attempt.state).where(Attempt.seq == BATCH)).all()
    assert delivery == (1 + len(again), "250 said the server", True)
    assert attempts == [*enumerate(["uncertain", *again], start=1)]


def test_what_was_never_sent_is_not_said_to_be_doubted_before(one_mailing: type[Ledger]) -> None:
    """A host that comes back knows that it had not begun; that it was called uncertain meanwhile is no doubt."""
    model = one_mailing()
    model.begin_anew("resend")
    model.claim(0, 0, "north", "")
    model.send_end(0, lost=False)
    model.host_goes("north")
    model.expire("south")
    model.host_returns(rebooted=False)
    model.recover("north")
    model.time_passes()
    with reading() as session:
        told = list(reports.deliveries(session, session.get_one(Mailing, model.mailing_id)))
    assert [one["before"] for one in told] == ["uncertain", "", "", "", ""]
    model.teardown()


def test_a_database_that_went_back_is_reconciled_first(one_mailing: type[Ledger]) -> None:
    model = one_mailing()
    model.begin_anew("leave")
    model.copy_the_database()
    model.take_a_turn(0, "north", [250] * BATCH)
    model.claim(0, 0, "south", "")
    model.send_end(0, lost=False)
    model.put_the_copy_back()
    for host in HOSTS:
        model.claim(1, 0, host, "")
    assert set(model.workers) == {0}
    assert model.behind
    model.reply(0, 250, heard=True)
    model.teardown()


def test_what_was_heard_late_is_brought_back_too(one_mailing: type[Ledger]) -> None:
    """Of a claim that the copy knows, as one in doubt; another was made since."""
    model = one_mailing()
    model.begin_anew("resend")
    model.claim(0, 0, "north", "")
    model.send_end(0, lost=False)
    model.oversleep(0)
    model.expire("south")
    model.copy_the_database()
    model.reply(0, 250, heard=True)
    model.end_turn(0, "")
    model.take_a_turn(0, "north", [250])
    model.put_the_copy_back()
    model.reconcile("north", give_up=False)
    assert not model.behind
    model.counts_equal_rows_and_states_move_as_allowed()
    assert model.last[1] == State.sent
    model.teardown()


def test_an_acceptance_of_a_forgotten_claim_is_the_last_word(one_mailing: type[Ledger]) -> None:
    """Although a later claim, which was forgotten as well, is known first and was refused."""
    model = one_mailing()
    model.begin_anew("resend")
    model.copy_the_database()
    model.claim(0, 0, "north", "")
    model.send_end(0, lost=False)
    model.oversleep(0)
    model.expire("south")
    model.time_passes()
    model.take_a_turn(model.open_batches().index(model.batch_of(1)), "south", [550])
    model.put_the_copy_back()
    model.reply(0, 250, heard=True)
    model.reconcile("south", give_up=False)
    model.counts_equal_rows_and_states_move_as_allowed()
    assert model.last[1] == State.failed
    model.end_turn(0, "")
    model.reconcile("north", give_up=False)
    model.counts_equal_rows_and_states_move_as_allowed()
    assert model.last[1] == State.sent
    model.teardown()


@pytest.mark.parametrize("code", [250, 451, 550])
def test_a_doubt_that_is_read_after_a_later_claim_is_listed(one_mailing: type[Ledger], code: int) -> None:
    """Both were forgotten; the later one, whatever came of it, was of a message that may have been out already."""
    model = one_mailing()
    model.begin_anew("resend")
    model.copy_the_database()
    model.claim(0, 0, "north", "")
    model.send_end(0, lost=False)
    model.reply(0, 250, heard=False)
    model.oversleep(0)
    model.expire("south")
    model.time_passes()
    model.take_a_turn(model.open_batches().index(model.batch_of(1)), "south", [code])
    model.crash(0)
    model.put_the_copy_back()
    model.reconcile("south", give_up=False)
    model.reconcile("north", give_up=False)
    assert not model.behind
    model.counts_equal_rows_and_states_move_as_allowed()
    model.teardown()
    with reading() as session:
        one = session.execute(select(Delivery.was_uncertain, Delivery.attempts).where(Delivery.seq == 1)).one()
    assert one.was_uncertain
    assert one.attempts >= 2


@pytest.mark.parametrize("first", HOSTS)
def test_an_acceptance_is_brought_back_whichever_host_is_first(one_mailing: type[Ledger], first: str) -> None:
    """Each host is asked once, as the documents say."""
    model = one_mailing()
    model.begin_anew("resend")
    model.claim(0, 0, "south", "")
    model.send_end(0, lost=False)
    model.oversleep(0)
    model.expire("north")
    model.copy_the_database()
    model.reply(0, 250, heard=True)
    model.end_turn(0, "")
    model.take_a_turn(0, "north", [250])
    model.put_the_copy_back()
    for host in sorted(HOSTS, key=lambda host: host != first):
        model.reconcile(host, give_up=False)
    if model.behind:
        model.reconcile(HOSTS[0], give_up=False)
    assert not model.behind
    model.counts_equal_rows_and_states_move_as_allowed()
    assert model.last[1] == State.sent
    model.teardown()


@pytest.mark.parametrize("copied", ["in hand", "in doubt"])
def test_who_gives_up_a_claim_believes_no_other_that_nothing_was_sent(one_mailing: type[Ledger], copied: str) -> None:
    """The last claim's recorder is there and says that it began nothing; the one before is lost."""
    model = one_mailing()
    model.begin_anew("leave")
    model.claim(0, 0, "north", "")
    if copied == "in hand":
        model.copy_the_database()
    model.send_end(0, lost=False)
    model.reply(0, 250, heard=False)
    model.host_goes("north")
    model.expire("south")
    if copied == "in doubt":
        model.copy_the_database()
    model.retry(State.uncertain)
    model.gone.clear()
    model.take_a_turn(0, "north", [550])
    model.host_goes("north")
    model.claim(1, model.open_batches().index(model.batch_of(1)), "south", "")
    model.end_turn(1, "")
    model.put_the_copy_back()
    model.reconcile("south", give_up=True)
    for _ in range(2):
        model.counts_equal_rows_and_states_move_as_allowed()
        assert model.last[1] == State.uncertain
        model.time_passes()
    model.teardown()


def test_who_gives_up_a_claim_doubts_also_what_was_found_not_to_be_sent(one_mailing: type[Ledger]) -> None:
    """It waited to be queued again when the copy was made."""
    model = one_mailing()
    model.begin_anew("leave")
    model.claim(0, 0, "north", "")
    model.host_goes("north")
    model.expire("south")
    model.host_returns(rebooted=False)
    model.recover("north")
    model.copy_the_database()
    model.time_passes()
    model.take_a_turn(model.open_batches().index(model.batch_of(1)), "north", [250] * BATCH)
    model.host_goes("north")
    model.put_the_copy_back()
    model.reconcile("south", give_up=True)
    for _ in range(2):
        model.counts_equal_rows_and_states_move_as_allowed()
        assert model.last[1] == State.uncertain
        model.time_passes()
    model.teardown()


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


def test_what_waits_for_a_relay_is_kept_once(one_mailing: type[Ledger]) -> None:
    """It was attempted once; what no relay took since is no attempt."""
    model = one_mailing()
    model.begin_anew("leave")
    model.take_a_turn(0, "north", [451] * BATCH)
    for _ in range(3):
        model.time_passes()
        model.claim(0, model.open_batches().index(model.batch_of(1)), "north", "")
        claim = model.workers.pop(0).claim
        waiting = [Outcome(due.seq, State.deferred, reason="no relay", was_attempted=False) for due in claim.due]
        with transaction() as session:
            assert record(session, claim.mailing_id, claim.batch, claim.number, waiting, relay_id=None)
        claim.recorder.mark_recorded()
        claim.recorder.close()
    model.time_passes()
    model.counts_equal_rows_and_states_move_as_allowed()
    state, attempts, _, kept = told(1)
    assert (state, attempts, [(number, what) for number, _, what in kept]) == ("queued", 1, [(1, "deferred")])
    model.teardown()


def test_who_gives_up_doubts_also_what_the_last_claim_deferred(one_mailing: type[Ledger]) -> None:
    """Its recorder is there, and a lost one may be of a message before it."""
    model = one_mailing()
    model.begin_anew("leave")
    model.copy_the_database()
    model.take_a_turn(0, "north", [250] * BATCH)
    model.take_a_turn(0, "south", [451] * BATCH)
    model.host_goes("north")
    model.put_the_copy_back()
    model.reconcile("south", give_up=True)
    model.counts_equal_rows_and_states_move_as_allowed()
    assert set(model.last.values()) == {State.uncertain}
    model.teardown()


def test_a_lost_host_that_returns_is_believed_what_was_accepted(one_mailing: type[Ledger]) -> None:
    """Of each of its claims, after they were given up."""
    model = one_mailing()
    model.begin_anew("leave")
    model.copy_the_database()
    model.take_a_turn(0, "north", [250] * BATCH)
    model.take_a_turn(0, "north", [250] * BATCH)
    model.host_goes("north")
    model.put_the_copy_back()
    model.reconcile("south", give_up=True)
    model.counts_equal_rows_and_states_move_as_allowed()
    assert set(model.last.values()) == {State.uncertain}
    model.host_returns(rebooted=False)
    model.be_on("north")
    assert reconcile().resolved == PEOPLE
    assert reconcile().resolved == 0
    model.counts_equal_rows_and_states_move_as_allowed()
    assert set(model.last.values()) == {State.sent}
    assert told(1) == ("sent", 1, False, [])
    model.teardown()


@pytest.mark.parametrize("ends", ["end_turn", "crash"])
def test_an_attempt_is_counted_once(one_mailing: type[Ledger], ends: str) -> None:
    """By whoever settles it first, and by no reconciliation again."""
    model = one_mailing()
    model.begin_anew("resend")
    model.copy_the_database()
    model.claim(0, 0, "north", "")
    model.send_end(0, lost=False)
    model.oversleep(0)
    model.expire("south")
    model.time_passes()
    model.claim(1, model.open_batches().index(model.batch_of(1)), "south", "")
    model.send_end(1, lost=False)
    for worker in (1, 0):
        model.reply(worker, 250, heard=True)
    model.end_turn(0, "")
    model.put_the_copy_back()
    model.reconcile("north", give_up=False)
    getattr(model, ends)(1, *([""] if ends == "end_turn" else []))
    for host in ("south", "north", "south"):
        model.recover(host)
        model.reconcile(host, give_up=False)
    state, attempts, doubted, kept = told(1)
    assert (state, attempts, doubted, [number for number, _, _ in kept]) == ("sent", 2, True, [1, 2])
    model.teardown()


def test_a_claim_that_was_never_made_attempted_nothing(one_mailing: type[Ledger]) -> None:
    """Although its host was rebooted, and its recorder proves nothing."""
    model = one_mailing()
    model.begin_anew("resend")
    model.claim(0, 0, "north", "")
    model.send_end(0, lost=False)
    model.oversleep(0)
    model.expire("south")
    model.time_passes()
    model.claim(1, model.open_batches().index(model.batch_of(1)), "south", "before")
    model.gone.add("south")
    model.host_returns(rebooted=True)
    model.reply(0, 250, heard=True)
    model.end_turn(0, "")
    model.recover("south")
    state, attempts, _, kept = told(1)
    assert (state, attempts, len(kept)) == ("sent", 1, 1)
    model.teardown()


def test_an_acceptance_is_not_overtaken_by_what_was_read_while_it_was_in_hand(one_mailing: type[Ledger]) -> None:
    """The copy has it in hand; a later claim, which was refused for now, is brought back before its turn is over."""
    model = one_mailing()
    model.begin_anew("resend")
    model.claim(0, 0, "south", "")
    model.send_end(0, lost=False)
    model.copy_the_database()
    model.oversleep(0)
    model.expire("north")
    model.time_passes()
    model.take_a_turn(model.open_batches().index(model.batch_of(1)), "north", [451])
    model.reply(0, 250, heard=True)
    model.put_the_copy_back()
    for host in HOSTS:
        model.reconcile(host, give_up=False)
    model.end_turn(0, "")
    model.counts_equal_rows_and_states_move_as_allowed()
    assert model.last[1] == State.sent
    model.reconcile("north", give_up=False)
    assert not model.behind
    state, attempts, _, kept = told(1)
    assert (state, attempts, [(number, what) for number, _, what in kept]) == (
        "sent",
        2,
        [(1, "deferred"), (2, "sent")],
    )
    model.teardown()


def test_who_gives_up_a_claim_still_hears_of_an_older_one(one_mailing: type[Ledger]) -> None:
    """That it was accepted, whatever the lost one did."""
    model = one_mailing()
    model.begin_anew("leave")
    model.claim(0, 0, "north", "")
    model.send_end(0, lost=False)
    model.oversleep(0)
    model.expire("south")
    model.copy_the_database()
    model.take_a_turn(0, "south", [250])
    model.host_goes("south")
    model.reply(0, 250, heard=True)
    model.end_turn(0, "")
    model.put_the_copy_back()
    model.reconcile("north", give_up=True)
    model.counts_equal_rows_and_states_move_as_allowed()
    assert model.last[1] == State.sent
    model.teardown()


def test_a_claim_that_was_never_made_tells_nothing_of_its_number(one_mailing: type[Ledger]) -> None:
    """Its process died before the commit, and another host had the number then."""
    model = one_mailing()
    model.begin_anew("leave")
    model.copy_the_database()
    model.claim(0, 0, "south", "before")
    model.take_a_turn(0, "north", [250] * BATCH)
    model.put_the_copy_back()
    model.reconcile("south", give_up=False)
    assert model.behind
    model.reconcile("north", give_up=False)
    assert not model.behind
    model.counts_equal_rows_and_states_move_as_allowed()
    assert [model.last[seq] for seq in range(1, BATCH + 1)] == [State.sent] * BATCH
    model.teardown()


@pytest.mark.parametrize("settled", [False, True], ids=["before it is settled", "after it was settled"])
def test_a_claim_whose_process_died_right_after_its_commit(one_mailing: type[Ledger], settled: bool) -> None:
    """Once its own host has settled it, its recorder speaks for its number; until then nobody can know."""
    model = one_mailing()
    model.begin_anew("leave")
    model.copy_the_database()
    model.claim(0, 0, "south", "after")
    if settled:
        model.recover("south")
    model.take_a_turn(-1, "north", [250] * BATCH)
    model.put_the_copy_back()
    for host in HOSTS:
        model.reconcile(host, give_up=False)
    assert model.behind is not settled
    model.teardown()


def test_a_copy_that_knows_every_claim_finds_what_became_of_one(one_mailing: type[Ledger]) -> None:
    """The counter shows nothing of its age, and the recorder was laid aside."""
    model = one_mailing()
    model.begin_anew("leave")
    model.claim(0, 0, "north", "")
    model.send_end(0, lost=False)
    model.reply(0, 250, heard=True)
    model.copy_the_database()
    model.end_turn(0, "")
    model.put_the_copy_back()
    assert not model.behind
    model.leases_run_out()
    model.expire("north")
    model.counts_equal_rows_and_states_move_as_allowed()
    assert model.last[1] == State.sent
    model.teardown()


def test_the_ledger_is_true_in_every_order(one_mailing: type[Ledger], database: str) -> None:
    examples = int(os.environ.get("MODEL_EXAMPLES", "0")) or (40 if database.startswith("sqlite") else 12)
    run_state_machine_as_test(
        one_mailing,
        settings=budget(
            max_examples=examples, stateful_step_count=50, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
