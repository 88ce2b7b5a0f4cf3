"""Several parts run as one: started, started again where one ends by itself, and ended in good order."""

import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import IO

from tasks.processes import Ending, drain, start

FIRST_WAIT = 0.2
LONGEST_WAIT = 30.0
"""Seconds before a part that ended is started again: the first time, and at most."""
GOOD_ENDS = (0, -signal.SIGTERM)
"""Exit statuses of a part that was asked to end; the signal itself, where it had only just begun."""
SETTLED = 60.0
"""Seconds after which a part that was started again counts as well."""


@dataclass(slots=True)
class Part:
    """One process. Those of a later `stage` need those of the earlier ones; `patience` in seconds."""

    name: str
    command: Sequence[str]
    stage: int
    patience: float
    process: subprocess.Popen[bytes] | None = None
    began: float = 0.0
    wait: float = FIRST_WAIT
    again_at: float | None = None

    @property
    def ended(self) -> bool:
        """True if it was started and is no more."""
        return self.process is not None and self.process.poll() is not None


class Supervisor:
    """Runs parts in stages: what the others need is started first and ended last."""

    def __init__(
        self, ending: Ending, say: Callable[[str], None], keep: Sequence[int] = (), output: IO[bytes] | None = None
    ) -> None:
        """`say` is told in a sentence what happens; the parts inherit `keep` and write to `output` if given."""
        self.ending = ending
        self.parts: list[Part] = []
        self._say = say
        self._keep = keep
        self._output = output

    def start(self, name: str, *command: str, stage: int, patience: float = 10.0) -> Part:
        """Start one more part; when all are to end, it has `patience` seconds to finish what it is at."""
        part = Part(name, command, stage, patience)
        self.parts.append(part)
        self._start(part)
        return part

    def _start(self, part: Part) -> None:
        part.process = start(*part.command, keep=self._keep, output=self._output)
        part.began, part.again_at = time.monotonic(), None

    def look(self) -> None:
        """Start again what ended, and say so; each time after a longer wait, until it has run for a minute."""
        now = time.monotonic()
        for part in self.parts:
            if not part.ended or self.ending.asked:
                continue
            if part.again_at is None:
                assert part.process is not None
                part.wait = FIRST_WAIT if now - part.began > SETTLED else min(LONGEST_WAIT, part.wait * 2)
                part.again_at = now + part.wait
                self._say(f"{part.name} ended ({_how(part.process.returncode)}) and is started again")
            if now >= part.again_at:
                self._start(part)

    def run(self) -> None:
        """Look after the parts until a signal asks to end."""
        while not self.ending.wait(0.2):
            self.look()

    def stop(self) -> int:
        """End every part, the last stage first, each when it has finished; 1 if one could not finish."""
        cut_short = 0
        for stage in sorted({part.stage for part in self.parts}, reverse=True):
            ending = [part for part in self.parts if part.stage == stage]
            processes = [part.process for part in ending if part.process is not None and not part.ended]
            if not processes:
                continue
            cut_short |= drain(processes, max(part.patience for part in ending), lambda: self.ending.at_once)
            if any(process.returncode not in GOOD_ENDS for process in processes):
                cut_short = 1
        return cut_short


def _how(status: int) -> str:
    return f"signal {-status}" if status < 0 else f"status {status}"
