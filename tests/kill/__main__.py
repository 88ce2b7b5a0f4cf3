"""`make kill ROUNDS=50 SEED=1`: rounds of mailings in which things are killed; exit status 1 if anything was wrong."""

import argparse
import shutil
import signal
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from tests.kill.faults import BACK, FAULTS
from tests.kill.office import Servers
from tests.kill.rounds import Plan, Round, play


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def line(one: Round) -> str:
    plan = one.plan
    return (
        f"seed {plan.seed:<8} {plan.kind:<10} {plan.hosts} host{'s' * (plan.hosts > 1):<2}"
        f"{'resends ' if plan.resends else ''}{' + '.join(plan.faults):<22} after {plan.moment:>5} messages: "
        f"{one.states['sent']} sent, {one.states['failed']} failed, {one.states['uncertain']} uncertain, "
        f"{one.seconds:.0f} s{'' if not one.wrong else '  WRONG'}"
    )


def table(rounds: list[Round]) -> list[str]:
    """Rounds, the most uncertain, the longest and what was wrong, by fault."""
    by_fault: dict[str, list[Round]] = defaultdict(list)
    for one in rounds:
        for name in set(one.plan.faults):
            by_fault[name].append(one)
    rows = [f"{'fault':<10} {'rounds':>6} {'in pairs':>8} {'uncertain at most':>18} {'longest s':>9} {'wrong':>5}"]
    rows += [
        f"{name:<10} {len(those):>6} {sum(len(one.plan.faults) > 1 for one in those):>8} "
        f"{max(one.states['uncertain'] for one in those):>18} {max(one.seconds for one in those):>9.0f} "
        f"{sum(bool(one.wrong) for one in those):>5}"
        for name in (*FAULTS, BACK)
        if (those := by_fault[name])
    ]
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.kill")
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--seed", type=int, help="of the first round; the next one's is one more")
    parser.add_argument("--people", type=int, default=3000)
    parser.add_argument("--faults", help="instead of chance: one or two of " + ", ".join((*FAULTS, BACK)))
    parser.add_argument("--database", choices=["postgresql", "sqlite"], default="", help="instead of chance")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("told to end"))  # and its servers with it
    first = given.seed if given.seed is not None else int(time.time())
    faults = given.faults.split(",") if given.faults else []
    folder = Path(tempfile.mkdtemp(prefix="broadside-kill-"))
    rounds: list[Round] = []
    say(f"{given.rounds} rounds of {given.people} people, from seed {first}")
    with Servers(given.people, folder) as servers:
        for seed in range(first, first + given.rounds):
            plan = Plan.of(seed, given.people, faults, given.database)
            one = play(plan, servers, folder / f"seed{seed}")
            rounds.append(one)
            say(line(one))
            for what in one.ended:
                say(f"    started again: {what}")
            for wrong in one.wrong[:10]:
                say(f"    WRONG: {wrong}")
            if not one.wrong:
                shutil.rmtree(folder / f"seed{seed}")
    say("")
    for row in table(rounds):
        say(row)
    bad = [one for one in rounds if one.wrong]
    if not bad:
        shutil.rmtree(folder)
        say(f"\nnobody lost and nobody twice in {len(rounds)} rounds")
        return 0
    say(f"\n{len(bad)} rounds went wrong; their logs are in {folder}. Repeat one with:")
    for one in bad:
        say(f"    make kill ROUNDS=1 SEED={one.plan.seed}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
