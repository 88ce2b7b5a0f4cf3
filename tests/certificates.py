"""A certificate authority of the tests' own, and servers' certificates from it."""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme


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
        self._folder, self.file = folder, folder / "authority.pem"
        self._authority = trustme.CA()
        self._authority.cert_pem.write_to_path(self.file)

    def issue(self, name: str, days: int = 2) -> Certified:
        """A certificate for a host; one for fewer than 0 days has expired.

        Its key is RSA, as servers that keep keys in a process of their own often know nothing else.
        """
        until = datetime.now(UTC) + timedelta(days=days)
        issued = self._authority.issue_cert(
            name, not_before=until - timedelta(days=3), not_after=until, key_type=trustme.KeyType.RSA
        )
        made = Certified(self._folder / f"{name}{days}.pem", self._folder / f"{name}{days}.key")
        issued.private_key_pem.write_to_path(made.key)
        issued.cert_chain_pems[0].write_to_path(made.certificate)
        return made
