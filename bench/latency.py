"""Sending to a relay that is far away: against clients that wait for each answer, on as many connections.

    python -m bench.latency --messages 1000 --milliseconds 20

It runs in a network namespace of its own, where the kernel's netem delays each packet; where the kernel has none, a
proxy delays the bytes (bench/delay.py), and the output says so.
"""

import argparse
import os
import shutil
import smtplib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from config.settings import RelayUrl, settings
from mailer.smtp.envelope import Envelope
from mailer.smtp.fleet import Fleet
from tests.mailer.smtp.notes import Notes, messages
from tests.receiver import ReceiverProcess

SIZE = 30_000
WITHOUT_PIPELINING_SAMPLE = 0.25
"""Of the messages: the others are that much slower."""


class CannotMeasure(Exception):
    """Why there is no result."""


def _namespace() -> list[str]:
    """The command that runs another in a network namespace of its own. Raises CannotMeasure."""
    for program in ("unshare", "ip"):
        if not shutil.which(program):
            raise CannotMeasure(f"there is no {program} here (Debian: util-linux, iproute2)")
    command = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--net"]
    if subprocess.run([*command, "true"], capture_output=True, check=False).returncode:
        raise CannotMeasure("a network namespace takes root here")
    return command


def _netem(milliseconds: float) -> bool:
    """Delay the packets of this namespace's loopback, half on each way; False: this kernel has no netem."""
    if not shutil.which("tc"):
        return False
    words = f"tc qdisc add dev lo root netem delay {milliseconds / 2}ms limit 1000000"
    return subprocess.run(words.split(), capture_output=True, check=False).returncode == 0


@contextmanager
def _far_away(target: int, milliseconds: float, *, netem: bool) -> Iterator[RelayUrl]:
    """The relay on this port as it looks from far away."""
    if netem:
        yield RelayUrl(f"smtp://127.0.0.1:{target}?tls=none")
        return
    proxy = subprocess.Popen(
        [sys.executable, "-m", "bench.delay", str(target), str(milliseconds / 2)], stdout=subprocess.PIPE
    )
    assert proxy.stdout is not None
    with proxy:
        yield RelayUrl(f"smtp://127.0.0.1:{int(proxy.stdout.readline())}?tls=none")
        proxy.terminate()


def _round_trip(relay: RelayUrl) -> float:
    """Milliseconds from a command to its answer."""
    with smtplib.SMTP(relay.host, relay.port) as client:
        times = []
        for _ in range(9):
            began = time.perf_counter()
            client.noop()
            times.append(time.perf_counter() - began)
    return statistics.median(times) * 1000


def _fleet(relay: RelayUrl, envelopes: list[Envelope]) -> float:
    """Messages a second through our own client."""
    fleet, notes = Fleet(relay, settings().connections), Notes()
    try:
        fleet.run(iter(messages(50)), Notes())  # connects
        began = time.perf_counter()
        fleet.run(iter(envelopes), notes)
        seconds = time.perf_counter() - began
    finally:
        fleet.close()
    if set(notes.codes().values()) != {250} or len(notes.verdicts) != len(envelopes):
        raise CannotMeasure("not every message was taken")
    return len(envelopes) / seconds


def _smtplib(relay: RelayUrl, envelopes: list[Envelope]) -> float:
    """Messages a second through the standard library's client, one a connection, each in a thread."""
    number = settings().connections

    def send(first: int) -> tuple[float, float]:
        with smtplib.SMTP(relay.host, relay.port) as client:
            client.ehlo()
            began = time.perf_counter()
            for envelope in envelopes[first::number]:
                client.sendmail(envelope.return_path, envelope.recipient, envelope.content)
            return began, time.perf_counter()

    with ThreadPoolExecutor(number) as pool:
        times = list(pool.map(send, range(number)))
    return len(envelopes) / (max(end for _, end in times) - min(begin for begin, _ in times))


def measure(count: int, milliseconds: float) -> None:
    """Measure inside the namespace, and print. Raises CannotMeasure."""
    subprocess.run(["ip", "link", "set", "lo", "up", "mtu", "1500"], check=True)
    netem = _netem(milliseconds)
    envelopes = messages(count, SIZE)
    few = envelopes[: max(settings().connections, int(count * WITHOUT_PIPELINING_SAMPLE))]
    with tempfile.TemporaryDirectory(prefix="broadside-bench-") as folder:
        with (
            ReceiverProcess(Path(folder) / "a", "--content", "headers") as receiver,
            _far_away(receiver.port, milliseconds, netem=netem) as relay,
        ):
            trip = _round_trip(relay)
            if trip < milliseconds * 0.9:
                raise CannotMeasure(f"an answer takes {trip:.1f} ms, not {milliseconds:.0f}")
            ours = _fleet(relay, envelopes)
            library = _smtplib(relay, few)
        with (
            ReceiverProcess(Path(folder) / "b", "--content", "headers", "--no-pipelining") as receiver,
            _far_away(receiver.port, milliseconds, netem=netem) as relay,
        ):
            waiting = _fleet(relay, few)
    how = "the kernel's netem" if netem else "a proxy (this kernel has no netem)"
    print(f"{trip:.0f} ms from command to answer by {how}, {SIZE // 1000} KB, {settings().connections} connections")
    print(f"against smtplib                     {ours / library:6.2f} times as many messages a second")
    print(f"against ourselves, no PIPELINING    {ours / waiting:6.2f} times as many messages a second")
    print(f"round trips a message               {settings().connections / ours * 1000 / trip:6.2f}")


def main() -> int:
    """Make the namespace and measure in it; 1 where it cannot be measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=1000)
    parser.add_argument("--milliseconds", type=float, default=20.0, help="from a command to its answer")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    try:
        if given.inside:
            measure(given.messages, given.milliseconds)
            return 0
        again = [*_namespace(), sys.executable, "-m", "bench.latency", "--inside", *sys.argv[1:]]
        return subprocess.run(again, check=False).returncode
    except CannotMeasure as reason:
        print(f"cannot measure: {reason}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
