# ruff: noqa: RUF001 -- dates and quotations as their languages write them
"""What each kind has of its own, as its readers see it."""

import hashlib
from collections.abc import Mapping
from itertools import combinations

import pytest

from cli.demo_office import MAILINGS
from cli.running import DemoKind
from config.errors import Refused
from mailer.mailing_file import read_mailing_file
from mailer.plan.compiled import CompiledEdition
from mailer.plan.message import MessagePlan
from mailer.recipient import Recipient
from mailer.render.kinds import kind_names, load_kind
from mailer.render.personal import context, environment
from tests import oracle
from tests.mailer.plan.editions import STAMP
from tests.templates.test_email import CONTENT, EDITIONS, FOLDERS, edition, shown

TITLES = {"value-gap": "Value gap", "access-to-media": "Access to media", "vat": "VAT on music"}
SUBSETS = [chosen for size in range(4) for chosen in combinations(TITLES, size)]


def media() -> Mapping[str, bytes]:
    return {hashlib.sha256(data).hexdigest(): data for data in (file.read_bytes() for file in CONTENT.rglob("*.png"))}


def reader(*topics: str, **more: str) -> Recipient:
    return Recipient("nadia@daily.example", "Nadia", role="journalist", topics=topics, **more)


def expected(compiled: CompiledEdition, recipient: Recipient) -> bytes:
    """The oracle's message, its texts rendered by plain Jinja."""
    values = context(recipient, unsubscribe_url=STAMP.unsubscribe_url, list_title=STAMP.of_list.title)
    jinja = environment(compiled.language)
    sources = {"subject": compiled.subject, "text": compiled.text, "html": compiled.html}
    if compiled.calendar:
        sources["calendar"] = compiled.calendar.source
    rendered = {part: jinja.from_string(source).render(values) for part, source in sources.items()}
    return oracle.build(compiled, recipient, STAMP, media(), **rendered)


def test_the_demo_has_every_kind() -> None:
    kinds = {read_mailing_file(CONTENT / folder).kind: folder for folder in FOLDERS}
    assert kinds == MAILINGS
    assert sorted(kinds) == sorted(DemoKind) == kind_names()
    hours = {name: load_kind(name).deadline_hours for name in kind_names()}
    assert {name for name, long in hours.items() if long == 4} == {"op-ed", "press-release"}
    assert set(hours.values()) == {4, 48}


@pytest.mark.parametrize(("folder", "language"), EDITIONS)
def test_a_plans_message_is_the_oracles(folder: str, language: str) -> None:
    compiled = edition(folder, language)
    plan = MessagePlan(compiled, media())
    for recipient in (reader(), reader("vat", time_zone="Asia/Tokyo")):
        assert oracle.differences(plan.assemble(recipient, STAMP), expected(compiled, recipient)) == []


class TestNewsletter:
    @pytest.mark.parametrize("others", ["last", "left out"])
    def test_every_set_of_topics_gets_its_sections_in_its_order(self, others: str) -> None:
        compiled = edition("spring-news", "en", other_topics=others)
        plan = MessagePlan(compiled, media())
        for topics in SUBSETS:
            person = reader("Another", *(topic.upper() for topic in topics))
            followed = [TITLES[topic] for topic in TITLES if topic in topics]
            rest = [title for title in TITLES.values() if title not in followed]
            # Who follows none of its topics reads all of it.
            order = (followed + rest if others == "last" else followed) if followed else list(TITLES.values())
            _, page, text = shown(compiled, person)
            assert page.xpath("//td[contains(@class, 'parts')]//h2/text()") == order
            assert page.xpath("//a[contains(@class, 'entry')]/strong/text()") == order
            assert [line for line in text.split("\n") if line in TITLES.values()] == order
            assert [line[2:] for line in text.split("\n") if line[2:] in TITLES.values()] == order
            divided = bool(followed and rest and others == "last")
            assert ("Other topics" in text) == ("Other topics" in page.text_content()) == divided
            promise = "begins with" if others == "last" else "has only"
            assert (f"This issue {promise} the topics that you follow." in text) == bool(followed)
            assert "\n\n\n" not in text
            assert oracle.differences(plan.assemble(person, STAMP), expected(compiled, person)) == []

    def test_a_section_without_a_topic_is_for_everybody(self) -> None:
        stories = [{"title": "Story", "text": "Words, [a link](https://impala.example/x)."}]
        sections = [{"topic": "vat", "title": "VAT", "stories": stories}, {"title": "House", "stories": stories}]
        compiled = edition("spring-news", "en", other_topics="left out", sections=sections)
        for topics, titles in ((("vat",), ["VAT", "House"]), ((), ["VAT", "House"])):
            assert shown(compiled, reader(*topics))[1].xpath("//td[contains(@class, 'parts')]//h2/text()") == titles
        sections[0]["topic"] = "finance"
        sections.append({"topic": "vat", "title": "VAT again", "stories": stories})
        _, page, text = shown(edition("spring-news", "en", other_topics="left out", sections=sections), reader("vat"))
        assert page.xpath("//td[contains(@class, 'parts')]//h2/text()") == ["House", "VAT again"]
        assert "a link (https://impala.example/x)" in text, "a note's number would depend on the reader"

    def test_a_link_to_read_on_says_where_when_it_is_read_aloud(self) -> None:
        _, page, _ = shown(edition("spring-news", "fr"), reader())
        labels = page.xpath("//p[contains(@class, 'on')]/a/@aria-label")
        assert len(labels) == len(set(labels)) == 4 and all(label.startswith("Lire la suite") for label in labels)

    @pytest.mark.parametrize(
        ("front", "problem"),
        [
            ({"other_topics": "first"}, "other_topics: this is last or left out, not first"),
            (
                {"sections": [{"title": "T", "topic": "{{ role }}", "stories": [{"title": "t", "text": "x"}]}]},
                "same for",
            ),
            ({"sections": []}, "sections: this is missing"),
        ],
    )
    def test_what_it_cannot_be(self, front: dict[str, object], problem: str) -> None:
        with pytest.raises(Refused, match=problem):
            edition("spring-news", "en", **front)


