"""What every kind of mail must have, tried on the demo's mailings in all their languages."""

import hashlib
import re
from pathlib import Path

import pytest
import yaml
from lxml import html as lxml_html

from config.errors import Refused
from mailer.colours import PAIRS, contrast
from mailer.house import House, Logo
from mailer.mailing_file import read_mailing_file
from mailer.plan.compiled import CompiledEdition
from mailer.recipient import Recipient
from mailer.render import personal
from mailer.render.compile import compile_edition, picture_reference
from mailer.render.kinds import TEMPLATES, load_kind
from mailer.render.words import translations
from mailer.text_file import read_text_file

CONTENT = Path(__file__).parents[2] / "cli" / "demo_content"
FOLDERS = sorted(path.parent.name for path in CONTENT.glob("*/mailing.yaml"))
EDITIONS = [(folder, language) for folder in FOLDERS for language in ("en", "fr", "ar")]
JOURNALIST = Recipient("nadia@daily.example", "Nadia", role="journalist", organisation="The Daily Example")
NOBODY = Recipient("someone@example.org")


def demo_house() -> House:
    given = yaml.safe_load((CONTENT / "house.yaml").read_text("utf-8"))
    del given["sender"]
    return House.model_validate(given)


def edition(folder: str, language: str, house: House | None = None, **front: object) -> CompiledEdition:
    path = CONTENT / folder
    described = read_mailing_file(path)
    text = read_text_file(path / f"{language}.md", load_kind(described.kind))
    media = {
        file.name: picture_reference(hashlib.sha256(file.read_bytes()).hexdigest(), "image/png", file.name)
        for file in path.glob("*.png")
    }
    return compile_edition(
        kind=described.kind,
        language=language,
        front={**described.front_of(text.front), **front},
        body=text.body,
        body_line=text.body_line,
        house=house or demo_house(),
        media=media,
        sender=described.sender,
        reply_to=described.reply_to,
        file=f"{language}.md",
    ).edition


def read(source: str, language: str, reader: Recipient = JOURNALIST) -> str:
    values = personal.context(reader, unsubscribe_url="https://lists.example/u/token", list_title="Press")
    return personal.environment(language).from_string(source).render(values)


def shown(compiled: CompiledEdition, reader: Recipient = JOURNALIST) -> tuple[str, lxml_html.HtmlElement, str]:
    html = read(compiled.html, compiled.language, reader)
    return html, lxml_html.document_fromstring(html), read(compiled.text, compiled.language, reader)


@pytest.mark.parametrize(("folder", "language"), EDITIONS)
class TestEveryEdition:
    def test_is_small_and_asks_nothing_of_the_network(self, folder: str, language: str) -> None:
        html, page, _ = shown(edition(folder, language))
        assert len(html.encode()) < 50_000
        assert not page.xpath("//link | //script | //iframe | //*[@background]")
        assert all(source.startswith("cid:") for source in page.xpath("//img/@src"))
        assert "url(" not in html and "@import" not in html

    def test_says_its_language_and_direction(self, folder: str, language: str) -> None:
        _, page, _ = shown(edition(folder, language))
        direction = "rtl" if language == "ar" else "ltr"
        for element in (page, page.xpath("//body/div[@role='article']")[0]):
            assert (element.get("lang"), element.get("dir")) == (language, direction)
        sides = {cell.get("align") for cell in page.xpath("//td[contains(@class, 'pad')]")}
        assert sides == {"right" if direction == "rtl" else "left"}
        if direction == "rtl":
            assert "letter-spacing:0.09em" not in lxml_html.tostring(page).decode()

    def test_is_readable_by_a_screen_reader_and_without_pictures(self, folder: str, language: str) -> None:
        _, page, _ = shown(edition(folder, language))
        layout = page.xpath("//table[not(.//th)]")
        assert layout and all(table.get("role") == "presentation" for table in layout)
        portrait = "parent::td[contains(@class, 'portrait')]"
        assert all(len(alt) > 20 for alt in page.xpath(f"//img[not({portrait})]/@alt"))
        assert all("IMPALA" in alt or "إمبالا" in alt for alt in page.xpath(f"//img[{portrait}]/@alt"))
        assert len(page.xpath("//h1")) == 1 and page.findtext(".//title")

    def test_every_link_stands_in_the_text_too(self, folder: str, language: str) -> None:
        _, page, text = shown(edition(folder, language))
        assert {link[1:] for link in page.xpath("//a/@href[starts-with(., '#')]")} <= set(page.xpath("//@id"))
        links = page.xpath("//a/@href[not(starts-with(., '#'))]")
        assert len(links) >= 5
        for link in links:
            if link.startswith("tel:"):
                assert link.removeprefix("tel:") in text.replace(" ", "")
            else:
                assert link.removeprefix("mailto:") in text

    def test_keeps_its_dark_scheme_and_outlooks_comments(self, folder: str, language: str) -> None:
        html, _, _ = shown(edition(folder, language))
        dark = demo_house().colours.dark
        media = re.search(r"@media \(prefers-color-scheme: dark\) \{(.*?)\n\}", html, re.DOTALL)
        assert media and f".paper {{ background-color: {dark.paper} !important; }}" in media[1]
        assert "[data-ogsc] .headline" in html
        assert '<meta name="color-scheme" content="light dark">' in html
        assert html.count("<!--[if mso]>") == html.count("<![endif]-->") == 3

    def test_names_who_writes_why_and_how_to_leave(self, folder: str, language: str) -> None:
        _, page, text = shown(edition(folder, language))
        say = translations(language)
        leave = page.xpath("//a[@href='https://lists.example/u/token']")
        assert [link.text_content() for link in leave] == [say("Unsubscribe")]
        about = demo_house().boilerplate[language].split("\n\n")
        for words in ("Coudenberg 70", "nadia@daily.example", *about, say("Press contact")):
            assert words in page.text_content() and words in text

    def test_reads_well_for_somebody_of_whom_nothing_is_known(self, folder: str, language: str) -> None:
        _, page, text = shown(edition(folder, language), NOBODY)
        for words in (page.text_content(), text):
            assert "None" not in words and "{{" not in words and " ," not in words and " ،" not in words


