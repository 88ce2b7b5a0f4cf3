"""The inbox's pages: the list, one message in four views, its pictures and attachments, and the same as JSON."""

from urllib.parse import quote, urlencode

from fastapi import APIRouter, FastAPI, HTTPException, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException as Refusal
from starlette.middleware.trustedhost import TrustedHostMiddleware

from web.inbox import frame
from web.inbox.frame import Links, prepare
from web.inbox.listing import Listing
from web.inbox.message import PICTURES, Message, Summary, summarise
from web.inbox.store import Inbox
from web.pages import POLICY, STATIC, Headers, render

PAGE = 50
"""Messages on a page of the list."""
SOURCE_SHOWN = 100_000
"""Octets of the source that are shown; all of it can be downloaded."""
VIEWS = ("html", "text", "headers", "source")
MESSAGE_POLICY = f"{POLICY}; frame-src 'self'"
FILE_POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox"


def create_inbox(inbox: Inbox, links: Links | None = None, *, only_local: bool = True) -> FastAPI:
    """The page of `inbox`. With `only_local` it answers to no name but this machine's own.

    A web site could else have its own name lead here and read the mail through its visitor's browser.
    """
    app = FastAPI(title="Broadside inbox", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    if only_local:
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=["localhost", "127.0.0.1", "[::1]"], www_redirect=False)
    app.add_middleware(Headers)
    app.include_router(_Pages(inbox, links or Links()).router())
    app.mount("/static", StaticFiles(directory=STATIC))
    app.add_exception_handler(Refusal, _refusal)
    app.add_exception_handler(RequestValidationError, _no_such_address)
    return app


async def _refusal(request: Request, error: Exception) -> Response:
    del request
    assert isinstance(error, Refusal)
    return HTMLResponse(render("inbox/error.html", message=str(error.detail)), error.status_code, error.headers)


async def _no_such_address(request: Request, error: Exception) -> Response:
    """Whatever else stands where a number belongs."""
    del error
    return await _refusal(request, Refusal(404, "There is nothing at this address."))


class _Pages:
    def __init__(self, inbox: Inbox, links: Links) -> None:
        self.inbox = inbox
        self.links = links
        self.listing = Listing(inbox)

    def router(self) -> APIRouter:
        router = APIRouter()
        for path, answer in (
            ("/", self.list_messages),
            ("/messages/{number}", self.show),
            ("/messages/{number}/frame", self.show_frame),
            ("/messages/{number}/message.eml", self.download),
            ("/messages/{number}/parts/{index}", self.part),
            ("/messages/{number}/{view}", self.show),
            ("/api/messages", self.as_json),
        ):
            router.add_api_route(path, answer, methods=["GET", "HEAD"])
        return router

    def list_messages(
        self, q: str = Query("", max_length=200), page: int = Query(1, ge=1, le=1_000_000)
    ) -> HTMLResponse:
        extract = self.listing.extract(q.strip(), offset=(page - 1) * PAGE, limit=PAGE)
        pages = max(1, -(-extract.found // PAGE))
        if page > pages:
            raise HTTPException(404, "There is no such page in the list.")
        return HTMLResponse(
            render(
                "inbox/list.html",
                extract=extract,
                search=q.strip(),
                page=page,
                pages=pages,
                address=lambda number: (
                    "/?" + urlencode({"q": q.strip(), "page": number} if q.strip() else {"page": number})
                ),
            )
        )

    def show(self, request: Request, number: int, view: str = "") -> HTMLResponse:
        message, summary = self._message(number), self._summary(number)
        views = [name for name in VIEWS if (name != "html" or message.html) and (name != "text" or message.text)]
        if not view:
            view = views[0]
        elif view not in views:
            raise HTTPException(404, "This message has no such view.")
        raw = self.inbox.read(number) or b"" if view == "source" else b""
        phone = request.query_params.get("width") == "phone"
        html = render(
            "inbox/message.html",
            summary=summary,
            message=message,
            view=view,
            views=views,
            phone=phone,
            source=raw[:SOURCE_SHOWN].decode("utf-8", "replace"),
            source_cut=len(raw) > SOURCE_SHOWN,
        )
        return HTMLResponse(html, headers={"Content-Security-Policy": MESSAGE_POLICY})

    def show_frame(self, request: Request, number: int) -> HTMLResponse:
        message = self._message(number)
        if message.html is None:
            raise HTTPException(404, "This message has no HTML.")
        pictures = {part.content_id: part.index for part in message.parts if part.content_id}

        def picture(content_id: str) -> str | None:
            index = pictures.get(content_id)
            return None if index is None else f"/messages/{number}/parts/{index}"

        origin = f"{request.url.scheme}://{request.url.netloc}"
        return HTMLResponse(
            prepare(message.html, picture, self.links),
            headers={"Content-Security-Policy": frame.POLICY.format(origin=origin)},
        )

    def part(self, number: int, index: int) -> Response:
        part = self._message(number).part(index)
        if part is None:
            raise HTTPException(404, "This message has no such part.")
        shown = part.content_type in PICTURES
        return _file(part.content, part.content_type, part.name, shown=shown)

    def download(self, number: int) -> Response:
        raw = self.inbox.read(number)
        if raw is None:
            raise HTTPException(404, "This message is not kept any more.")
        return _file(raw, "message/rfc822", f"message-{number}.eml", shown=False)

    def as_json(
        self,
        q: str = Query("", max_length=200),
        to: str = Query("", max_length=320),
        offset: int = Query(0, ge=0),
        limit: int = Query(50, ge=0, le=1000),
    ) -> JSONResponse:
        extract = self.listing.extract(q.strip(), to.strip(), offset, limit)
        return JSONResponse(
            {
                "count": extract.received,
                "kept": extract.kept,
                "found": extract.found,
                "messages": [_as_json(one) for one in extract.messages],
            }
        )

    def _message(self, number: int) -> Message:
        raw = self.inbox.read(number)
        if raw is None:
            raise HTTPException(404, "This message is not kept any more.")
        return Message(raw)

    def _summary(self, number: int) -> Summary:
        summary = summarise(self.inbox, number)
        if summary is None:
            raise HTTPException(404, "This message is not kept any more.")
        return summary


def _as_json(one: Summary) -> dict[str, object]:
    return {
        "id": one.number,
        "from": one.sender,
        "recipients": list(one.recipients),
        "to": one.to,
        "subject": one.subject,
        "received": one.received.isoformat(),
        "size": one.size,
    }


def _file(content: bytes, content_type: str, name: str, *, shown: bool) -> Response:
    """A download, or a picture shown in its place; a name that is not ASCII goes by RFC 6266."""
    plain = name.encode("ascii", "replace").decode().replace("?", "_").replace('"', "_").replace("\\", "_")
    kind = "inline" if shown else "attachment"
    return Response(
        content,
        headers={
            "Content-Type": content_type,
            "Content-Disposition": f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}",
            "Content-Security-Policy": FILE_POLICY,
        },
    )
