"""What a worker's processor time goes to, message by message: claim, stamp, assemble, send, record.

    python -m bench.parts --database postgresql

Processor time of one process, the least of several batches of the usual size, as shares of their sum; what database and
receiver do in their own processes is not in it.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from bench.interpreter import interpreter
from bench.office import TEXT, office
from bench.sink import Sink
from config.database import reading, transaction
from config.settings import Settings, settings
from mailer.freeze import freeze
from mailer.ledger.claims import claim_batch
from mailer.ledger.outcomes import outcomes_of, record
from mailer.models import Mailing
from mailer.plans import plan_of
from mailer.smtp.envelope import Envelope
from mailer.smtp.fleet import Fleet
from mailer.stamps import Stamps
from mailer.turn import Turn
from tests.press import open_office, send_mailing, write_folder

ROUNDS = 8
SIZE: int = Settings.model_fields["batch_size"].default
DATE = "Sat, 21 Nov 2026 09:00:00 +0000"


def measure(mailing_id: int) -> dict[str, float]:
    """Send batches one by one: of each step the least processor time, in seconds for a batch."""
    least: dict[str, float] = {}

    @contextmanager
    def step(name: str) -> Iterator[None]:
        began = time.process_time()
        yield
        least[name] = min(least.get(name, 1e9), time.process_time() - began)

    relay = settings().relays[0]
    fleet = Fleet(relay, settings().connections)
    with reading() as session:
        stamps = Stamps(session, session.get_one(Mailing, mailing_id))
    for number in range(1, ROUNDS + 1):
        with step("claiming"):
            claim = claim_batch(mailing_id, number)
        assert claim is not None
        plan = plan_of(claim.due[0].edition_id)
        with step("stamping: links, return path, ids"):
            marks = [stamps.stamp(one.seq, one.public_id, one.list_id, plan.language, DATE) for one in claim.due]
        with step("assembling: rendering, encoding"):
            contents = [plan.pieces(one.recipient, mark) for one, mark in zip(claim.due, marks, strict=True)]
        envelopes = [
            Envelope(slot, mark.return_path, one.recipient.email, content)
            for slot, (one, mark, content) in enumerate(zip(claim.due, marks, contents, strict=True))
        ]
        turn = Turn(claim, relay, urgent=False)
        claim.recorder.relay(1)
        with step("sending: joining, the flight recorder"):
            fleet.run(iter(envelopes), turn)
        with step("recording"), transaction() as session:
            outcomes = outcomes_of(claim.recorder.evidence())
            record(session, mailing_id, number, claim.number, outcomes, relay_id=1)
        claim.recorder.mark_recorded()
        claim.recorder.close()
    fleet.close()
    return least


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="postgresql")
    given = parser.parse_args()
    with office(given.database, Sink) as (folder, sink):
        open_office(SIZE * ROUNDS)
        text = write_folder(folder / "value-gap", en_md=TEXT)
        (text / "fr.md").unlink()
        mailing_id = send_mailing(text)
        freeze(mailing_id)
        least = measure(mailing_id)
        if sink.taken != SIZE * ROUNDS:
            print(f"cannot measure: {sink.taken} received", file=sys.stderr)
            return 1
    whole = sum(least.values())
    print(f"{given.database}, {SIZE} messages a batch")
    print(interpreter())
    for step, seconds in least.items():
        print(f"{step:42} {seconds / whole:4.0%}   {seconds / SIZE * 1e6:5.1f} us here")
    return 0


if __name__ == "__main__":
    sys.exit(main())
