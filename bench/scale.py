"""The same mailing to ten thousand, a hundred thousand and a million people: what a message costs, freezing, memory.

    python -m bench.scale --database postgresql --people 10000 100000 1000000 10000

The body is small, so that what is measured is not the socket. The first size once more at the end tells what the
machine itself did meanwhile. It fails if a process takes more than 150 MB, or if
freezing takes more than 10 s for each million on PostgreSQL.
"""

import argparse
import sys
import time

from sqlalchemy import func, select

from bench.memory import Memory
from bench.office import office
from bench.sink import Sink
from cli.running import USUAL_PROCESSES
from config.database import reading
from mailer.freeze import freeze
from mailer.ledger import reports
from mailer.ledger.models import Delivery
from mailer.models import Mailing
from tests.press import mailing_state, open_office, send_mailing, write_folder
from tests.workers import Workers, wait_until

MOST_MEMORY = 150.0
"""MB that one process may take."""
FREEZING = 10.0
"""Seconds for each million people, on PostgreSQL."""
TEXT = """\
---
subject: "Op-ed: a fair deal for {{ first_name or 'everybody' }}"
preheader: Why it matters
headline: Closing the value gap
author: {name: IMPALA, role: Secretariat}
---
Dear {{ first_name or "colleague" }} {{ last_name }}, music has a price.
"""


def measure(database: str, people: int) -> tuple[float, float, float, Memory]:
    """(messages a second, seconds of freezing, seconds of a report, memory) of one mailing."""
    with office(database, Sink) as (folder, sink):
        open_office(people)
        text = write_folder(folder / "value-gap", en_md=TEXT)
        (text / "fr.md").unlink()
        mailing_id = send_mailing(text)
        began = time.perf_counter()
        freeze(mailing_id)
        freezing = time.perf_counter() - began
        workers = Workers(USUAL_PROCESSES)
        with (
            workers,
            Memory(workers.pids) as memory,
        ):
            wait_until(lambda: mailing_state(mailing_id) == "finished", 7200)
        with reading() as session:
            last = session.scalars(select(func.max(Delivery.at)).where(Delivery.mailing_id == mailing_id)).one()
            began = time.perf_counter()
            report = reports.report(session, session.get_one(Mailing, mailing_id))
            reporting = time.perf_counter() - began
        if report["deliveries"] != {"sent": people} or sink.taken != people:
            raise SystemExit(f"cannot measure: {report['deliveries']} in the ledger, {sink.taken} received")
        assert last is not None
        return people / (last.timestamp() - sink.first), freezing, reporting, memory


def main() -> int:
    """Measure and print; 1 where a limit does not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="postgresql")
    parser.add_argument("--people", type=int, nargs="+", default=[10_000, 100_000, 1_000_000, 10_000])
    given = parser.parse_args()
    print(f"{given.database}, {USUAL_PROCESSES} processes")
    print(f"{'people':>9} {'cost a message':>15} {'freezing':>9} {'report':>9} {'a process':>10} {'all (PSS)':>10}")
    first, good = 0.0, True
    for people in given.people:
        rate, freezing, reporting, memory = measure(given.database, people)
        first = first or rate
        print(
            f"{people:>9} {f'{first / rate:.2f} times':>15} {f'{freezing:.1f} s':>9} {f'{reporting * 1000:.0f} ms':>9}"
            f" {f'{memory.largest:.0f} MB':>10} {f'{memory.total:.0f} MB':>10}",
            flush=True,
        )
        good &= memory.largest < MOST_MEMORY
        good &= given.database == "sqlite" or freezing < FREEZING * max(1.0, people / 1_000_000)
    if not good:
        print("a limit does not hold", file=sys.stderr)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
