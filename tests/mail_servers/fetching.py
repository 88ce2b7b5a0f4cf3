"""Fetching the servers: Debian's packages, unpacked into a folder and not installed, as installed ones exclude each other.

python -m tests.mail_servers.fetching      (`make servers` does it)
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

TREE = Path(__file__).parents[2] / ".servers"
PACKAGES = (
    ("postfix", "sasl2-bin", "libsasl2-modules", "libsasl2-modules-db"),
    ("exim4-daemon-light",),
    ("opensmtpd",),
)
"""What belongs together; one server's packages conflict with another's."""


def fetch() -> None:
    """Unpack the packages, and those they need that this machine lacks, into the tree."""
    needed = {package for group in PACKAGES for package in group}
    for group in PACKAGES:
        plan = subprocess.run(
            ["apt-get", "install", "--simulate", "--no-install-recommends", *group],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "LC_ALL": "C"},
        ).stdout
        needed |= {line.split()[1] for line in plan.splitlines() if line.startswith("Inst ")}
    with tempfile.TemporaryDirectory(prefix="broadside-servers-") as folder:
        Path(folder).chmod(0o755)
        subprocess.run(["apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root", *needed], check=True, cwd=folder)
        unpacked = Path(folder) / "tree"
        for name in ("bin", "lib", "sbin"):  # links, as on the machine: a folder would hide its libraries
            (unpacked / "usr" / name).mkdir(parents=True)
            (unpacked / name).symlink_to(f"usr/{name}")
        for package in Path(folder).glob("*.deb"):
            archive = subprocess.run(["dpkg-deb", "--fsys-tarfile", package], check=True, capture_output=True).stdout
            subprocess.run(["tar", "-x", "--keep-directory-symlink", "-C", unpacked], input=archive, check=True)
        shutil.rmtree(TREE, ignore_errors=True)
        shutil.move(unpacked, TREE)


def main() -> str | None:
    """Fetch, with fresh lists of packages where those there do not do."""
    if TREE.exists():
        return None
    if not shutil.which("apt-get"):
        return "the mail servers are Debian's packages, and this machine has no apt-get"
    try:
        fetch()
    except subprocess.CalledProcessError:
        subprocess.run(["apt-get", "update", "-qq"], check=True)
        fetch()
    return None


if __name__ == "__main__":
    sys.exit(main())
