"""A certificate authority of the tests' own, and servers' certificates from it."""

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

REQUEST = "req -nodes -newkey rsa:2048"
"""RSA, as servers that keep keys in a process of their own often know nothing else."""


@dataclass(frozen=True, slots=True)
class Certified:
    """The files of a server's certificate and key."""

    certificate: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        """For a server in Python."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.certificate, self.key)
        return context


class Authority:
    """An authority whose files are in `folder`; trusting it takes `SSL_CERT_FILE` to be its `file`."""

    def __init__(self, folder: Path) -> None:
        self.file, self._key = folder / "authority.pem", folder / "authority.key"
        self._folder = folder
        self._run(f"{REQUEST} -x509 -days 2 -subj /CN=Authority", "-keyout", self._key, "-out", self.file)

    def issue(self, name: str, days: int = 2) -> Certified:
        """A certificate for a host; one for fewer than 0 days has expired."""
        request = self._folder / f"{name}.request"
        made = Certified(self._folder / f"{name}{days}.pem", self._folder / f"{name}{days}.key")
        subject = f"-subj /CN={name} -addext subjectAltName=DNS:{name}"
        self._run(f"{REQUEST} {subject}", "-keyout", made.key, "-out", request)
        words = f"x509 -req -copy_extensions copy -days {days}"
        self._run(words, "-in", request, "-CA", self.file, "-CAkey", self._key, "-out", made.certificate)
        return made

    def _run(self, words: str, *files: str | Path) -> None:
        subprocess.run(["openssl", *words.split(), *files], check=True, capture_output=True)
