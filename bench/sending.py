"""Sending, from the first message to the last outcome recorded, against the naive way and against the socket's ceiling.

    python -m bench.sending --database postgresql --people 100000

All three in one run on the same cores, the receiver included; only their ratios mean anything on another machine.
"""

import argparse
import gc
import smtplib
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from email.message import EmailMessage
from email.policy import SMTP
from itertools import cycle, islice
from multiprocessing import Manager
from threading import Barrier, BrokenBarrierError

from sqlalchemy import func, select

from bench.interpreter import interpreter
from bench.memory import Memory
from bench.office import TEXT, office
from bench.sink import Sink
from cli.running import USUAL_PROCESSES
from config.database import reading, transaction
from config.settings import settings
from mailer.audience import recipients
from mailer.editions import compile_draft, drafts_of, materials_of
from mailer.freeze import freeze
from mailer.ledger.models import Delivery
from mailer.models import Mailing, MailingEdition
from mailer.plans import plan_of
from mailer.render.personal import context, environment
from mailer.smtp.envelope import Envelope
from mailer.smtp.fleet import Fleet
from mailer.stamps import Stamps
from tests.press import mailing_state, open_office, send_mailing, states, write_folder
from tests.workers import Workers, wait_until

NAIVE_SAMPLE = 40
CEILING_SAMPLE = 360_000
"""Messages; some seconds, as the same sockets are now a third faster and now slower for a second."""
BUILT = 24_000
"""Messages that the ceiling's bytes are of, over a gigabyte: a mailing's come from memory. The same few over and over
would come from the processor's cache."""


class _Nobody:
    """A journal that keeps nothing."""

    def end_sent(self, key: int) -> bool:
        return True

    def end_withdrawn(self, key: int) -> None: ...

    def replied(self, key: int, code: int, text: str) -> None:
        assert code == 250, text


def naive(mailing_id: int) -> float:
    """Messages a second when each recipient's is rendered, inlined, built and sent one by one."""
    host = settings().relays[0]
    with reading() as session, smtplib.SMTP(host.host, host.port) as server:
        mailing = session.get_one(Mailing, mailing_id)
        materials, [draft] = materials_of(session, mailing), drafts_of(session, mailing)
        people = [person for person, _ in islice(recipients(session, mailing), NAIVE_SAMPLE)]
        began = time.perf_counter()
        for person in people:
            edition = compile_draft(mailing, draft, materials).edition
            values = context(person, unsubscribe_url="https://press.example.org/u/x", list_title="Members")
            jinja = environment(edition.language)
            message = EmailMessage(SMTP)
            message["From"], message["To"] = edition.sender, person.email
            message["Subject"] = jinja.from_string(edition.subject).render(values)
            message.set_content(jinja.from_string(edition.text).render(values))
            message.add_alternative(jinja.from_string(edition.html).render(values), subtype="html")
            server.send_message(message)
        return len(people) / (time.perf_counter() - began)


def messages(mailing_id: int, first: int, number: int) -> list[Envelope]:
    """So many of the mailing's messages from `first` on, which is 0 for its first, built beforehand."""
    with reading() as session:
        mailing = session.get_one(Mailing, mailing_id)
        stamps = Stamps(session, mailing)
        edition_id = session.scalars(select(MailingEdition.edition_id)).one()
        list_id = session.scalars(select(Delivery.list_id).limit(1)).one()
        people = [person for person, _ in islice(recipients(session, mailing), first, first + number)]
    plan = plan_of(edition_id)
    made = []
    for seq, person in enumerate(people, first + 1):
        stamp = stamps.stamp(seq, f"{seq:020x}", list_id or 0, plan.language, "Sat, 21 Nov 2026 09:00:00 +0000")
        made.append(Envelope(seq, stamp.return_path, person.email, (plan.assemble(person, stamp),)))
    return made


def _down_the_sockets(mailing_id: int, first: int, number: int, built: Barrier) -> tuple[float, float]:
    try:
        ready = messages(mailing_id, first, number)
        gc.freeze()
        fleet = Fleet(settings().relays[0], settings().connections)
        fleet.run(iter(ready[:50]), _Nobody())  # connects
    except BaseException:
        built.abort()  # nobody need wait for this one
        raise
    built.wait()
    began = time.time()
    outcome = fleet.run(islice(cycle(ready), CEILING_SAMPLE // USUAL_PROCESSES), _Nobody())
    ended = time.time()
    assert not outcome.not_begun
    assert not outcome.unknown
    fleet.close()
    return began, ended


def ceiling(mailing_id: int, built: int) -> float:
    """Messages a second when bytes built beforehand go down as many pipelined sockets: those of `built` messages."""
    share = built // USUAL_PROCESSES
    with Manager() as manager, ProcessPoolExecutor(USUAL_PROCESSES) as pool:
        together = manager.Barrier(USUAL_PROCESSES)
        sent = [
            pool.submit(_down_the_sockets, mailing_id, part * share, share, together) for part in range(USUAL_PROCESSES)
        ]
        # The first error is why the others' barrier broke.
        times = [one.result() for one in sorted(sent, key=lambda one: isinstance(one.exception(), BrokenBarrierError))]
    return CEILING_SAMPLE / (max(end for _, end in times) - min(begin for begin, _ in times))


def main() -> int:
    """Measure and print; 1 where it cannot be measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="postgresql")
    parser.add_argument("--people", type=int, default=100_000)
    given = parser.parse_args()
    with office(given.database, Sink) as (folder, sink):
        open_office(given.people)
        text = write_folder(folder / "value-gap", en_md=TEXT)
        (text / "fr.md").unlink()
        mailing_id = send_mailing(text)
        slow = naive(mailing_id)
        began = time.perf_counter()
        freeze(mailing_id)
        frozen = given.people / (time.perf_counter() - began)
        sample = messages(mailing_id, 0, 500)
        size = sum(one.size for one in sample) / len(sample)
        before = ceiling(mailing_id, min(BUILT, given.people))
        sink.start_over()
        workers = Workers(USUAL_PROCESSES)
        with (
            workers,
            Memory(workers.pids) as memory,
        ):
            wait_until(lambda: mailing_state(mailing_id) == "finished", 3600, every=1.0)
        first, taken = sink.first, sink.taken
        after = ceiling(mailing_id, min(BUILT, given.people))
        if states(mailing_id) != {"sent": given.people} or taken != given.people:
            print(f"cannot measure: {states(mailing_id)} in the ledger, {taken} received", file=sys.stderr)
            return 1
        with transaction() as session:
            last = session.scalars(select(func.max(Delivery.at))).one()
        assert last is not None
        rate = given.people / (last.timestamp() - first)
    top = (before + after) / 2
    print(f"{given.database}, {given.people} people, {size / 1000:.0f} KB a message, {USUAL_PROCESSES} processes")
    print(interpreter())
    print(f"against the naive way     {rate / slow:8.0f} times as many messages a second")
    print(f"of the sockets' ceiling   {rate / top:8.2f}   (the ceiling after, over before: {after / before:.2f})")
    print(
        f"memory                    {memory.largest:8.0f} MB in the largest process, {memory.total:.0f} MB in all (PSS)"
    )
    print(f"freezing, over sending    {frozen / rate:8.0f} times as many people a second")
    return 0


if __name__ == "__main__":
    sys.exit(main())
