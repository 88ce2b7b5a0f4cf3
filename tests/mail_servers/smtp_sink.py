"""smtp-sink, which comes with Postfix: it takes everything and writes it down."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.certificates import Certified
from tests.mail_servers.ground import standing
from tests.mail_servers.offers import MailServer, Offer
from tests.servers import free_port


@contextmanager
def smtp_sink(folder: Path, tls: Certified) -> Iterator[MailServer]:
    """Two of them, as one offers the same to all: with PIPELINING and without."""
    ports = {Offer(): free_port(), Offer(pipelining=False): free_port()}
    plain, piped = ports[Offer(pipelining=False)], ports[Offer()]
    start = f"""\
smtp-sink -u nobody -p -d /mail/{plain}. 127.0.0.1:{plain} 100 &
exec smtp-sink -u nobody -d /mail/{piped}. 127.0.0.1:{piped} 100
"""
    with standing(folder, {}, start, [], list(ports.values())) as mail:
        yield MailServer(ports, mail, behind=b"\n")
