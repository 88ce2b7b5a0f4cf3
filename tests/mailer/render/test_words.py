import re

import pytest
from babel import Locale
from babel.messages.pofile import read_po
from markupsafe import Markup

from mailer.render.words import FOLDER, languages, translations

EMAIL = FOLDER.parent / "email"
CALL = re.compile(r"""_\("([^"]+)"[,)]""")


ALIKE = {"Newsletter", "Invitation", "Programme", "%(place)s, %(date)s", "“%(quote)s”"}
"""Words that other languages share with English, and patterns that may be the same."""


def used() -> set[str]:
    """The fixed words that the templates say."""
    files = [*EMAIL.rglob("*.html"), *EMAIL.rglob("*.txt")]
    return {words for file in files for words in CALL.findall(file.read_text("utf-8"))}


def test_the_templates_say_something() -> None:
    assert {"Unsubscribe", "About %(name)s", "Why it matters"} <= used()


@pytest.mark.parametrize("language", languages())
def test_every_language_has_every_word_and_its_places(language: str) -> None:
    path = FOLDER / language.replace("-", "_") / "LC_MESSAGES" / "email.po"
    with path.open("rb") as file:
        catalogue = read_po(file, locale=Locale.parse(language, sep="-"), abort_invalid=True)
    found = {str(message.id): str(message.string) for message in catalogue if message.id and not message.fuzzy}
    assert set(found) == used()
    for message, text in found.items():
        assert text.strip() and (text != message or message in ALIKE)
        assert sorted(re.findall(r"%\(\w+\)s", text)) == sorted(re.findall(r"%\(\w+\)s", message))


def test_there_are_the_languages_we_promise() -> None:
    assert {"fr", "de", "es", "it", "nl", "pl", "pt", "ar", "el"} <= set(languages())
    assert {"ga", "hr", "lt", "lv", "mt", "sk", "sl", "nb", "ca", "is"} <= set(languages())


def test_a_region_speaks_its_language_and_an_unknown_one_english() -> None:
    assert translations("pt-BR")("Unsubscribe") == translations("pt")("Unsubscribe") != "Unsubscribe"
    assert translations("xx")("Unsubscribe") == translations("en")("Unsubscribe") == "Unsubscribe"


def test_values_are_put_in_and_escaped_only_beside_markup() -> None:
    say = translations("fr")
    assert say("About %(name)s", name="A & B") == "À propos de A & B"
    assert say("About %(name)s", name=Markup("<b>A</b>")) == Markup("À propos de <b>A</b>")
    assert isinstance(say("About %(name)s", name=Markup("<b>A</b>")), Markup)
    assert translations("en")("%(a)s <x> %(b)s", a=Markup("<i>"), b="<j>") == Markup("<i> &lt;x&gt; &lt;j&gt;")
