"""The ground a server stands on: the machine's files with the server's on top, in namespaces of its own.

What it writes outside its folder is gone with it, and so are all its processes.
"""

import smtplib
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from tests.mail_servers.fetching import TREE
from tests.servers import PATIENCE

NAMESPACES = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child"]
"""A test run that is killed leaves nothing behind: unshare, which heeds no SIGTERM, goes with it, and all below."""
SETUP, MAIL = "/setup", "/mail"
"""Where the server finds its configuration, and where it delivers."""
LAY = f"""\
set -e
tree=$1 folder=$2
mkdir -p $folder/ground
cd $folder/ground
mount -t tmpfs tmpfs .
cd .
cp -a $tree upper
mkdir work root
mount -t overlay overlay -o lowerdir=/,upperdir=upper,workdir=work root
cd root
mount --rbind /dev dev
mount -t proc proc proc
mkdir .{SETUP} .{MAIL}
mount --bind $folder/setup .{SETUP}
mount --bind $folder/mail .{MAIL}
chroot . sh -e {SETUP}/start
exit  # the first process stays this one: a server that changes its user would outlive its parent
"""


@cache
def missing() -> str:
    """Why the servers cannot stand here; empty: they can."""
    if not TREE.exists():
        return "the mail servers are not there: make servers"
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode:
        return "a mount namespace takes root"
    return ""


@contextmanager
def standing(
    folder: Path, files: dict[str, str], start: str, users: Sequence[str], ports: Sequence[int]
) -> Iterator[Path]:
    """Run the shell script `start` on a ground of its own until the block ends; yields the folder of the mail.

    `files` are for SETUP; the script ends in `exec` of the server, and what that says goes to the file `said`.
    """
    (folder / "setup").mkdir()
    (folder / "mail").mkdir()
    (folder / "mail").chmod(0o777)
    adding = [f"useradd --system --no-create-home --home-dir /nonexistent --user-group {user}" for user in users]
    for name, text in {**files, "start": "\n".join([*adding, start])}.items():
        (folder / "setup" / name).write_text(text)
        (folder / "setup" / name).chmod(0o600 if name.endswith((".conf", ".key")) else 0o644)
    with (folder / "said").open("wb") as said:
        process = subprocess.Popen(
            [*NAMESPACES, "sh", "-c", LAY, "lay", TREE, folder],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
        )
        try:
            for port in ports:
                _wait_for_greeting(port, process, folder)
            yield folder / "mail"
        finally:
            process.kill()
            process.wait()


def _wait_for_greeting(port: int, process: subprocess.Popen[bytes], folder: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            smtplib.SMTP("127.0.0.1", port, timeout=PATIENCE).close()
        except (OSError, smtplib.SMTPException):
            assert process.poll() is None and time.monotonic() < deadline, (folder / "said").read_text()
            time.sleep(0.05)
        else:
            return
