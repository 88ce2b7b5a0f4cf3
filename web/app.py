"""The public pages as one ASGI application."""

import logging

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from fastapi.staticfiles import StaticFiles
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from config.database import reading
from web import unsubscribe
from web.pages import HEADERS, STATIC, Headers, page
from web.sender import sender_name

logger = logging.getLogger(__name__)


def create_app() -> FastAPI:
    """The public application: unsubscribe links, a word about this place, and a health check."""
    app = FastAPI(title="Broadside", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    app.add_middleware(Headers)
    app.include_router(unsubscribe.router)
    app.add_api_route("/", about, methods=["GET", "HEAD"])
    app.add_api_route("/healthz", health, methods=["GET", "HEAD"])
    app.add_api_route("/robots.txt", robots, methods=["GET", "HEAD"])
    app.mount("/static", StaticFiles(directory=STATIC))
    app.add_exception_handler(HTTPException, _refusal)
    app.add_exception_handler(SQLAlchemyError, _no_database)
    app.add_exception_handler(Exception, _failure)
    return app


def about(request: Request) -> HTMLResponse:
    """What this address is for; mail names it in List-Help."""
    return page(request, "about.html", sender=sender_name())


def health() -> JSONResponse:
    """200 while the database answers, else 503."""
    try:
        with reading() as session:
            session.execute(text("SELECT 1"))
    except SQLAlchemyError as error:
        logger.warning("health: the database does not answer: %s", type(error).__name__)
        return JSONResponse({"status": "the database does not answer"}, 503)
    return JSONResponse({"status": "ok"})


def robots() -> PlainTextResponse:
    """Nothing here is for search engines."""
    return PlainTextResponse("User-agent: *\nDisallow: /\n")


async def _refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    response = page(request, "error.html", error.status_code, missing=error.status_code == 404)
    response.headers.update(error.headers or {})
    return response


async def _no_database(request: Request, error: Exception) -> Response:
    logger.error("the database does not answer: %s", type(error).__name__)
    response = page(request, "error.html", 503, missing=False)
    response.headers["Retry-After"] = "30"
    return response


async def _failure(request: Request, error: Exception) -> Response:
    del error  # the server logs it
    # Answered outside of the middleware, so it brings the headers itself.
    response = page(request, "error.html", 500, missing=False)
    response.headers.update(HEADERS)
    return response
