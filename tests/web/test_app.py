import re

import httpx
import pytest

from mailer.render.words import languages, translations
from tests.press import set_up
from tests.web.serving import http
from web import pages
from web.app import create_app


def test_health(database: str) -> None:
    with http(create_app()) as url:
        response = httpx.get(f"{url}/healthz")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


def test_every_answer_is_guarded(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    app = create_app()

    async def broken() -> None:
        raise RuntimeError("with a secret in it")

    app.add_api_route("/broken", broken)
    with http(app) as url:
        for method, path, status in [
            ("GET", "/", 200),
            ("GET", "/u/x", 200),
            ("POST", "/u/x", 200),
            ("PUT", "/u/x", 405),
            ("GET", "/u/", 404),
            ("GET", "/u/x/y", 404),
            ("GET", "/docs", 404),
            ("GET", "/openapi.json", 404),
            ("GET", "/static/../app.py", 404),
            ("GET", "/static/%2e%2e/app.py", 404),
            ("GET", "/static/pages.css", 200),
            ("GET", "/healthz", 200),
            ("GET", "/broken", 500),
        ]:
            response = httpx.request(method, url + path)
            assert response.status_code == status, path
            headers = response.headers
            assert "frame-ancestors 'none'" in headers["content-security-policy"]
            assert "unsafe" not in headers["content-security-policy"]
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "no-referrer"
            assert "noindex" in headers["x-robots-tag"]
            assert headers["cache-control"] == (pages.STATIC_CACHE if path == "/static/pages.css" else "no-store")
            assert "server" not in headers and "set-cookie" not in headers
            if status in {404, 405, 500}:
                assert "<main>" in response.text and "secret" not in response.text
        assert "Disallow: /" in httpx.get(f"{url}/robots.txt").text


@pytest.mark.parametrize("language", ["en", *languages()])
def test_a_page_is_in_every_language_there_are_words_in(language: str) -> None:
    assert pages.reader_language(f"{language};q=0.8, xx") == language
    html = pages.render("error.html", language, missing=True)
    assert f'lang="{language}"' in html and translations(language, "web")("Page not found") in html


@pytest.mark.parametrize("path", ["/", "/press/"])
def test_under_a_path_everything_is_found_and_the_source_is_offered(
    database: str, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    set_up(monkeypatch, public_url="https://example.org/press/", source_url="https://example.org/source")
    with http(create_app()) as url:
        page = httpx.get(url + path, headers={"Accept-Language": "de"})
        assert page.status_code == 200 and '<a href="https://example.org/source">Quelltext</a>' in page.text
        for link in re.findall(r'(?:href|src)="(/[^"]*)"', page.text):
            assert link.startswith("/press/static/")
            found = httpx.get(url + link)
            assert found.status_code == 200 and found.headers["cache-control"] == pages.STATIC_CACHE
    set_up(monkeypatch, source_url="")
    with http(create_app()) as url:
        assert "Quelltext" not in httpx.get(url, headers={"Accept-Language": "de"}).text
