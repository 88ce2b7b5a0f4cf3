"""Pages from templates/web: the Jinja environment, the reader's language, and the headers every answer carries."""

import logging
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from babel import Locale
from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from config.settings import settings
from mailer.render.words import fallbacks, languages, translations

logger = logging.getLogger(__name__)

FOLDER = Path(__file__).parents[1] / "templates" / "web"
STATIC = Path(__file__).parent / "static"
LANGUAGES = ("en", *languages())
"""The languages of the public pages; English is what the templates are written in."""
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}
"""What an answer carries unless its route says otherwise. The links hold tokens: they go into no cache, no search
engine and no other site's log."""
STATIC_CACHE = "public, max-age=3600"


class Headers:
    """ASGI middleware: gives every answer HEADERS where it has not set its own."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, before = scope.get("path", ""), prefix()
        if before and path.startswith(f"{before}/"):  # a proxy may pass the prefix on, or take it off
            path = path.removeprefix(before)
            scope = {**scope, "path": path, "raw_path": path.encode()}

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if path.startswith("/static/") and message["status"] < 400:
                    headers.setdefault("Cache-Control", STATIC_CACHE)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, with_headers)


@cache
def environment() -> Environment:
    """The templates of the pages."""
    return Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def reader_language(accept_language: str) -> str:
    """The best of LANGUAGES for an Accept-Language header (RFC 9110 section 12.5.4); English where none fits."""
    wishes: list[tuple[float, str]] = []
    for item in accept_language[:1000].split(","):
        tag, _, parameter = item.partition(";")
        name, _, value = parameter.partition("=")
        try:
            weight = float(value) if name.strip().lower() == "q" else 1.0
        except ValueError:
            weight = 0.0
        if 0 < weight <= 1:
            wishes.append((weight, tag.strip().lower()))
    for _, tag in sorted(wishes, key=lambda wish: -wish[0]):
        for candidate in fallbacks(tag):
            if candidate in LANGUAGES:
                return candidate
    return "en"


def render(template: str, language: str = "en", **values: Any) -> str:
    """The HTML of a template of templates/web."""
    return (
        environment()
        .get_template(template)
        .render(
            _=translations(language, "web"),
            language=language,
            direction=Locale.parse(language).text_direction,
            **{"base": "", "source": "", **values},
        )
    )


def prefix() -> str:
    """The path of PUBLIC_URL, which stands before every path of the public pages: `/press`, or nothing."""
    return urlsplit(settings().public_url).path


def page(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A page of templates/web in the reader's language."""
    language = reader_language(request.headers.get("accept-language", ""))
    html = render(template, language, base=prefix(), source=settings().source_url, **values)
    return HTMLResponse(html, status, headers={"Content-Language": language, "Vary": "Accept-Language"})
