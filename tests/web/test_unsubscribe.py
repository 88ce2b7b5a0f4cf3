import logging
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx
import pytest
from sqlalchemy import select

from config import keys
from config.database import Base, reading, transaction
from mailer.links import unsubscribe_token
from subscribers.models import (
    Basis,
    ConsentEvent,
    List,
    Organisation,
    Standing,
    Subscriber,
    Subscription,
)
from tests.conftest import forget
from tests.servers import free_port
from tests.web.serving import http
from web.app import create_app

BROWSER = {"Accept-Language": "en"}


@dataclass
class Place:
    """A server, a person on two lists, and the way out of the first."""

    url: str
    subscriber_id: int
    public_id: str
    list_id: int
    other_list_id: int
    token: str

    @property
    def link(self) -> str:
        return f"{self.url}/u/{self.token}"

    def standings(self) -> dict[int, Standing]:
        with reading() as session:
            return {
                one.list_id: one.standing
                for one in session.scalars(select(Subscription).where(Subscription.subscriber_id == self.subscriber_id))
            }

    def everything(self) -> dict[str, list[tuple[object, ...]]]:
        """All rows of all tables of people."""
        with reading() as session:
            return {
                table.name: [tuple(row) for row in session.execute(select(table))]
                for table in Base.metadata.sorted_tables
                if table.name in {"subscriber", "subscription", "consent_event", "suppression", "list"}
            }

    def events(self) -> list[ConsentEvent]:
        with reading() as session:
            return list(session.scalars(select(ConsentEvent).order_by(ConsentEvent.id)))


@pytest.fixture
def place(database: str) -> Iterator[Place]:
    with transaction() as session:
        organisation = Organisation(name="Invented Music Association")
        session.add(organisation)
        session.flush()
        lists = [
            List(organisation_id=organisation.id, name=name, titles={"default": name.title()})
            for name in ("press", "members")
        ]
        subscriber = Subscriber(
            email="zoe@redaktion.example.org", email_key="zoe@redaktion.example.org", address_hash="0" * 64
        )
        session.add_all([*lists, subscriber])
        session.flush()
        for one in lists:
            session.add(
                Subscription(
                    subscriber_id=subscriber.id, list_id=one.id, standing=Standing.confirmed, basis=Basis.consent
                )
            )
        found = subscriber.id, subscriber.public_id, lists[0].id, lists[1].id
    token = unsubscribe_token(found[1], found[2], 7)
    with http(create_app()) as url:
        yield Place(url, *found, token)


def without_date(response: httpx.Response) -> tuple[int, bytes, list[tuple[bytes, bytes]]]:
    return response.status_code, response.content, [pair for pair in response.headers.raw if pair[0] != b"date"]


def test_one_click_acts_at_once_and_twice_is_once(place: Place) -> None:
    first = httpx.post(place.link, data={"List-Unsubscribe": "One-Click"})
    assert first.status_code == 200
    assert not first.history and "location" not in first.headers and "set-cookie" not in first.headers
    assert place.standings() == {place.list_id: Standing.unsubscribed, place.other_list_id: Standing.confirmed}
    [event] = place.events()
    assert (event.standing, event.list_id) == (Standing.unsubscribed, place.list_id)
    assert event.source == "unsubscribe link of mailing 7 (one-click)"

    again = httpx.post(place.link, data={"List-Unsubscribe": "One-Click"})
    assert without_date(again) == without_date(first)
    assert len(place.events()) == 1


def test_the_page_needs_nothing_but_its_button(place: Place) -> None:
    shown = httpx.get(place.link, headers=BROWSER)
    assert shown.status_code == 200
    assert '<form method="post">' in shown.text and "<button" in shown.text
    assert "<script" not in shown.text and "<input" not in shown.text and "action=" not in shown.text
    assert "Invented Music Association" in shown.text
    done = httpx.post(place.link, headers={"Content-Type": "application/x-www-form-urlencoded"}, content=b"")
    assert done.status_code == 200
    assert "You are unsubscribed" in done.text
    assert place.events()[0].source.endswith("(page)")


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PROPFIND"])
def test_nothing_but_post_changes_anything(place: Place, method: str) -> None:
    before = place.everything()
    scanner = {"User-Agent": "LinkScanner/1.0", "Purpose": "prefetch", "Sec-Purpose": "prefetch;prerender"}
    for query in ("", "?List-Unsubscribe=One-Click", "?_method=POST", "?confirm=1"):
        for headers in ({}, scanner, {"X-HTTP-Method-Override": "POST"}):
            response = httpx.request(method, place.link + query, headers=headers)
            assert response.status_code == (200 if method in {"GET", "HEAD"} else 405)
            if method == "HEAD":
                assert response.content == b"" and int(response.headers["content-length"]) > 500
    assert place.everything() == before


def tokens_that_mean_nothing(place: Place) -> list[str]:
    turned = ("A" if place.token[-2] != "A" else "B").join([place.token[:-2], place.token[-1]])
    with transaction() as session:
        gone = Subscriber(email="g@example.org", email_key="g@example.org", address_hash="1" * 64)
        session.add(gone)
        session.flush()
        erased = unsubscribe_token(gone.public_id, place.list_id, 7)
        session.delete(gone)
    return [
        "x",
        "%00",
        "..",
        "%E2%80%AE",
        "a" * 3000,
        turned,
        place.token[:-1],
        place.token + ".",
        erased,
        unsubscribe_token(place.public_id, 999_999, 7),
    ]


