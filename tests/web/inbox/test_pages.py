import re
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.web.serving import http
from web.inbox.frame import Links, prepare
from web.inbox.message import Message, safe_name
from web.inbox.pages import create_inbox
from web.inbox.store import Inbox

PICTURE = b"\x89PNG\r\n\x1a\n invented"
HTML = """<!DOCTYPE html>
<html lang="fr" dir="ltr"><head><meta charset="utf-8"><meta http-equiv="refresh" content="0;url=https://example.org/">
<link rel="stylesheet" href="https://example.org/a.css"><base href="https://example.org/">
<style>@import "https://example.org/b.css"; @media (prefers-color-scheme: dark) { p { color: #eee !important } }
td { background: url(cid:chart@x) } th { background: url('https://example.org/t.gif') }</style></head>
<body onload="alert(1)" background="https://example.org/bg.png" style="background: URL(https://example.org/s.png)">
<!--[if mso]><table><tr><td><![endif]-->
<p>Chère Zoë</p><script>alert(2)</script><iframe src="https://example.org/"></iframe>
<img src="cid:chart@x" alt="Un graphique"><img src="https://example.org/pixel.gif" srcset="https://example.org/2x 2x" alt="">
<img src="cid:absent" alt="Absent"><img src="data:image/png;base64,AAAA" alt="">
<a href="https://press.impala.example/u/abc">Se désabonner</a>
<a href="https://press.impala.example.evil.example/u/abc">Ailleurs</a>
<a href="javascript:alert(3)">Non</a> <a href=" JavaScript:alert(4)">Non</a> <a href="#top">Haut</a>
<a href="mailto:press@impala.example">Écrire</a>
</body></html>"""


def a_message(number: int = 1) -> bytes:
    message = EmailMessage()
    message["From"] = "Zoë <press@impala.example>"
    message["To"] = f"Käthe Ångström <kathe.{number}@zeitung.example>"
    message["Subject"] = f"Tribune nº {number} : la culture <b>compte</b>"
    message.set_content("Chère Zoë,\n<b>pas de HTML</b>\n")
    message.add_alternative(HTML, subtype="html")
    message.get_payload()[1].add_related(  # type: ignore[union-attr, index]
        PICTURE, "image", "png", cid="<chart@x>", filename="chart.png", disposition="inline"
    )
    message.add_attachment(b"<script>alert(1)</script>", "text", "html", filename="..\\..\\évil/na\u202eme.html")
    return b"Delivered-To: kathe.%d@zeitung.example\r\n" % number + message.as_bytes().replace(b"\n", b"\r\n")


@pytest.fixture
def inbox(tmp_path: Path) -> Iterator[Inbox]:
    box = Inbox(tmp_path, keep=120)
    yield box
    box.close()


@pytest.fixture
def url(inbox: Inbox) -> Iterator[str]:
    links = Links("https://press.impala.example", "http://127.0.0.1:8025")
    with http(create_inbox(inbox, links)) as address:
        yield address


def test_an_empty_inbox_says_so(url: str) -> None:
    assert "Nothing has arrived yet" in httpx.get(url).text
    assert httpx.get(f"{url}/api/messages").json() == {"count": 0, "kept": 0, "found": 0, "messages": []}


def test_the_list_its_pages_and_its_search(url: str, inbox: Inbox) -> None:
    for number in range(1, 131):
        inbox.add([a_message(number)])
    first = httpx.get(url)
    assert first.status_code == 200
    assert "<strong>130</strong> received, newest 120 kept" in first.text
    assert re.findall(r'href="/messages/(\d+)"', first.text) == [str(number) for number in range(130, 80, -1)]
    assert "Tribune nº 130 : la culture &lt;b&gt;compte&lt;/b&gt;" in first.text
    last = httpx.get(f"{url}/?page=3").text
    assert re.findall(r'href="/messages/(\d+)"', last) == [str(number) for number in range(30, 10, -1)]
    assert httpx.get(f"{url}/?page=4").status_code == 404

    found = httpx.get(url, params={"q": "KATHE.77@"})
    assert re.findall(r'href="/messages/(\d+)"', found.text) == ["77"]
    assert "1 of 120 match" in found.text
    assert "No message matches" in httpx.get(url, params={"q": "nobody@example.org"}).text
    assert re.findall(r'href="/messages/(\d+)"', httpx.get(url, params={"q": "nº 99"}).text) == ["99"]

    data = httpx.get(f"{url}/api/messages", params={"to": "Kathe.90@zeitung.example"}).json()
    assert (data["count"], data["kept"], data["found"]) == (130, 120, 1)
    [one] = data["messages"]
    assert one["id"] == 90 and one["recipients"] == ["kathe.90@zeitung.example"]
    assert one["from"] == "Zoë <press@impala.example>" and one["size"] == len(a_message(90))
    assert httpx.get(f"{url}/api/messages", params={"limit": 0}).json()["messages"] == []

    for number in range(131, 251):
        inbox.add([a_message(number)])
    assert httpx.get(f"{url}/api/messages", params={"q": "kathe.90@"}).json()["found"] == 0


