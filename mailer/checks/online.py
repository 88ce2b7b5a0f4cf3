"""Asking the web whether links lead somewhere: only where a person says so, and never a host that is not public.

A mailing's text names the addresses, so each connection is made to an IP address that was looked at first: neither a
name that resolves to the own network nor a redirection can make this machine ask there.
"""

import ipaddress
import socket
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

import httpcore

SECONDS = 5.0
"""For each step of a question."""
HOPS = 5
"""Redirections that are followed."""
AT_ONCE = 8
MOST = 100
"""Links of one mailing."""
_GONE = {404, 410}
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_SAFE = "%/:=&?~+!$,;'@()*[]"
_HEADERS = [("User-Agent", "Broadside (link check)"), ("Accept", "*/*")]

Allowed = Callable[[str], bool]


class NotPublic(Exception):
    """The address is not of the public internet, and is not asked."""


def is_public(address: str) -> bool:
    """Whether an IP address is of the public internet."""
    found: Any = ipaddress.ip_address(address.partition("%")[0])
    if found.version == 6:
        inner = found.ipv4_mapped or found.sixtofour
        if inner or found.teredo or found in _NAT64:
            return bool(inner) and is_public(str(inner))
    return bool(found.is_global and not found.is_multicast)


def dead(links: Iterable[str], allowed: Allowed = is_public) -> Mapping[str, str]:
    """The links that lead nowhere, and why; at most 100 are asked. `allowed` is for tests."""
    asked = sorted(set(links))[:MOST]
    with (
        httpcore.ConnectionPool(network_backend=_Backend(allowed), max_connections=AT_ONCE) as pool,
        ThreadPoolExecutor(AT_ONCE) as threads,
    ):
        reasons = threads.map(lambda link: _reason(pool, link), asked)
        return {link: reason for link, reason in zip(asked, reasons, strict=True) if reason}


def _reason(pool: httpcore.ConnectionPool, link: str) -> str:
    """Why a link leads nowhere, "" if it leads somewhere."""
    url = link
    try:
        for _ in range(HOPS):
            status, location = _ask(pool, url)
            if not location:
                return f"the server answers {status}" if status in _GONE or status >= 500 else ""
            url = urljoin(url, location)
            if urlsplit(url).scheme not in {"http", "https"}:
                return f"it leads on to {url}"
    except NotPublic:
        return (
            "it leads to an address that is not public" if url == link else f"it leads on to {url}, which is not public"
        )
    except httpcore.TimeoutException:
        return f"the server does not answer within {SECONDS:g} seconds"
    except (httpcore.NetworkError, httpcore.ProtocolError, OSError, ValueError) as error:
        return f"the server cannot be reached: {' '.join(str(error).split()) or type(error).__name__}"
    return f"it leads on more than {HOPS} times"


def _ask(pool: httpcore.ConnectionPool, url: str) -> tuple[int, str]:
    """The status of an address, asked with HEAD and then, where that is refused, with GET; and where it leads on to."""
    status, location = 0, ""
    for method in ("HEAD", "GET"):
        timeout = dict.fromkeys(("connect", "read", "write", "pool"), SECONDS)
        with pool.stream(method, _quoted(url), headers=_HEADERS, extensions={"timeout": timeout}) as response:
            status = response.status
            found = next((value for name, value in response.headers if name.lower() == b"location"), b"")
            location = found.decode("latin-1") if 300 <= status < 400 else ""
        if status < 400:
            break
    return status, location


def _quoted(url: str) -> str:
    """An address as it goes down the wire: ASCII, its host as A-labels."""
    parts = urlsplit(url)
    host = (parts.hostname or "").encode("idna").decode("ascii")
    host = f"[{host}]" if ":" in host else host
    port = f":{parts.port}" if parts.port else ""
    query = f"?{quote(parts.query, _SAFE)}" if parts.query else ""
    return f"{parts.scheme}://{host}{port}{quote(parts.path or '/', _SAFE)}{query}"


class _Backend(httpcore.NetworkBackend):
    """Connects to addresses that are allowed, by the IP address that was looked at."""

    def __init__(self, allowed: Allowed) -> None:
        self._allowed = allowed
        self._network = httpcore.SyncBackend()

    def connect_tcp(self, host: str, port: int, *args: Any, **more: Any) -> httpcore.NetworkStream:
        """As NetworkBackend has it. Raises NotPublic where one of the host's addresses is not allowed."""
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise httpcore.ConnectError("there is no such site") from None
        addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
        if not all(map(self._allowed, addresses)):
            raise NotPublic(host)
        for address in addresses[:-1]:
            with suppress(httpcore.ConnectError, httpcore.ConnectTimeout):
                return self._network.connect_tcp(address, port, *args, **more)
        return self._network.connect_tcp(addresses[-1], port, *args, **more)
