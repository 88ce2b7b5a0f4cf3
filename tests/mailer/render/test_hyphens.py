"""Long words are divided where their language divides them, and nothing else is."""

from pathlib import Path

import pytest
from lxml import html as lxml_html

from mailer.render.hyphens import SHY, hyphenate
from tests.mailer.render.workshop import build


def divided(body: str, language: str) -> str:
    page = lxml_html.document_fromstring(f"<html><head><title>{LONG}</title></head><body>{body}</body></html>")
    hyphenate(page, language)
    assert page.findtext(".//title") == LONG
    return lxml_html.tostring(page.find("body"), encoding="unicode")[6:-7].replace(SHY, "|")


LONG = "Mehrwertsteuersystemrichtlinienumsetzungsgesetz"


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("de", f"<p>Das <b>{LONG}</b> gilt</p>", "Mehr|wert|steu|er|sys|tem|richt|li|ni|en|um|set|zungs|ge|setz"),
        ("de-AT", "<p>x</p>Urheberrechtsmodernisierung", "Urhe|ber|rechts|mo|der|ni|sie|rung"),
        ("hu", "<p>megszentségteleníthetetlen</p>", "meg|szent|ség|te|le|nít|he|tet|len"),
        ("el", "<p>ηλεκτροεγκεφαλογράφημα</p>", "ηλε|κτρο|ε|γκε|φα|λο|γράφημα"),
        ("de", "<table><tr><td>alle Nutzungsarten</td></tr></table>", "Nut|zungs|ar|ten"),
    ],
)
def test_a_long_word_is_divided(language: str, text: str, expected: str) -> None:
    assert expected in divided(text, language)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("de", "<p>alle Nutzungsarten</p><table><tr><td>jede Nutzung</td></tr></table>"),
        ("de", '<table role="presentation"><tr><td>alle Nutzungsarten</td></tr></table>'),
        ("de", f"<p><code>{LONG}</code></p><pre>{LONG}</pre>"),
        ("de", f"<a href='https://{LONG}.example'>{LONG}.example/{LONG} a@{LONG}.example www.{LONG}.example</a>"),
        ("de", f"<p>{LONG}7 x9{LONG}</p><!-- {LONG} -->"),
        ("ar", "<p>أفاستسقيناكموها</p>"),
        ("fi", "<p>epäjärjestelmällisyydellään</p>"),
    ],
)
def test_what_stays_as_it_is(language: str, text: str) -> None:
    assert "|" not in divided(text, language)


def test_an_edition_has_them_in_its_document_and_nowhere_else(templates: Path) -> None:
    compiled = build(templates, f"{LONG} [{{{{ first_name }}}}](https://{LONG}.example)", language="de")
    assert compiled.html.count(SHY) == 14
    assert SHY not in compiled.text + compiled.subject