def test_the_long_texts_have_the_same_shape_in_every_language() -> None:
    def shape(language: str) -> list[str]:
        _, page, _ = shown(edition("value-gap", language))
        wanted = {"h1", "h2", "p", "ol", "li", "blockquote", "table", "img", "hr"}
        return [element.tag for element in page.iter() if element.tag in wanted]

    assert shape("en") == shape("fr") == shape("ar")


def test_an_authors_own_terms_take_the_place_of_ours() -> None:
    _, page, text = shown(edition("value-gap", "en", terms="Not before *noon*."))
    assert page.xpath("//td[contains(@class, 'panel-box')]//em/text()") == ["noon"]
    assert "Not before noon." in text
    assert "free of charge" not in page.text_content() + text


def test_what_is_left_out_leaves_no_empty_place() -> None:
    _, page, text = shown(edition("fair-access", "en", action=None, dates=None))
    for words in ("What you can do", "Next dates"):
        assert words not in page.text_content() and words not in text


@pytest.mark.parametrize("link", ["javascript:alert(1)", "impala.example/page", "data:text/html,x", "//impala.example"])
def test_a_button_leads_to_a_whole_link(link: str) -> None:
    with pytest.raises(Refused, match=r"action\.link.*https://"):
        edition("fair-access", "en", action={"text": "Go", "label": "Go", "link": link})


def test_a_logo_stands_in_the_masthead_with_its_name_for_those_who_do_not_see_it() -> None:
    logo = Logo(hash="a" * 64, content_type="image/png", filename="house-logo.png", alt="IMPALA", width=200, height=48)
    compiled = edition("value-gap", "en", demo_house().model_copy(update={"logo": logo}))
    _, page, _ = shown(compiled)
    (picture,) = page.xpath("//td[contains(@class, 'wordmark')]//img")
    assert (picture.get("alt"), picture.get("width")) == ("IMPALA", "200")
    assert picture.get("src").removeprefix("cid:") in {reference.cid for reference in compiled.pictures}


def test_the_date_of_an_event_is_written_as_its_language_does() -> None:
    for language, date in (("en", "4 March 2027"), ("fr", "4 mars 2027"), ("ar", "4 مارس 2027")):
        _, page, text = shown(edition("fair-access", language))
        assert date in page.text_content() and date in text


def test_french_keeps_its_no_break_spaces() -> None:
    _, page, text = shown(edition("value-gap", "fr"))
    for words in (page.text_content(), text):
        assert "«\N{NO-BREAK SPACE}transfert de valeur\N{NO-BREAK SPACE}»" in words
        assert not re.search(r"« | »| [?:;!](?:\s|$)", words.replace("[1] ", ""))


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_colon_stands_in_the_text_as_the_language_has_it(folder: str) -> None:
    _, _, french = shown(edition(folder, "fr"))
    _, _, english = shown(edition(folder, "en"))
    after = re.compile(r"(?<=[^\W\d])(\N{NO-BREAK SPACE}?):(?= )")
    assert set(after.findall(french)) == {"\N{NO-BREAK SPACE}"} and set(after.findall(english)) == {""}


def test_colours_and_fonts_come_from_the_house() -> None:
    given = {"accent": "#4b0082", "brand": "#2b0a4d"}
    house = House.model_validate(
        {"name": "Example", "colours": given, "fonts": {"heading": "'Trebuchet MS', sans-serif"}}
    )
    html, page, _ = shown(edition("value-gap", "en", house))
    assert "Trebuchet MS" in page.xpath("//h1/@style")[0]
    assert "#4b0082" in html and "#2b0a4d" in html
    for scheme in (house.colours, house.colours.dark):
        assert all(contrast(getattr(scheme, a), getattr(scheme, b)) >= 4.5 for a, b in PAIRS)


def test_templates_hold_no_colour_of_their_own() -> None:
    for file in [*TEMPLATES.glob("email/*.css"), *TEMPLATES.rglob("message.html"), TEMPLATES / "email" / "base.html"]:
        assert not re.search(r"#[0-9a-fA-F]{3,8}\b(?!;)", re.sub(r"&#\d+;", "", file.read_text("utf-8"))), file
