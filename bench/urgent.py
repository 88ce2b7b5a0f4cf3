"""The urgent lane: while a newsletter goes out, an urgent mailing to 500 overtakes it, and the newsletter goes on.

    python -m bench.urgent --people 100000

In seconds, because the promise is in seconds: begun within 2 and out within 5 of the moment it was sent.
"""

import argparse
import sys
import time

from sqlalchemy import insert, select

from bench.office import TEXT, office
from bench.sink import Sink
from config.database import transaction
from mailer import control
from mailer.folder import import_folder
from mailer.models import Mailing
from subscribers.lists import create_list
from subscribers.models import Basis, Standing, Subscriber, Subscription
from tests.press import MAILING, mailing_state, open_office, send_mailing, states, write_folder
from tests.workers import Workers, wait_until

URGENT = 500
BEGUN, OUT = 2.0, 5.0
"""Seconds after it was sent, by which its first and its last message must have arrived."""
PROCESSES = 2


def open_desk(number: int) -> None:
    """Put the first `number` people on a list of their own, `desk`."""
    with transaction() as session:
        desk = create_list(session, "desk", "Desk").id
    with transaction() as session:
        found = session.scalars(select(Subscriber.id).order_by(Subscriber.id).limit(number)).all()
        rows = [
            {"subscriber_id": one, "list_id": desk, "standing": Standing.confirmed, "basis": Basis.membership}
            for one in found
        ]
        session.execute(insert(Subscription), rows)


NEWSLETTER = MAILING.replace("[members, press]", "[members], exclude: {lists: [desk]}")
DESK = "desk.example"
FOR_THE_DESK = MAILING.replace("[members, press]", "[desk]").replace("impala.example", DESK) + "urgent: true\n"


def main() -> int:
    """Measure and print; 1 where the promise is broken or nothing could be measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="postgresql")
    parser.add_argument("--people", type=int, default=100_000)
    given = parser.parse_args()
    with office(given.database, lambda: Sink(DESK)) as (folder, sink):
        from tasks.asking import ask_for_work  # noqa: PLC0415  (the queue's address is known only now)

        open_office(given.people + URGENT)
        open_desk(URGENT)
        newsletter = send_mailing(write_folder(folder / "newsletter", en_md=TEXT, mailing_yaml=NEWSLETTER))
        with Workers(PROCESSES):
            ask_for_work(newsletter)
            wait_until(lambda: sink.taken >= given.people // 20, 600)
            text = write_folder(folder / "urgent", en_md=TEXT, mailing_yaml=FOR_THE_DESK)
            with transaction() as session:
                urgent = import_folder(session, text).id
            before, sent_at = sink.taken, time.time()
            with transaction() as session:
                control.send(session, session.get_one(Mailing, urgent))
            ask_for_work(urgent)
            wait_until(lambda: sink.marked.taken == URGENT, 600)
            between = sink.taken - before - URGENT
            after = given.people + URGENT - sink.taken
            wait_until(lambda: mailing_state(urgent) == "finished", 600)
            wait_until(lambda: mailing_state(newsletter) == "finished", 3600)
        begun, out = sink.marked.first - sent_at, sink.marked.last - sent_at
        outcome = [states(newsletter), states(urgent), sink.taken]
    if outcome != [{"sent": given.people}, {"sent": URGENT}, given.people + URGENT]:
        print(f"cannot measure: {outcome}", file=sys.stderr)
        return 1
    print(f"{given.database}, {URGENT} urgent messages, {given.people} others, {PROCESSES} processes")
    print(f"begun after               {begun:8.2f} s   (at most {BEGUN:.0f})")
    print(f"out after                 {out:8.2f} s   (at most {OUT:.0f})")
    print(f"others meanwhile, after   {between:8}   {after}")
    if not after:
        print("cannot measure: the others were through before the urgent ones", file=sys.stderr)
        return 1
    return 0 if begun <= BEGUN and out <= OUT else 1


if __name__ == "__main__":
    sys.exit(main())
