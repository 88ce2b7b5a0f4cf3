"""`make soak MINUTES=60`: memory flat, ledger exact; exit status 1 if not."""

import argparse
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from tests.kill.office import Office, Servers
from tests.soak.mailings import Soak
from tests.soak.memory import Samples

SAMPLE_EVERY = 5.0
TELL_EVERY = 60.0
END = 900.0
"""Seconds that the last mailings have to come to their end."""


class FailingOffice(Office):
    """With two relays that fail at random."""

    script = "tests.soak.relays:Failing"
    relays = 2


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--people", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--database", choices=["postgresql", "sqlite"], default="postgresql")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("told to end"))  # and its servers with it
    say(f"{given.minutes:g} minutes on {given.database}, {given.people} people, seed {given.seed}")
    everybody = {f"reader{number}@example.org" for number in range(1, given.people + 1)}
    press = {f"reader{number}@example.org" for number in range(5, given.people + 1, 5)}
    folder = Path(tempfile.mkdtemp(prefix="broadside-soak-"))
    rng = random.Random(given.seed)
    with (
        Servers(given.people, folder) as servers,
        FailingOffice(servers, given.database, 1, rng, folder / "office", pace=0.005) as office,
    ):
        soak = Soak(folder, office.notes, everybody, press, given.seed)
        samples = run(office, soak, given.minutes * 60)
        began = time.monotonic()
        while soak.running and time.monotonic() < began + END:
            soak.step(last=True)
            time.sleep(0.5)
        soak.wrong += [f"mailing {sent.id} has no end: it is {sent}" for sent in soak.running]
    samples.write(folder / "memory.csv")
    wrong = soak.wrong + samples.wrong()
    say("")
    for row in samples.table():
        say(row)
    say("\n" + told(soak))
    for what in wrong[:20]:
        say(f"WRONG: {what}")
    if wrong:
        say(f"logs, notes and the memory at each moment are in {folder}")
        return 1
    shutil.rmtree(folder)
    say("memory flat, ledger exact")
    return 0


def run(office: Office, soak: Soak, seconds: float) -> Samples:
    """Keep it busy for so long; the memory meanwhile, from the first finished mailings on."""
    samples = Samples()
    began = next_sample = next_told = time.monotonic()
    while (now := time.monotonic()) < began + seconds:
        soak.step()
        soak.wrong += office.supervise()
        if now >= next_sample and len(soak.running) < soak.begun:
            next_sample = now + SAMPLE_EVERY
            samples.take(office)
        if now >= next_told:
            next_told = now + TELL_EVERY
            say(f"{(now - began) / 60:>4.0f} min: {told(soak)}, {samples.now()}")
        time.sleep(0.5)
    return samples


def told(soak: Soak) -> str:
    return (
        f"{soak.begun} mailings ({soak.urgents} urgent), {soak.begun - len(soak.running)} judged, {soak.messages} messages, "
        f"{soak.uncertain} uncertain, {soak.pauses} pauses, {soak.cancels} cancelled, {len(soak.wrong)} wrong"
    )


if __name__ == "__main__":
    sys.exit(main())
