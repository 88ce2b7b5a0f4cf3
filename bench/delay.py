"""A proxy that passes each byte on some milliseconds later, for kernels without netem.

    python -m bench.delay TARGET_PORT MILLISECONDS

Connecting is not delayed, and there is no limit to what is under way: it stands in for latency, not for a thin line.
"""

import asyncio
import sys
from collections import deque


class _Side(asyncio.Protocol):
    """One end of a connection; what it hears, its `other` end says later."""

    def __init__(self, delay: float) -> None:
        self.other: _Side
        self._delay = delay
        self._under_way: deque[bytes] = deque()
        self._link: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._link = transport

    def data_received(self, data: bytes) -> None:
        self._later(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._later(b"")

    def _later(self, data: bytes) -> None:
        self._under_way.append(data)
        asyncio.get_running_loop().call_later(self._delay, self._pass_on)

    def _pass_on(self) -> None:
        if data := self._under_way.popleft():
            self.other._link.write(data)  # noqa: SLF001  its own kind
        else:
            self.other._link.close()  # noqa: SLF001  its own kind


class _Near(_Side):
    """The end that a client connected to."""

    def __init__(self, target: int, delay: float) -> None:
        super().__init__(delay)
        self._target = target

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._link.pause_reading()
        self._task = asyncio.get_running_loop().create_task(self._reach())

    async def _reach(self) -> None:
        self.other = far = _Side(self._delay)
        far.other = self
        await asyncio.get_running_loop().create_connection(lambda: far, "127.0.0.1", self._target)
        self._link.resume_reading()


async def main(target: int, delay: float) -> None:
    """Serve until the process is ended; says its port in a line."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Near(target, delay), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2]) / 1000))
