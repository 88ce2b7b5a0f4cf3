"""Exim."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.certificates import Certified
from tests.mail_servers.ground import standing
from tests.mail_servers.offers import ALL_OFFERS, DOMAIN, PASSWORD, USER, MailServer, Offer
from tests.servers import free_port

CONFIGURATION = """\
local_interfaces = 127.0.0.1
daemon_smtp_ports = {ports}
primary_hostname = localhost
log_file_path = /var/log/exim4/%slog
keep_environment =
spool_directory = /var/spool/exim4
disable_ipv6
host_lookup =
rfc1413_hosts =
smtp_accept_max = 0
smtp_accept_queue_per_connection = 0
queue_run_in_order
message_size_limit = 10M
tls_certificate = /setup/server.pem
tls_privatekey = /etc/exim4/server.key
tls_advertise_hosts = ${{if inlisti{{$received_port}}{{{starttls}}}{{*}}}}
pipelining_advertise_hosts = ${{if inlisti{{$received_port}}{{{pipelining}}}{{*}}}}
smtputf8_advertise_hosts = ${{if inlisti{{$received_port}}{{{smtputf8}}}{{*}}}}
acl_smtp_mail = mail
acl_smtp_rcpt = rcpt
acl_smtp_data = accept
begin acl
mail:
  deny condition = ${{if inlisti{{$received_port}}{{{starttls}}}}}
       !encrypted = *
       message = encrypt first
  deny condition = ${{if inlisti{{$received_port}}{{{auth}}}}}
       !authenticated = *
       message = log in first
  accept
rcpt:
  deny !domains = {domain}
       message = nothing leaves this machine
  deny local_parts = ^nobody
       message = no such reader
  accept
begin routers
all:
  driver = accept
  transport = maildir
begin transports
maildir:
  driver = appendfile
  directory = /mail
  maildir_format
  user = nobody
  group = nogroup
  envelope_to_add
  return_path_add
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_advertise_condition = ${{if inlisti{{$received_port}}{{{auth}}}}}
  server_prompts = :
  server_condition = ${{if and{{{{eq{{$auth2}}{{{user}}}}}{{eq{{$auth3}}{{{password}}}}}}}}}
"""
START = """\
mkdir -p /etc/exim4 /var/spool/exim4 /var/log/exim4
chown Debian-exim:Debian-exim /var/spool/exim4 /var/log/exim4
cp /setup/exim4.conf /setup/server.key /etc/exim4
chown Debian-exim /etc/exim4/server.key
exec exim4 -bdf -q1h
"""


@contextmanager
def exim(folder: Path, tls: Certified) -> Iterator[MailServer]:
    """Exim, delivering into a maildir."""
    ports = {offer: free_port() for offer in ALL_OFFERS}

    def where(offered: Callable[[Offer], bool]) -> str:
        return ":".join(str(port) for offer, port in ports.items() if offered(offer))

    configuration = CONFIGURATION.format(
        ports=":".join(str(port) for port in ports.values()),
        starttls=where(lambda offer: offer.starttls),
        pipelining=where(lambda offer: offer.pipelining),
        smtputf8=where(lambda offer: offer.smtputf8),
        auth=where(lambda offer: offer.auth),
        user=USER,
        password=PASSWORD,
        domain=DOMAIN,
    )
    files = {
        "exim4.conf": configuration,
        "server.pem": tls.certificate.read_text(),
        "server.key": tls.key.read_text(),
    }
    with standing(folder, files, START, ["Debian-exim"], list(ports.values())) as mail:
        yield MailServer(ports, mail)
