"""Links that are asked, of a server on this machine; and those that never are."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from mailer.checks import online

ANSWERS = {"/gone": 404, "/broken": 503, "/forbidden": 403}
LEADS_ON = {"/moved": "/here", "/round": "/round", "/home": "http://127.0.0.2:1/", "/file": "file:///etc/passwd"}


class Handler(BaseHTTPRequestHandler):
    asked: ClassVar[list[str]] = []

    def do_HEAD(self) -> None:
        self.asked.append(f"{self.command} {self.path}")
        status = ANSWERS.get(self.path, 302 if self.path in LEADS_ON else 200)
        if self.path == "/get-only" and self.command == "HEAD":
            status = 405
        self.send_response(status)
        if self.path in LEADS_ON:
            self.send_header("Location", LEADS_ON[self.path])
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self) -> None:
        self.do_HEAD()

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def served() -> Iterator[str]:
    """The address of a site on this machine."""
    Handler.asked.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture
def site() -> Iterator[str]:
    with served() as address:
        yield address


def test_links_that_lead_nowhere_are_told_with_the_reason(site: str) -> None:
    paths = ["/here", "/gone", "/broken", "/forbidden", "/moved", "/round", "/get-only", "/file", "/é?q=ü"]
    found = online.dead([f"{site}{path}" for path in paths], allowed=lambda address: address == "127.0.0.1")
    reasons = {link.removeprefix(site): reason for link, reason in found.items()}
    assert reasons == {
        "/gone": "the server answers 404",
        "/broken": "the server answers 503",
        "/round": "it leads on more than 5 times",
        "/file": "it leads on to file:///etc/passwd",
    }
    assert "GET /get-only" in Handler.asked and "GET /here" not in Handler.asked


def test_nothing_on_the_own_network_is_asked(site: str) -> None:
    port = site.rpartition(":")[2]
    links = [f"{site}/here", f"http://localhost:{port}/here", f"http://[::ffff:127.0.0.1]:{port}/here"]
    found = online.dead(links)
    assert set(found) == set(links) and set(found.values()) == {"it leads to an address that is not public"}
    assert Handler.asked == []


def test_a_redirection_to_the_own_network_is_not_followed(site: str) -> None:
    found = online.dead([f"{site}/home"], allowed=lambda address: address == "127.0.0.1")
    assert found == {f"{site}/home": "it leads on to http://127.0.0.2:1/, which is not public"}


def test_a_server_that_is_not_there_is_told(site: str) -> None:
    found = online.dead(["http://127.0.0.1:9/", "http://no-such-site.invalid/"], allowed=bool)
    assert found["http://127.0.0.1:9/"].startswith("the server cannot be reached")
    assert found["http://no-such-site.invalid/"] == "the server cannot be reached: there is no such site"


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "192.168.0.1", "172.16.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "::1",
     "fe80::1%eth0", "fc00::1", "::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1", "224.0.0.1"],
)  # fmt: skip
def test_what_is_not_public(address: str) -> None:
    assert not online.is_public(address)


def test_what_is_public() -> None:
    assert online.is_public("93.184.216.34") and online.is_public("2606:2800:220:1:248:1893:25c8:1946")
