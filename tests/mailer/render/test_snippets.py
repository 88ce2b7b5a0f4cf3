"""Snippets within an edition: where they stand, whose lines they count as, and what they may not do."""

from pathlib import Path

import pytest

from mailer.render.errors import SourceError
from mailer.render.snippets import Snippets
from mailer.render.tokenise import tokenise
from mailer.render.tokens import Tokens
from tests.mailer.render.workshop import ANNA, build, inside, show

TEXTS = {
    "hello": {"en": "Hello {{ first_name or 'you' }}", "fr": "Bonjour", "pt": "Olá"},
    "blocks": {"en": "## Join\n\n- one\n- {% if role == 'journalist' %}two{% else %}three{% endif %}\n"},
    "broken": {"en": "one\n\n[x](nowhere)"},
    "nested": {"en": '{% include "hello" %}'},
}


def test_in_a_sentence_and_as_blocks(templates: Path) -> None:
    edition = build(templates, 'A {% include "hello" %}!\nb\n{% include "blocks" %}\nc', snippets=TEXTS)
    html = inside(show(edition, ANNA))
    assert "A Hello <bdi>Anna</bdi>!\nb</p>" in html
    assert "<h2>Join</h2>" in html and "two" in html and "three" not in html
    assert html.endswith(">c</p>")
    assert "## " not in show(edition, ANNA, "text")


def test_alone_between_statements_on_one_line_and_in_an_item(templates: Path) -> None:
    body = '{% if country %}{% include "blocks" %}{% endif %}\n\n1. item\n   {% include "blocks" %}\n2. end\n'
    html = inside(show(build(templates, body, snippets=TEXTS), ANNA))
    assert html.count("<h2>Join</h2>") == 2
    assert html.index("<ol>") < html.rindex("<h2>") < html.index("</ol>")


def test_the_language_is_the_editions_or_the_closest(templates: Path) -> None:
    for language, expected in (("fr", "Bonjour"), ("pt-BR", "Olá"), ("en-GB", "Hello")):
        edition = build(templates, '{% include "hello" %}', language=language, snippets=TEXTS)
        assert expected in show(edition, ANNA, "text")
    with pytest.raises(SourceError, match=r"en.md, line 8: the snippet 'hello' is not written in de, only in en, fr"):
        build(templates, 'a\n\n{% include "hello" %}', language="de", line=6, snippets=TEXTS)


def test_what_was_compiled_stays_and_another_text_is_another_edition(templates: Path) -> None:
    first = build(templates, '{% include "hello" %}', snippets=TEXTS)
    other = build(templates, '{% include "hello" %}', snippets={"hello": {"en": "Good day"}})
    assert first.hash != other.hash
    assert "Hello" in show(first, ANNA) and "Good day" in show(other, ANNA)


def test_fields_in_markdown_may_include_and_others_not(templates: Path) -> None:
    edition = build(templates, "x", front={"terms": '{% include "hello" %}'}, snippets=TEXTS)
    assert "Hello <bdi>Anna</bdi>" in inside(show(edition, ANNA), "terms")
    with pytest.raises(SourceError, match=r"en.md, headline: a snippet is Markdown"):
        build(templates, "x", front={"headline": '{% include "hello" %}'}, snippets=TEXTS)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('a\n\n{% include "helo" %}', "line 3: no snippet named 'helo'; did you mean 'hello'"),
        ("a\n{% include hello %}", "line 2: a snippet is named in quotation marks"),
        ('{% include "hello" ignore missing %}', "line 1: a snippet is named in quotation marks"),
        ('{% include "nested" %}', "line 1: in the snippet 'nested': a snippet cannot include another"),
        ('a {% include "blocks" %}', "line 1: 'blocks' has several paragraphs; include it on a line of its own"),
        ('a\n\n{% include "broken" %}', "line 3: the link 'nowhere' leads nowhere"),
        ('{% include "blocks" %}\n\n{{ frist_name }}', "line 3: no field named 'frist_name'"),
        ('{% include "blocks" %}\n\n[x](nowhere)', "line 3: the link 'nowhere' leads nowhere"),
    ],
)
def test_what_is_wrong_is_said_with_the_editions_line(templates: Path, body: str, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        build(templates, body, snippets=TEXTS)


def test_all_of_a_snippet_counts_as_the_line_that_includes_it() -> None:
    written = tokenise('a\n{% include "blocks" %}\nb\nc', Tokens("en.md", snippets=Snippets(TEXTS, "en")))
    by_line = dict(zip(written.text.split("\n"), written.lines, strict=True))
    assert (by_line["a"], by_line["## Join"], by_line["- one"], by_line["b"], by_line["c"]) == (1, 2, 2, 3, 4)
