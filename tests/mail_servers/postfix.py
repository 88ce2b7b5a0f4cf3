"""Postfix."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.certificates import Certified
from tests.mail_servers.ground import standing
from tests.mail_servers.offers import ALL_OFFERS, DOMAIN, PASSWORD, USER, MailServer, Offer
from tests.servers import free_port

MAIN = """\
compatibility_level = 3.6
queue_directory = /var/spool/postfix
maillog_file = /dev/stdout
maillog_file_prefixes = /dev/stdout
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = localhost
mydestination =
mynetworks =
virtual_mailbox_domains = {domain}
virtual_mailbox_base = /mail
virtual_mailbox_maps = regexp:/setup/mailboxes
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
virtual_transport = virtual
default_transport = error:nothing leaves this machine
relay_transport = error:nothing leaves this machine
smtpd_relay_restrictions = permit_auth_destination, reject
smtpd_tls_cert_file = /setup/server.pem
smtpd_tls_key_file = /setup/server.key
smtpd_sasl_local_domain = localhost
cyrus_sasl_config_path = /etc/postfix
message_size_limit = 10000000
"""
MASTER = """\
pickup    unix  n - n 60 1 pickup
cleanup   unix  n - n - 0 cleanup
qmgr      unix  n - n 300 1 qmgr
tlsmgr    unix  - - n 1000? 1 tlsmgr
rewrite   unix  - - n - - trivial-rewrite
bounce    unix  - - n - 0 bounce
defer     unix  - - n - 0 bounce
proxymap  unix  - - n - - proxymap
error     unix  - - n - - error
virtual   unix  - n n - - virtual
anvil     unix  - - n - 1 anvil
postlog   unix-dgram n - n - 1 postlogd
"""
SASL = """\
pwcheck_method: auxprop
auxprop_plugin: sasldb
mech_list: PLAIN LOGIN
sasldb_path: /etc/sasldb2
"""
START = """\
mkdir -p /etc/postfix /var/spool/postfix/pid /var/lib/postfix
cp /setup/main.cf /setup/master.cf /setup/smtpd.conf /etc/postfix
chmod 644 /etc/postfix/smtpd.conf
printf %s {password} | saslpasswd2 -p -c -u localhost -f /etc/sasldb2 {user}
chgrp postfix /etc/sasldb2
chmod 640 /etc/sasldb2
chown postfix /var/lib/postfix
exec postfix start-fg
"""


@contextmanager
def postfix(folder: Path, tls: Certified) -> Iterator[MailServer]:
    """Postfix, delivering into maildirs."""
    ports = {offer: free_port() for offer in ALL_OFFERS}
    files = {
        "main.cf": MAIN.format(domain=DOMAIN),
        "master.cf": MASTER + "".join(_service(offer, port) for offer, port in ports.items()),
        "mailboxes": "!/^nobody/ all/\n",
        "smtpd.conf": SASL,
        "server.pem": tls.certificate.read_text(),
        "server.key": tls.key.read_text(),
    }
    start = START.format(user=USER, password=PASSWORD)
    with standing(folder, files, start, ["postfix", "postdrop"], list(ports.values())) as mail:
        yield MailServer(ports, mail)


def _service(offer: Offer, port: int) -> str:
    options = {
        "smtpd_tls_security_level": "encrypt" if offer.starttls else "none",
        "smtpd_sasl_auth_enable": "yes" if offer.auth else "no",
        "smtputf8_enable": "yes" if offer.smtputf8 else "no",
    }
    if not offer.pipelining:
        options["smtpd_discard_ehlo_keywords"] = "pipelining"
    if offer.auth:
        options["smtpd_client_restrictions"] = "permit_sasl_authenticated,reject"
    words = "".join(f"\n  -o {name}={value}" for name, value in options.items())
    return f"127.0.0.1:{port} inet n - n - - smtpd{words}\n"