def test_an_unknown_token_cannot_be_told_from_a_real_one(place: Place) -> None:
    bad = tokens_that_mean_nothing(place)
    before = place.everything()
    shown = {without_date_key(httpx.get(f"{place.url}/u/{token}", headers=BROWSER)) for token in bad if token != ".."}
    posted = {without_date_key(httpx.post(f"{place.url}/u/{token}", headers=BROWSER)) for token in bad if token != ".."}
    assert place.everything() == before
    shown.add(without_date_key(httpx.get(place.link, headers=BROWSER)))
    posted.add(without_date_key(httpx.post(place.link, headers=BROWSER)))
    assert place.everything() != before
    assert len(shown) == 1 and len(posted) == 1
    assert next(iter(posted))[0] == 200


def without_date_key(response: httpx.Response) -> tuple[object, ...]:
    status, content, headers = without_date(response)
    return status, content, tuple(headers)


def test_a_token_of_another_installation_does_nothing(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    keys.signing_key.cache_clear()
    monkeypatch.setattr(keys, "secret_key", lambda _: b"another installation's secret, just as long")
    foreign = unsubscribe_token(place.public_id, place.list_id, 7)
    monkeypatch.undo()
    keys.signing_key.cache_clear()
    assert foreign != place.token
    assert httpx.post(f"{place.url}/u/{foreign}").status_code == 200
    assert place.standings()[place.list_id] == Standing.confirmed


@pytest.mark.parametrize(
    "body",
    [
        {"files": {"List-Unsubscribe": (None, "One-Click")}},
        {"data": {"List-Unsubscribe": "One-Click"}},
        {"content": b""},
        {"content": b"{", "headers": {"Content-Type": "application/json"}},
        {"content": b"\xff" * 300_000},
        {"content": (b"One-" if number else b"Click" for number in range(2))},
        {"content": b"x", "headers": {"Content-Type": "multipart/form-data"}},
        {"content": b"a=1", "headers": {"Origin": "https://elsewhere.example", "Sec-Fetch-Site": "cross-site"}},
    ],
    ids=["multipart", "form", "empty", "json", "large", "chunked", "no-boundary", "other-origin"],
)
def test_any_body_will_do(place: Place, body: dict[str, object]) -> None:
    response = httpx.post(place.link, **body)  # type: ignore[arg-type]
    assert response.status_code == 200
    assert place.standings()[place.list_id] == Standing.unsubscribed


def test_a_sender_that_breaks_off_has_still_asked(place: Place) -> None:
    parts = urlsplit(place.link)
    with socket.create_connection(("127.0.0.1", parts.port or 0)) as connection:
        connection.sendall(f"POST {parts.path} HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\nList-Unsub".encode())
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(4096):
            pass
    deadline = time.monotonic() + 60  # the connection may be closed before the work is done
    while place.standings()[place.list_id] != Standing.unsubscribed and time.monotonic() < deadline:
        time.sleep(0.05)
    assert place.standings()[place.list_id] == Standing.unsubscribed


@pytest.mark.parametrize(
    ("wish", "language", "direction"),
    [
        ("fr-CA,fr;q=0.8,en;q=0.5", "fr", "ltr"),
        ("ar-EG", "ar", "rtl"),
        ("xx, el;q=0.2, de;q=0.9", "de", "ltr"),
        ("PT-br", "pt", "ltr"),
        ("ca;q=0.3, ga-IE", "ga", "ltr"),
        ("no, en;q=0.5", "nb", "ltr"),
        ("", "en", "ltr"),
        ("de;q=0, nonsense;q=x, *;q=0.1", "en", "ltr"),
        ("\u00e9,,;;=," * 40, "en", "ltr"),
    ],
)
def test_the_reader_is_spoken_to_in_their_language(place: Place, wish: str, language: str, direction: str) -> None:
    for method in ("GET", "POST"):
        response = httpx.request(method, place.link, headers={"Accept-Language": wish.encode()})
        assert response.status_code == 200
        assert f'<html lang="{language}" dir="{direction}">' in response.text
        assert response.headers["content-language"] == language
        assert "Accept-Language" in response.headers["vary"]


def test_neither_tokens_nor_addresses_are_logged(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    httpx_logger = logging.getLogger("httpx")
    httpx_logger.disabled = True
    try:
        logging.getLogger("httpcore").setLevel(logging.ERROR)
        httpx.post(place.link)
        httpx.get(place.link)
        httpx.get(f"{place.url}/u/{place.token}/more")
    finally:
        httpx_logger.disabled = False
    assert "unsubscribed: list" in caplog.text
    assert place.token not in caplog.text
    assert place.public_id not in caplog.text
    assert "@" not in caplog.text


def test_without_a_database_every_token_is_asked_to_come_back(
    environment: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BROADSIDE_DATABASE_URL", f"postgresql://nobody@127.0.0.1:{free_port()}/none")
    forget()
    real = unsubscribe_token("0" * 20, 1, 1)
    with http(create_app()) as url:
        answers = {without_date_key(httpx.post(f"{url}/u/{token}", headers=BROWSER)) for token in (real, "x")}
        assert len(answers) == 1
        response = httpx.post(f"{url}/u/{real}")
        assert response.status_code == 503 and response.headers["retry-after"]
        assert "That did not work" in response.text
        assert httpx.get(f"{url}/healthz").status_code == 503