def test_the_views_of_a_message(url: str, inbox: Inbox) -> None:
    raw = a_message()
    inbox.add([raw])
    page = httpx.get(f"{url}/messages/1").text
    assert httpx.get(f"{url}/messages/1/html").text == page
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in page and 'src="/messages/1/frame"' in page
    assert "kathe.1@zeitung.example" in page
    text = httpx.get(f"{url}/messages/1/text").text
    assert "Chère Zoë,\n&lt;b&gt;pas de HTML&lt;/b&gt;" in text
    headers = httpx.get(f"{url}/messages/1/headers").text
    assert "Käthe Ångström &lt;kathe.1@zeitung.example&gt;" in headers
    source = httpx.get(f"{url}/messages/1/source").text
    assert "=?utf-8?" in source and "https://press.impala.example/u/abc" in source.replace("=\r\n", "").replace(
        "=\n", ""
    )
    whole = httpx.get(f"{url}/messages/1/message.eml")
    assert whole.content == raw
    assert whole.headers["content-disposition"].startswith('attachment; filename="message-1.eml"')


def test_each_page_has_its_styles_and_its_icon(url: str, inbox: Inbox) -> None:
    inbox.add([a_message()])
    for path in ("/", "/messages/1", "/messages/1/text", "/messages/9"):
        page = httpx.get(f"{url}{path}").text
        found = re.findall(r'<link rel="(?:stylesheet|icon)" href="([^"]+)"', page)
        assert len(found) == 3
        for link in found:
            answer = httpx.get(f"{url}{link}")
            assert answer.status_code == 200 and answer.headers["content-type"].startswith(("text/css", "image/svg"))


def test_a_message_without_html_opens_as_text(url: str, inbox: Inbox) -> None:
    inbox.add([b"Subject: plain\r\n\r\nonly text\r\n"])
    page = httpx.get(f"{url}/messages/1").text
    assert "only text" in page and "<iframe" not in page
    assert httpx.get(f"{url}/messages/1/html").status_code == 404
    assert httpx.get(f"{url}/messages/1/frame").status_code == 404


def test_the_frame_can_do_nothing_and_asks_nobody(url: str, inbox: Inbox) -> None:
    inbox.add([a_message()])
    response = httpx.get(f"{url}/messages/1/frame")
    policy = response.headers["content-security-policy"]
    directives = dict(part.strip().partition(" ")[::2] for part in policy.split(";"))
    assert directives["default-src"] == "'none'"
    assert directives["img-src"] == f"{url} data:"
    assert directives["sandbox"] == "allow-popups allow-popups-to-escape-sandbox"
    assert directives["frame-ancestors"] == "'self'"
    assert "script-src" not in directives
    shown = response.text
    assert "Chère Zoë" in shown and "prefers-color-scheme: dark" in shown and "<!--[if mso]>" in shown
    assert '<html lang="fr" dir="ltr">' in shown
    for gone in ("<script", "alert", "onload", "<iframe", "<base", "<link", "refresh", "pixel.gif", "2x", "bg.png"):
        assert gone not in shown, gone
    assert re.findall(r"https?://[^\"' )]+", shown) == [
        "http://127.0.0.1:8025/u/abc",
        "https://press.impala.example.evil.example/u/abc",
    ]
    assert '<a href="http://127.0.0.1:8025/u/abc" target="_blank" rel="noopener noreferrer">' in shown
    assert '<a href="#top">' in shown and 'href="mailto:press@impala.example"' in shown

    [address] = set(re.findall(r'<img src="(/messages/1/parts/\d+)"', shown))
    assert f"url({address})" in shown
    picture = httpx.get(url + address)
    assert picture.content == PICTURE and picture.headers["content-type"] == "image/png"
    assert picture.headers["content-disposition"].startswith("inline;")


