"""One round: a mailing, a fault or two in the middle of it, and what came of it."""

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import update
from sqlalchemy.exc import SQLAlchemyError

from config.database import transaction
from mailer.models import Mailing
from tests.kill.faults import BACK, FAULTS, Fault, go_back
from tests.kill.notes import Reader, Seen
from tests.kill.office import PACE, SLOW_PACE, Office, Servers
from tests.kill.verdict import told, violations
from tests.press import mailing_state, send_mailing, write_folder

PATIENCE = 240.0
"""Seconds until a round without end is a violation."""


@dataclass(frozen=True)
class Plan:
    """All that chance decides of a round; the same for the same seed."""

    seed: int
    kind: str
    hosts: int
    resends: bool
    faults: tuple[str, ...]
    moment: int
    """Messages taken before the first fault."""
    pause: float
    """Seconds from the first to the second."""
    mending: tuple[float, ...]
    """Seconds from each fault until it is mended."""

    @classmethod
    def of(cls, seed: int, people: int, faults: Sequence[str] = (), kind: str = "") -> "Plan":
        """Decide. `faults` and `kind`, where given, are not left to chance."""
        rng = random.Random(seed)
        kind = kind or rng.choice(("postgresql", "sqlite"))
        possible = [name for name, fault in FAULTS.items() if fault.only in ("", kind)]
        chosen = list(rng.choices([*possible, BACK], k=rng.choice((1, 2, 2))))
        if BACK in chosen:
            chosen = [BACK]
        if chosen.count("host") > 1:
            chosen = ["host"]
        chosen = list(faults) or chosen
        several = kind == "postgresql" and ("host" in chosen or rng.random() < 0.3)
        return cls(
            seed,
            kind,
            2 if several else 1,
            rng.random() < 0.2 and "host" not in chosen,
            tuple(chosen),
            int(people * rng.uniform(0, 0.3 if BACK in chosen else 0.95)),
            rng.choice((0.0, rng.uniform(0, 1), rng.uniform(0, 5))),
            tuple(rng.uniform(0.05, 3) for _ in chosen),
        )


@dataclass
class Round:
    """How a round went."""

    plan: Plan
    seconds: float
    states: Counter[str]
    ended: list[str] = field(default_factory=list)
    """Parts that ended by themselves."""
    wrong: list[str] = field(default_factory=list)


def play(plan: Plan, servers: Servers, folder: Path) -> Round:
    """Play a round; its logs and notes stay in `folder`."""
    everybody = {f"reader{number}@example.org" for number in range(1, servers.people + 1)}
    began = time.monotonic()
    wrong: list[str] = []
    pace = SLOW_PACE if plan.faults == (BACK,) else PACE
    with Office(servers, plan.kind, plan.hosts, random.Random(plan.seed), folder, pace) as office:
        mailing_id = send_mailing(write_folder(folder / "value-gap"))
        if plan.resends:
            with transaction() as session:
                session.execute(update(Mailing).values(on_uncertain="resend"))

        reader = Reader(office.notes)

        def truth() -> Seen:
            return reader.seen("impala.example")

        def finished() -> bool:
            return _state(mailing_id) == "finished"

        _wait(lambda: truth().messages >= plan.moment or finished(), office, PATIENCE)
        if plan.faults == (BACK,):
            wrong += go_back(office, lambda: truth().messages, finished)
        else:
            _strike(office, [FAULTS[name] for name in plan.faults], plan)
        ended = _wait(finished, office, PATIENCE)
        if not finished():
            wrong.append(f"the mailing is not finished after {PATIENCE:.0f} s, but {_state(mailing_id)}")
        lost = [host.folder.with_name(f"lost-{host.folder.name}") for host in office.lost]
        hosts = [host.folder for host in office.hosts]
        wrong += violations(mailing_id, everybody, truth(), resends=plan.resends, hosts=hosts, lost=lost)
        states = Counter(row.state for row in told(mailing_id).values())
    return Round(plan, time.monotonic() - began, states, ended, wrong)


def _strike(office: Office, faults: Sequence[Fault], plan: Plan) -> None:
    """Break and mend in the order of time."""
    events = []
    for place, fault in enumerate(faults):
        at = place * plan.pause
        events += [(at, fault.strike), (at + (fault.lasts or plan.mending[place]), fault.mend)]
    began = time.monotonic()
    for at, act in sorted(events, key=lambda event: event[0]):
        time.sleep(max(0.0, began + at - time.monotonic()))
        act(office)


def _wait(condition: Callable[[], bool], office: Office, seconds: float) -> list[str]:
    """Supervise until something is so, or the time is up; what had to be started again."""
    ended = []
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        ended += office.supervise()
        time.sleep(0.1)
    return ended


def _state(mailing_id: int) -> str:
    try:
        return mailing_state(mailing_id)
    except SQLAlchemyError:
        return "unknown: the database does not answer"
