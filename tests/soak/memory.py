"""The memory of processes while they run, and whether it stays what it is."""

import time
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from statistics import median

from tests.kill.office import Office
from tests.workers import descendants

MIB = 1024.0
MOST_RISE = 2.0
"""MiB that a process may rise from the middle third to the last: the allocator's chance. In an hour, 6 MiB an hour."""
LARGEST = 143.0
"""MiB that a process may take: 150 MB."""


def processes(office: Office) -> dict[str, int]:
    """{what it does: process id} of our own processes."""
    found = {"beat": office.beat.process.pid}
    for place, host in enumerate(office.hosts, start=1):
        assert host.worker is not None
        found[f"host {place}: command"] = host.worker.process.pid
        for node in host.nodes():
            name = "mail" if b"mail-" in Path(f"/proc/{node}/cmdline").read_bytes() else "housekeeping"
            found[f"host {place}: {name}"] = node
            numbers = count(1)
            found |= {f"host {place}: {name} {next(numbers)}": child for child in sorted(descendants(node))}
    return found


def memory_of(pid: int) -> tuple[float, float]:
    """RSS and PSS in MiB."""
    fields = dict(line.split(":") for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:])
    return tuple(int(fields[name].split()[0]) / MIB for name in ("Rss", "Pss"))  # type: ignore[return-value]


@dataclass
class Samples:
    """Of each process: seconds since the beginning, RSS and PSS in MiB."""

    began: float = field(default_factory=time.monotonic)
    of: dict[str, list[tuple[float, float, float]]] = field(default_factory=lambda: defaultdict(list))
    pids: dict[str, int] = field(default_factory=dict)
    replaced: list[str] = field(default_factory=list)
    """Processes that ended by themselves and were started again."""

    def take(self, office: Office) -> None:
        now = time.monotonic() - self.began
        for name, pid in processes(office).items():
            if self.pids.setdefault(name, pid) != pid:
                self.pids[name] = pid
                self.replaced.append(name)
            try:
                self.of[name].append((now, *memory_of(pid)))
            except (OSError, ValueError):
                continue  # it ends in this moment

    def now(self) -> str:
        """MiB of PSS of all together at the last sample."""
        return f"{sum(samples[-1][2] for samples in self.of.values()):.1f} MiB"

    def growth(self, name: str) -> float:
        """MiB of RSS by which the last third of the time lies above the middle one; in the first a process warms up.

        A leak rises through both. RSS, as the share in PSS changes with what other processes do.
        """
        end = self.of[name][-1][0]
        middle, last = (
            median(rss for at, rss, _ in self.of[name] if low * end <= at <= high * end)
            for low, high in ((1 / 3, 2 / 3), (2 / 3, 1))
        )
        return last - middle

    def table(self) -> list[str]:
        rows = [f"{'process':<28} {'RSS at most':>11} {'PSS at most':>11} {'PSS now':>8} {'rise in last 3rd':>17} MiB"]
        for name, samples in sorted(self.of.items()):
            rows.append(
                f"{name:<28} {max(s[1] for s in samples):>11.1f} {max(s[2] for s in samples):>11.1f} "
                f"{samples[-1][2]:>8.1f} {self.growth(name):>+17.2f}"
            )
        together = [sum(sample[2] for sample in moment) for moment in zip(*self.of.values(), strict=False)]
        rows.append(f"{'all together':<28} {'':>11} {max(together):>11.1f} {together[-1]:>8.1f}")
        return rows

    def write(self, path: Path) -> None:
        """All of them as CSV: of a rise one wants to know whether it is a slope or a step."""
        rows = (f"{name},{at:.0f},{rss:.2f},{pss:.2f}" for name, of in self.of.items() for at, rss, pss in of)
        path.write_text("\n".join(["process,seconds,rss,pss", *rows, ""]))

    def wrong(self) -> list[str]:
        largest = {name: max(rss for _, rss, _ in samples) for name, samples in self.of.items()}
        return [
            *(f"the memory of {name} rises" for name in self.of if self.growth(name) > MOST_RISE),
            *(f"{name} takes {most:.0f} MiB" for name, most in largest.items() if most > LARGEST),
            *(f"{name} was replaced" for name in self.replaced),
        ]
