"""The inbox as a process: its SMTP server and its page on one event loop."""

import asyncio
from pathlib import Path

from config.settings import is_loopback, settings
from web.inbox.frame import Links
from web.inbox.pages import create_inbox
from web.inbox.smtp import Server
from web.inbox.store import KEPT, Inbox
from web.serving import listen, serve_pages, until_stopped


def run_inbox(
    host: str,
    smtp_port: int,
    page_port: int,
    *,
    folder: Path | None = None,
    keep: int = KEPT,
    answers_for: str = "",
    web_url: str = "",
) -> None:
    """Take mail and show it until SIGINT or SIGTERM. Raises Refused where a port or the folder cannot be had.

    `folder` is by default `inbox` in the state folder. Links in shown mail that begin with `answers_for` (a
    PUBLIC_URL that does not exist outside a demonstration) lead to `web_url` instead.
    """
    inbox = Inbox(folder or settings().state_dir / "inbox", keep)
    try:
        smtp_listener = listen(host, smtp_port, "BROADSIDE_INBOX_SMTP_PORT")
        page_listener = listen(host, page_port, "BROADSIDE_INBOX_PORT")
        app = create_inbox(inbox, links=Links(answers_for, web_url), only_local=is_loopback(host))

        async def work(stop: asyncio.Event) -> None:
            server = Server(inbox)
            taking = await server.start(smtp_listener)
            try:
                await serve_pages(app, page_listener, stop)
            finally:
                taking.close()
                server.stop()
                await asyncio.sleep(0)  # the last words go out

        until_stopped(work)
    finally:
        inbox.close()
