"""OpenSMTPD. It offers neither PIPELINING nor SMTPUTF8."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.certificates import Certified
from tests.mail_servers.ground import standing
from tests.mail_servers.offers import DOMAIN, MailServer, Offer
from tests.servers import free_port

CONFIGURATION = """\
listen on 127.0.0.1 port {port} hostname localhost
action keep maildir "/mail" virtual {{ "@" = nobody }}
match from any for rcpt-to regex "^nobody" reject
match from any for domain {domain} action keep
"""
START = """\
mkdir -p /var/lib/opensmtpd/empty /var/spool/smtpd
chmod 711 /var/lib/opensmtpd /var/lib/opensmtpd/empty /var/spool/smtpd
exec smtpd -d -f /setup/smtpd.conf
"""


@contextmanager
def opensmtpd(folder: Path, tls: Certified) -> Iterator[MailServer]:
    """OpenSMTPD, delivering into a maildir.

    In the clear only: version 6.8, as Debian 12 has it, fails every handshake with OpenSSL 3 (its issue 1171).
    """
    port = free_port()
    files = {"smtpd.conf": CONFIGURATION.format(port=port, domain=DOMAIN)}
    with standing(folder, files, START, ["opensmtpd", "opensmtpq"], [port]) as mail:
        yield MailServer({Offer(pipelining=False): port}, mail)
