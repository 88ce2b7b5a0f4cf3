"""What premailer must leave as it is, since mail programs live on it."""

import re
from pathlib import Path

import pytest

from mailer.render.inline import inline, serialise
from mailer.render.kinds import TEMPLATES, kind_names, load_kind
from tests.mailer.render.workshop import build

DOCUMENT = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<style>
p { color: #123456; font-family: "A B", serif }
a:hover { color: red }
.wide { width: 600px !important; background-color: #abc }
@media (prefers-color-scheme: dark) { p { color: #fff !important } }
@media only screen and (max-width: 600px) { .wide { width: 100% !important } }
[data-ogsc] p { color: #fff !important }
</style>
<!--[if mso]><style>p {font-family: Arial; mso-line-height-rule: exactly}</style><![endif]-->
</head><body>
<!--[if !mso]><!--><p>not Outlook</p><!--<![endif]-->
<!--[if mso]><table width="600"><tr><td><![endif]-->
<table class="wide"><tr><td><p style="color: blue">x &amp; y</p></td></tr></table>
<img src="cid:a@b" style="float: right" alt="">
<a href="https://example.org/?a=1&amp;b={2}#x">l</a>
<!--[if mso]></td></tr></table><![endif]-->
</body></html>"""
RULE = re.compile(r"@media[^{]*\{(?:[^{}]*\{[^{}]*\})*\s*\}")
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)


def styles(html: str) -> list[str]:
    return re.findall(r"<style>(.*?)</style>", COMMENT.sub("", html), re.DOTALL)


def test_rules_important_and_conditional_comments_survive() -> None:
    after = serialise(inline(DOCUMENT))
    assert RULE.findall(after) == RULE.findall(DOCUMENT) and len(RULE.findall(after)) == 2
    assert COMMENT.findall(after) == COMMENT.findall(DOCUMENT)
    assert styles(after) == styles(DOCUMENT)
    assert after.startswith("<!DOCTYPE html>")
    assert '<p style="color:blue; font-family:' in after.replace("'", '"'), "what the author wrote wins"
    assert 'bgcolor="#aabbcc"' in after and "width:600px" in after and "hover" not in after.partition("</style>")[2]
    assert 'href="https://example.org/?a=1&amp;b={2}#x"' in after or "b=%7B2%7D" in after


def test_nothing_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    def refuse(*_args: object) -> None:
        raise AssertionError("a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    linked = DOCUMENT.replace("<style>", '<link rel="stylesheet" href="https://example.org/x.css"><style>', 1)
    assert "x.css" in serialise(inline(linked))


def test_an_edition_keeps_its_templates_rules(templates: Path) -> None:
    html = build(templates, "x").html
    source = (templates / "email" / "style.css").read_text()
    assert RULE.findall(html) == RULE.findall(source) and RULE.findall(source)
    assert "<!--[if mso]>" in html and "<!--[if !mso]><!-->" in html and "<!--<![endif]-->" in html


@pytest.mark.parametrize("kind", kind_names())
def test_the_real_kinds_keep_dark_mode_and_telephones(kind: str) -> None:
    front = {"topic": "T", "author": {"name": "A"}, "happened": "x", "matters": "x", "lead": "x"}
    front |= {"dateline": {"place": "Brussels", "date": "2027-03-04"}}
    front |= {"event": {"name": "a", "title": "A", "starts": "2027-03-04", "ends": "2027-03-04"}}
    front |= {"sections": [{"title": "S", "stories": [{"title": "A", "text": "x"}]}]}
    known = load_kind(kind).front
    edition = build(TEMPLATES, "x", kind=kind, front={key: value for key, value in front.items() if key in known})
    rules = RULE.findall(edition.html)
    assert any("prefers-color-scheme: dark" in rule and "!important" in rule for rule in rules)
    assert any("max-width" in rule for rule in rules)
    assert edition.html.count("<!--[if mso]>") >= 1
