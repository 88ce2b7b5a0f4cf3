"""The public pages as a process."""

import asyncio

from web.app import create_app
from web.serving import listen, serve_pages, until_stopped


def run_web(host: str, port: int) -> None:
    """Serve the public pages until SIGINT or SIGTERM. Raises Refused where the port cannot be had."""
    listener = listen(host, port, "BROADSIDE_WEB_PORT")

    async def work(stop: asyncio.Event) -> None:
        await serve_pages(create_app(), listener, stop)

    until_stopped(work)