def test_attachments_are_downloads_with_safe_names(url: str, inbox: Inbox) -> None:
    inbox.add([a_message()])
    page = httpx.get(f"{url}/messages/1").text
    [index] = re.findall(r'parts/(\d+)" download><bdi>name.html', page)
    response = httpx.get(f"{url}/messages/1/parts/{index}")
    assert response.content.strip() == b"<script>alert(1)</script>"
    assert response.headers["content-disposition"] == "attachment; filename=\"name.html\"; filename*=UTF-8''name.html"
    assert "sandbox" in response.headers["content-security-policy"]
    assert response.headers["x-content-type-options"] == "nosniff"
    assert httpx.get(f"{url}/messages/1/parts/99").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/messages/..%2f..%2f..%2fetc%2fpasswd",
        "/messages/%2e%2e/message.eml",
        "/messages/0",
        "/messages/-1",
        "/messages/2",
        "/messages/1e0",
        "/messages/99999999999999999999999999999999999999",
        "/messages/.lock",
        "/messages/1/..%2f.lock",
        "/messages/1/parts/..%2f..",
        "/messages/1/parts/-1",
        "/messages/1/nothing",
        "/static/..%2finbox%2fstore.py",
        "/docs",
        "/?page=0",
        "/?page=x",
    ],
)
def test_what_is_not_there(url: str, inbox: Inbox, path: str) -> None:
    inbox.add([a_message()])
    response = httpx.get(url + path)
    assert response.status_code == 404
    assert "frame-ancestors 'none'" in response.headers["content-security-policy"]
    assert "root:" not in response.text and "def " not in response.text


def test_another_name_does_not_lead_here(url: str, inbox: Inbox) -> None:
    inbox.add([a_message()])
    for path in ("/", "/api/messages", "/messages/1/message.eml"):
        assert httpx.get(url + path, headers={"Host": "rebound.example"}).status_code == 400
        assert httpx.get(url + path, headers={"Host": "localhost:1234"}).status_code == 200
    with http(create_inbox(inbox, only_local=False)) as open_url:
        assert httpx.get(open_url, headers={"Host": "inbox.example"}).status_code == 200


def test_head_and_no_writing(url: str) -> None:
    assert httpx.head(url).status_code == 200
    assert httpx.post(url).status_code == 405


@pytest.mark.parametrize(
    ("given_name", "safe"),
    [
        ("report.pdf", "report.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\temp\\annex.docx", "annex.docx"),
        ("..", "part-3.pdf"),
        ("", "part-3.pdf"),
        ("a\r\nSet-Cookie: x.pdf", "aSet-Cookie x.pdf"),
        ("résumé \u202efdp.exe", "résumé fdp.exe"),
        (".bashrc", "bashrc"),
        ("a" * 300 + ".pdf", "a" * 100 + ".pdf"),
    ],
)
def test_names_that_are_safe_to_save(given_name: str, safe: str) -> None:
    assert safe_name(given_name, 3, "application/pdf") == safe


def test_a_link_elsewhere_is_left_alone() -> None:
    links = Links("https://press.impala.example", "http://127.0.0.1:8025")
    assert links.here("https://press.impala.example") == "http://127.0.0.1:8025"
    assert links.here("https://press.impala.example/u/a?b#c") == "http://127.0.0.1:8025/u/a?b#c"
    assert links.here("https://press.impala.example:444/u") == "https://press.impala.example:444/u"
    assert Links().here("https://press.impala.example/u") == "https://press.impala.example/u"


MIME = st.sampled_from(
    [
        b"Content-Type: text/html; charset=",
        b"Content-Type: multipart/mixed; boundary=x",
        b"Content-Type: text/plain; charset=utf-7",
        b"Content-Type: message/rfc822",
        b"Content-Transfer-Encoding: base64",
        b"Content-Transfer-Encoding: quoted-printable",
        b"Content-Transfer-Encoding: uuencode",
        b"Content-Disposition: attachment; filename*=utf-8''%ff%2e",
        b"Content-Disposition: attachment; filename==?utf-8?q?=ff?=",
        b"Subject: =?nonsense?b?####?= =?utf-8?b?AA",
        b"From: \xff\xfe <a",
        b"--x",
        b"--x--",
        b"",
        b"<p style='a:url(cid:x)'><img src=cid:y><a href='http://[x'>",
        b"begin 644 x",
        b"+2AA-",
        b"<?xml version='1.0' encoding='utf-16'?>",
    ]
)


@settings(deadline=None, max_examples=300)
@given(st.lists(st.one_of(MIME, st.binary(max_size=30)), max_size=14).map(b"\r\n".join))
def test_whatever_arrives_can_be_looked_at(raw: bytes) -> None:
    message = Message(raw)
    shown = [message.text or "", message.html or "", *(f"{name}{value}" for name, value in message.headers)]
    shown.append(prepare(message.html or "", lambda _: None, Links("http://a", "http://b")))
    shown += [f"{part.name}{part.content_id}{part.content_type}" for part in message.parts]
    for text in shown:
        text.encode()
    for part in message.parts:
        assert part.name and "/" not in part.name and "\n" not in part.name


def test_parts_within_parts_within_parts() -> None:
    raw = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(3000))
    message = Message(b"Subject: deep\r\n" + raw)
    assert ("Subject", "deep") in message.headers
    assert len(message.parts) <= 200
