"""The way out of a mailing: RFC 8058 one-click, and the page behind the link for people.

POST acts at once, whatever its body, and answers a token that means nothing as it answers one that does. GET and
HEAD show a page with a button and touch nothing, so a link scanner that follows every link unsubscribes nobody.
"""

import asyncio
import logging
from contextlib import suppress

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from config.database import transaction
from mailer.links import read_unsubscribe_token
from subscribers.consent import unsubscribe
from web.pages import page
from web.sender import sender_name

logger = logging.getLogger(__name__)
router = APIRouter(prefix="/u")

BODY_LIMIT = 64 * 1024
"""Octets of a body that are read; RFC 8058 needs 26, a form a few hundred."""
BODY_SECONDS = 10.0


@router.api_route("/{token}", methods=["GET", "HEAD"])
def ask(request: Request, token: str) -> HTMLResponse:
    """The page with the button; the same for every token, which is not even read."""
    del token
    return page(request, "unsubscribe.html", sender=sender_name())


@router.post("/{token}")
async def act(request: Request, token: str) -> HTMLResponse:
    """Unsubscribe now."""
    way = "one-click" if b"One-Click" in await _body(request) else "page"
    sender = await run_in_threadpool(_unsubscribe, token, way)
    return page(request, "unsubscribed.html", sender=sender)


async def _body(request: Request) -> bytes:
    """The body's beginning. Its content decides nothing, and a sender that breaks off has still asked."""
    body = bytearray()
    with suppress(ClientDisconnect, TimeoutError):
        async with asyncio.timeout(BODY_SECONDS):
            async for piece in request.stream():
                body += piece
                if len(body) > BODY_LIMIT:
                    break
    return bytes(body)


def _unsubscribe(token: str, way: str) -> str:
    """Who the page speaks for. The database is asked for every token: when it is down, all are answered alike."""
    link = read_unsubscribe_token(token)
    if link is not None:
        source = f"unsubscribe link of mailing {link.mailing_id} ({way})"
        with transaction() as session:
            changed = unsubscribe(session, public_id=link.subscriber_public_id, list_id=link.list_id, source=source)
        if changed:
            logger.info("unsubscribed: list %d, mailing %d, by %s", link.list_id, link.mailing_id, way)
    return sender_name()
