"""Several worker commands on one state folder, as containers that share it by mistake would have them."""

import sys
from collections import Counter
from pathlib import Path

import pytest

from config.migrate import upgrade
from config.settings import settings
from tests.press import ledger, mailing_state, open_office, send_mailing, set_up, write_folder
from tests.receiver import Receiver
from tests.servers import Server
from tests.workers import Part, Workers, wait_until

PEOPLE = 400
WORKER = (sys.executable, "-m", "cli.part", "worker", "1")
APART = ("unshare", "--pid", "--fork", "--kill-child", "--uts", "--mount-proc")
"""A container's own process numbers and host name."""


def _may(*command: str) -> None:
    if Part(*command, "true").process.wait():
        pytest.skip("namespaces can only be made by root")


def test_two_containers_on_one_machine_keep_one_account(
    redis: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _may(*APART)
    upgrade()
    open_office(PEOPLE)
    with Receiver(delay=0.01) as receiver:
        set_up(monkeypatch, smtp_url=f"smtp://127.0.0.1:{receiver.port}?tls=none")
        mailing_id = send_mailing(write_folder(tmp_path / "value-gap"))
        with Workers() as office:
            for name in ("one", "two"):
                office.workers.append(Part(*APART, "sh", "-c", f'hostname {name} && exec "$@"', name, *WORKER))
            wait_until(lambda: len(receiver.messages) >= PEOPLE // 4)
            office.workers.pop(0).kill()  # its files are the other's to read
            assert len(receiver.messages) < PEOPLE
            wait_until(lambda: mailing_state(mailing_id) == "finished")
            last = office.workers.pop()
            last.kill()  # asking it to end would reach only `unshare`
        got = Counter(message.rcpt for message in receiver.messages)
    told = ledger(mailing_id)
    assert max(got.values()) == 1
    assert {state for state, _ in told.values()} <= {"sent", "uncertain"}
    assert {address for address, (state, _) in told.items() if state == "sent"} <= set(got)
    assert sum(state == "uncertain" for state, _ in told.values()) <= 2 * settings().connections


def test_another_machine_is_refused(redis: Server, tmp_path: Path) -> None:
    """Another machine: another kernel, told by another boot id."""
    elsewhere, log = tmp_path / "boot_id", tmp_path / "log"
    elsewhere.write_text("00000000-0000-4000-8000-000000000000\n")
    mount = f"mount --bind {elsewhere} /proc/sys/kernel/random/boot_id"
    _may("unshare", "--mount", "sh", "-c", mount)
    upgrade()
    with Workers(1) as office:
        sign = settings().state_dir / "in-use"
        wait_until(sign.exists)
        other = Part("unshare", "--mount", "sh", "-c", f'{mount} && exec "$@"', "sh", *WORKER, log=log)
        assert other.process.wait(120) == 1
        assert office.workers[0].process.poll() is None
    assert "is in use by another machine" in log.read_text()
    assert "give each host a state folder of its own" in log.read_text()
    # Its sign alone is no machine at work: as after a reboot.
    with Workers() as office:
        office.workers.append(Part("unshare", "--mount", "sh", "-c", f'{mount} && exec "$@"', "sh", *WORKER))
        wait_until(lambda: sign.read_text().startswith("00000000-"))