class TestPressRelease:
    def test_begins_with_its_dateline_and_ends_with_its_mark(self) -> None:
        for language, dateline, ends in (
            ("en", "Brussels, 4 March 2027", "Ends"),
            ("fr", "Bruxelles, le 4 mars 2027", "Fin"),
        ):
            _, page, text = shown(edition("fair-deals", language), reader())
            assert page.xpath("//strong[contains(@class, 'dateline')]/text()") == [dateline]
            assert f"\n{dateline} – " in text and f"\n– {ends} –\n" in text
            headings = page.xpath("//h2/text()")
            notes = headings.index({"en": "Notes to editors", "fr": "Notes aux rédactions"}[language])
            assert text.index(f"– {ends} –") < text.index(headings[notes])

    def test_a_quote_has_the_marks_of_its_language_and_its_speaker(self) -> None:
        for language, first, last in (("en", "“", "”"), ("fr", "«\u00a0", "\u00a0»"), ("ar", "«", "»")):
            _, page, text = shown(edition("fair-deals", language), reader())
            [said] = page.xpath("//p[contains(@class, 'said')]/text()")
            assert said.startswith(first) and said.endswith(last) and f"> {said}\n>" in text
            blank = "\n> \N{RIGHT-TO-LEFT MARK}\n> " if language == "ar" else "\n>\n> "
            assert f"{said}{blank}" in text
            assert page.xpath("//p[contains(@class, 'speaker')]/strong")

    def test_an_embargo_takes_the_place_of_immediate_release(self) -> None:
        _, page, text = shown(edition("fair-deals", "en"), reader())
        assert "For immediate release" in page.text_content() and "For immediate release" in text
        compiled = edition("fair-deals", "en", embargo="2027-03-05T09:00 Europe/Brussels")
        _, page, text = shown(compiled, reader())
        for words in (page.text_content(), text):
            assert "Embargoed until Friday, 5 March 2027, 09:00 (Brussels)" in words
            assert "immediate" not in words

    @pytest.mark.parametrize("embargo", ["tomorrow", "2027-02-30", "2027-03-04T09:00 Europe/Brusels", "{{ country }}"])
    def test_an_embargo_is_a_moment(self, embargo: str) -> None:
        with pytest.raises(Refused, match=r"en\.md, embargo: "):
            edition("fair-deals", "en", embargo=embargo)


class TestOpEd:
    def test_an_author_has_a_portrait_and_a_few_words(self) -> None:
        author = {"name": "IMPALA", "portrait": "chart.png", "credit": "Photo: IMPALA", "about": "A *house* of many."}
        compiled = edition("value-gap", "en", author=author, pull_quote="Ask for a licence.")
        _, page, text = shown(compiled, reader())
        [portrait] = page.xpath("//td[contains(@class, 'portrait')]/img")
        assert portrait.get("alt") == "Portrait of IMPALA" and portrait.get("width") == "80"
        assert portrait.get("src") == f"cid:{compiled.pictures[0].cid}"
        assert page.xpath("//div[@class='notes']//em/text()") == ["house"]
        for words in (page.text_content(), text):
            assert "“Ask for a licence.”" in words and "About the author" in words
        assert "Photo: IMPALA" in page.text_content()

    @pytest.mark.parametrize("written", ['"Ask now."', "“Ask now.”", "„Ask now.“", "« Ask now. »"])
    def test_marks_that_its_author_wrote_are_not_doubled(self, written: str) -> None:
        for language, marked in (("en", "“Ask now.”"), ("fr", "«\u00a0Ask now.\u00a0»")):
            _, page, text = shown(edition("value-gap", language, pull_quote=written), reader())
            assert page.xpath("//p[contains(@class, 'said')]/text()") == [marked]
            assert f"> {marked}\n" in text


class TestInvitation:
    def test_says_when_in_the_language_and_in_the_zone_of_its_reader(self) -> None:
        for language, when, theirs in (
            ("en", "Thursday, 15 April 2027, 18:30–20:30 (Brussels)", "19:30–21:30 (Athens)"),
            ("fr", "jeudi 15 avril 2027, 18:30 – 20:30 (Bruxelles)", "19:30 – 21:30 (Athènes)"),
            ("ar", "الخميس، 15 أبريل 2027", "(أثينا)"),
        ):
            compiled = edition("open-evening", language)
            for zone, differs in (("Europe/Athens", True), ("Europe/Paris", False), ("", False), ("Nowhere", False)):
                _, page, text = shown(compiled, reader(time_zone=zone))
                for words in (page.text_content(), text):
                    assert when in words.replace("\u2009", " ") and (theirs in words.replace("\u2009", " ")) == differs
                assert "\n\n\n" not in text

    def test_one_that_is_cancelled_says_so_and_asks_for_nothing(self) -> None:
        event = {"name": "a", "title": "A", "starts": "2027-04-15", "ends": "2027-04-15", "cancelled": True}
        _, page, text = shown(edition("open-evening", "en", event=event), reader())
        for words in (page.text_content(), text):
            assert "This event has been cancelled." in words
            assert "Programme" not in words and "reply" not in words.replace("reply_to", "")
