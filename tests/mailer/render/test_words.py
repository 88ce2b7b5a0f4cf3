import gettext
import re
from collections.abc import Callable
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pytest
from babel import Locale
from babel.dates import format_date
from babel.messages import Catalog
from babel.messages.mofile import write_mo
from babel.messages.plurals import get_plural
from babel.messages.pofile import read_po
from markupsafe import Markup

from mailer.render.words import FOLDER, fallbacks, languages, translations, unmarked

CALL = re.compile(r"""_\("([^"]+)"[,)]""")
PLACE = re.compile(r"%\(\w+\)s")
LINE = re.compile(r"""(?:#.*|(?:(?:msgid|msgstr)[ ])?"(?:[^"\\]|\\.)*"|)""")
CATALOGUES = {"email": FOLDER.parent / "email", "web": FOLDER.parent / "web"}
"""The .po files, and the templates whose words each holds."""
ALIKE = {"Newsletter", "Invitation", "Programme", "%(place)s, %(date)s", "“%(quote)s”", "%(label)s: %(value)s"}
"""Words that other languages share with English, and patterns that may be the same."""

each_language = pytest.mark.parametrize("language", languages())
each_catalogue = pytest.mark.parametrize("name", CATALOGUES)


def used(name: str) -> set[str]:
    """The fixed words that the templates say."""
    files = [*CATALOGUES[name].rglob("*.html"), *CATALOGUES[name].rglob("*.txt")]
    return {words for file in files for words in CALL.findall(file.read_text("utf-8"))}


def po_file(language: str, name: str) -> Path:
    return FOLDER / language.replace("-", "_") / "LC_MESSAGES" / f"{name}.po"


def read(language: str, name: str) -> Catalog:
    with po_file(language, name).open("rb") as file:
        return read_po(file, locale=Locale.parse(language, sep="-"), abort_invalid=True)


def header(language: str, name: str) -> dict[str, str]:
    """The fields as they are written, without those that a reader fills in."""
    written = po_file(language, name).read_text("utf-8").partition('msgstr ""\n')[2].partition("\n\n")[0]
    return dict(re.findall(r"^(\S+): (.*)$", re.sub(r'"\n?', "", written).replace("\\n", "\n"), re.MULTILINE))


def groups(form: Callable[[int], object]) -> set[frozenset[int]]:
    """The numbers that share a plural form."""
    forms = [form(number) for number in range(1000)]
    return {frozenset(number for number, one in enumerate(forms) if one == which) for which in set(forms)}


def test_the_templates_say_something() -> None:
    assert {"Unsubscribe", "About %(name)s", "Why it matters"} <= used("email")
    assert {"Unsubscribe", "Page not found"} <= used("web") and len(used("web")) > 10


@each_catalogue
@each_language
def test_every_language_has_every_word_and_its_places(language: str, name: str) -> None:
    catalogue = read(language, name)
    assert not [message.id for message in catalogue if message.id and message.fuzzy]
    found = {str(message.id): str(message.string) for message in catalogue if message.id}
    assert set(found) == used(name)
    for message, text in found.items():
        assert text == text.strip() and text and (text != message or message in ALIKE), message
        assert sorted(PLACE.findall(text)) == sorted(PLACE.findall(message)), message
        assert "%" not in PLACE.sub("", text), message


@each_catalogue
@each_language
def test_what_is_made_of_it_says_the_same(language: str, name: str) -> None:
    # Babel takes a line without its closing quotation mark, and drops a letter.
    assert [line for line in po_file(language, name).read_text("utf-8").split("\n") if not LINE.fullmatch(line)] == []
    catalogue, made = read(language, name), BytesIO()
    assert list(catalogue.check()) == []
    write_mo(made, catalogue)
    made.seek(0)
    compiled, say = gettext.GNUTranslations(made), translations(language, name)
    for message in used(name):
        assert compiled.gettext(message) == say(message) != ""


@each_catalogue
@each_language
def test_the_header_is_the_languages_own(language: str, name: str) -> None:
    """Its plural forms part the numbers as Unicode (CLDR) or as gettext does."""
    fields = header(language, name)
    assert fields["Language"] == language.replace("-", "_")
    assert fields["Content-Type"].lower() == "text/plain; charset=utf-8"
    forms = re.fullmatch(r"nplurals=(\d); plural=(.+);", fields["Plural-Forms"])
    assert forms
    parted = groups(gettext.c2py(forms[2]))
    assert len(parted) == int(forms[1])
    customary = get_plural(fallbacks(language)[-1]).plural_expr
    assert parted in (groups(Locale.parse(language, sep="-").plural_form), groups(gettext.c2py(customary)))


@each_language
def test_mail_and_page_call_leaving_the_same(language: str) -> None:
    assert translations(language, "email")("Unsubscribe") == translations(language, "web")("Unsubscribe")


@each_language
def test_no_date_ends_with_two_full_stops(language: str) -> None:
    """Some languages write dates with one of their own, such as Hungarian: `2027. március 4.`"""
    say = translations(language)
    date = format_date(datetime(2027, 3, 4, tzinfo=UTC), "long", locale=Locale.parse(language, sep="-"))
    for words in (say("Please reply by %(date)s.", date=date), say("%(place)s, %(date)s", place="X", date=date)):
        assert date.rstrip(".") in words and ".." not in words


def test_a_region_speaks_its_language_and_an_unknown_one_english() -> None:
    assert translations("pt-BR")("Unsubscribe") == translations("pt")("Unsubscribe") != "Unsubscribe"
    assert translations("xx")("Unsubscribe") == translations("en")("Unsubscribe") == "Unsubscribe"


@pytest.mark.parametrize("language", ["no", "no-NO", "nn-NO"])
def test_norwegian_is_known_by_all_its_names(language: str) -> None:
    assert translations(language)("Unsubscribe") == "Meld deg av"


def test_values_are_put_in_and_escaped_only_beside_markup() -> None:
    say = translations("fr")
    assert say("About %(name)s", name="A & B") == "À propos de A & B"
    assert say("About %(name)s", name=Markup("<b>A</b>")) == Markup("À propos de <b>A</b>")
    assert isinstance(say("About %(name)s", name=Markup("<b>A</b>")), Markup)
    assert translations("en")("%(a)s <x> %(b)s", a=Markup("<i>"), b="<j>") == Markup("<i> &lt;x&gt; &lt;j&gt;")


@pytest.mark.parametrize(
    "quotation", ["Yes.", "“Yes,” she said, “do.”", '"A" and "B"', "“Yes”, she said.", '""', '"', ""]
)
def test_what_is_not_one_quotation_between_marks_keeps_them(quotation: str) -> None:
    assert unmarked(quotation) == quotation


def test_marks_within_a_quotation_stay() -> None:
    assert unmarked("«\u00a0The “gap” is real.\u00a0»") == "The “gap” is real."
