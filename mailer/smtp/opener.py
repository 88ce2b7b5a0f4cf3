"""Opening connections beside the sending loop: smtplib blocks, and a slow relay must not keep the others waiting."""

import threading
from contextlib import suppress
from queue import Empty, SimpleQueue

from config.settings import RelayUrl
from mailer.smtp.connection import Connection, open_connection
from mailer.smtp.errors import RelayError


class Opener:
    """Opens connections to one relay, each in a thread that ends with it."""

    def __init__(self, relay: RelayUrl, connect_timeout: float, answer_timeout: float) -> None:
        self.pending = 0
        """Openings begun and not yet collected."""
        self._relay = relay
        self._timeouts = (connect_timeout, answer_timeout)
        self._results: SimpleQueue[Connection | Exception] = SimpleQueue()
        self._closed = False

    def start(self) -> None:
        """Begin to open one more connection."""
        self.pending += 1
        threading.Thread(target=self._open, name=f"open {self._relay.name}", daemon=True).start()

    def collect(self, wait: float) -> list[Connection | RelayError]:
        """What has come of the openings; waits up to `wait` seconds for the first."""
        found: list[Connection | RelayError] = []
        with suppress(Empty):
            while self.pending:
                result = self._results.get(block=wait > 0 and not found, timeout=wait)
                self.pending -= 1
                if isinstance(result, Connection | RelayError):
                    found.append(result)
                else:
                    raise result
        return found

    def close(self) -> None:
        """Close every connection that nobody collected, also those that are still being opened."""
        self._closed = True
        self._discard()

    def _open(self) -> None:
        connect_timeout, answer_timeout = self._timeouts
        try:
            self._results.put(
                open_connection(self._relay, connect_timeout=connect_timeout, answer_timeout=answer_timeout)
            )
        except Exception as error:  # noqa: BLE001  it is raised again where the result is collected
            self._results.put(error)
        if self._closed:
            self._discard()

    def _discard(self) -> None:
        with suppress(Empty):
            while True:
                result = self._results.get_nowait()
                if isinstance(result, Connection):
                    result.socket.close()
