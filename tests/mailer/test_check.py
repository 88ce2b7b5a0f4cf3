"""What the check says about a mailing, from a folder and real rows."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from cli import demo_office
from config.database import reading, transaction
from config.migrate import upgrade
from mailer.check import check_mailing
from mailer.checks import gathering
from mailer.checks.leftovers import SURE, leftovers
from mailer.findings import Level, Report
from mailer.folder import import_folder
from mailer.house import import_house
from mailer.models import Mailing
from subscribers.lists import create_list
from subscribers.models import Basis, List, Standing, Subscriber, Subscription
from tests.mailer.test_folder import picture
from tests.press import sent_before

CONTENT = Path(__file__).parents[2] / "cli" / "demo_content"
YAML = """\
kind: op-ed
name: Note
from: press@example.org
audience: {lists: [press]}
default_language: en
"""
HOUSE = "name: Office\naddress: Street 1\ncontact: {phone: '1'}\nboilerplate: {en: We, fr: Nous}\n"
FRONT = "---\nsubject: Fair\nheadline: Fair\nauthor: {name: IMPALA}\n---\n"
"""Five lines: the body begins on line 6."""


@pytest.fixture
def folder(database: str, tmp_path: Path) -> Path:
    house = tmp_path / "house.yaml"
    house.write_text(HOUSE)
    with transaction() as session:
        import_house(session, house)
        create_list(session, "press", "Press")
    path = tmp_path / "note"
    path.mkdir()
    (path / "mailing.yaml").write_text(YAML)
    return path


def subscribe(number: int = 1, **fields: Any) -> None:
    with transaction() as session:
        press = session.scalars(select(List)).one()
        for at in range(number):
            email = f"{fields.get('first_name', 'p')}{at}.{len(str(fields))}@example.org".lower()
            person = Subscriber(email=email, email_key=email, address_hash=email, **fields)
            session.add(person)
            session.flush()
            session.add(
                Subscription(
                    subscriber_id=person.id, list_id=press.id, standing=Standing.confirmed, basis=Basis.consent
                )
            )


def checked(folder: Path, body: str, *, front: str = FRONT, **others: str) -> Report:
    (folder / "en.md").write_text(front + body)
    if "chart.png" in front + body or "cart.png" in body:
        (folder / "chart.png").write_bytes(picture())
    for language, text in others.items():
        (folder / f"{language}.md").write_text(text)
    with transaction() as session:
        import_folder(session, folder)
    with reading() as session:
        return check_mailing(session, session.scalars(select(Mailing).where(Mailing.name == "note")).one())


def said(report: Report, level: Level = Level.error) -> list[str]:
    return [str(finding) for finding in report.findings if finding.level == level]


def test_a_sound_mailing_has_nothing_to_report(folder: Path) -> None:
    subscribe(3, first_name="Anna", languages=("en",))
    report = checked(folder, 'Dear {{ first_name or "you" }}\n\n![A chart](chart.png "Chart: us")')
    assert report.findings == [] and report.ok
    assert (report.recipients, report.rendered, report.languages) == (3, 3, {"en": 3})
    assert report.as_json()["ok"] is True


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("a\n\n{{ frist_name }}", "en.md, line 8: no field named 'frist_name'; did you mean 'first_name'?"),
        ("a\n{% if role %}b", "en.md, line 7: this is never closed"),
        ("![x](cart.png)", "en.md, line 6: no picture named 'cart.png'; did you mean 'chart.png'?"),
        ("Dear\n[name],", "en.md, line 7: '[name]' looks like a blank to fill in"),
        ("Lorem ipsum dolor", "en.md, line 6: 'Lorem ipsum' looks like filler text"),
        ("On TBC we", "en.md, line 6: 'TBC' looks like a note to oneself"),
        ("XXX euro", "en.md, line 6: 'XXX' looks like a blank"),
        ("Dear {first_name}", "en.md, line 6: '{first_name}' looks like braces"),
        ("Dear }}", "en.md, line 6: '}}' looks like braces"),
        (
            "{{ attributes.citty }}",
            "en.md, line 6: nobody in the audience has the attribute 'citty'; did you mean 'city'?",
        ),
        ('{{ "soon"|date }}', "en.md: for 2 readers, among them"),
    ],
)
def test_errors_name_their_place_and_stop_a_send(folder: Path, body: str, message: str) -> None:
    subscribe(2, languages=("en",), attributes={"city": "Gent"})
    report = checked(folder, body)
    assert any(line.startswith(message) for line in said(report)), said(report)
    assert not report.ok


def test_errors_of_all_fields_and_editions_come_together(folder: Path) -> None:
    front = FRONT.replace("headline: Fair", "headline: '{{ a }}'").replace("subject: Fair", "subject: '{{ b }}'")
    report = checked(folder, "{{ c }}", front=front, fr=f"{FRONT}{{{{ d }}}}")
    places = {str(finding.at) for finding in report.errors if finding.rule == "text"}
    assert places == {"en.md, line 2 (subject)", "en.md, line 3 (headline)", "en.md, line 6", "fr.md, line 6"}


def test_an_empty_audience_is_an_error(folder: Path) -> None:
    report = checked(folder, "x {{ attributes.city }}")
    assert [finding.rule for finding in report.errors] == ["empty-audience"]


def test_no_text_in_the_default_language_is_an_error(folder: Path) -> None:
    subscribe(languages=("en",))
    (folder / "mailing.yaml").write_text(YAML.replace("default_language: en", "default_language: fr"))
    report = checked(folder, "x")
    assert (
        "mailing.yaml, line 5 (default_language): there is no text in the default language, fr; write fr.md"
        in said(report)[0]
    )


def test_languages_that_nobody_wrote_are_counted(folder: Path) -> None:
    subscribe(2, first_name="a", languages=("de", "it"))
    subscribe(3, first_name="b", country="FR")
    subscribe(1, first_name="c", languages=("fi", "en"))
    subscribe(1, first_name="d")
    report = checked(folder, "x")
    warnings = said(report, Level.warning)
    assert report.ok and report.languages == {"en": 7}
    assert warnings[0].startswith("mailing.yaml: 3 people who read fr get the edition in en")
    assert warnings[1].startswith("mailing.yaml: 2 people who read de get the edition in en")
    assert warnings[2].startswith("mailing.yaml: 1 person whose language is not known gets")
    (folder / "mailing.yaml").write_text(f"{YAML}fallback: skip\n")
    report = checked(folder, "x")
    assert report.languages == {"en": 1}
    assert said(report, Level.warning)[0].startswith("mailing.yaml: 3 people who read fr get nothing")


def test_large_mails_are_warned_of(folder: Path) -> None:
    subscribe(languages=("en",))
    report = checked(folder, "word " * 21_000)
    warnings = said(report, Level.warning)
    assert report.ok and warnings[0].startswith("en.md: the mail has up to 1")
    assert warnings[1].startswith("en.md: the text has 21,000 words; this kind, op-ed, has no more than 1,200; shorten")
    (folder / "annex.pdf").write_bytes(b"x" * 1_800_000)
    (folder / "mailing.yaml").write_text(f"{YAML}attachments: [annex.pdf]\n")
    [warning] = said(checked(folder, "x"), Level.warning)
    assert warning.startswith("en.md: the mail has 2.5 MB with its pictures and attachments")


def test_pictures_in_fields_need_words_and_a_credit_where_the_kind_has_fields_for_them(folder: Path) -> None:
    subscribe(languages=("en",))
    front = FRONT.replace("{name: IMPALA}", "{name: IMPALA, portrait: chart.png}")
    report = checked(folder, "a", front=front)
    assert [(found.rule, found.at.field) for found in report.errors] == [("no-credit", "author.portrait")]
    assert said(report)[0].endswith("name them in the field `credit` beside it")
    assert checked(folder, "a", front=front.replace("chart.png}", "chart.png, credit: Jo}")).ok


def test_a_subject_that_is_empty_for_some_is_an_error(folder: Path) -> None:
    subscribe(2, languages=("en",))
    subscribe(1, first_name="Anna", languages=("en",))
    report = checked(folder, "x", front=FRONT.replace("subject: Fair", "subject: '{{ first_name }}'"))
    assert len(said(report)) == 1
    assert said(report)[0].startswith("en.md, line 2 (subject): 2 readers would get an empty subject; give it words")


def test_beyond_the_limit_each_combination_is_made_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "EVERYBODY", 4)
    subscribe(6, first_name="a", languages=("en",))
    subscribe(6, first_name="b", languages=("en",), role="journalist")
    subscribe(6, languages=("en",), role="member", attributes={"when": "soon"})
    subscribe(6, languages=("en",), role="member", attributes={"when": "2026-01-01"})
    body = "{% if role == 'journalist' %}x{% endif %}{% if role == 'member' %}{{ attributes.when|date }}{% endif %}"
    report = checked(folder, f"{body}{{{{ first_name }}}}")
    assert report.recipients == 24
    assert report.rendered == 6, "four to begin with, one journalist, one without a first name but with a date"
    assert said(report)[0].startswith("en.md: for 1 reader, among them p0.")


def test_an_organisation_without_an_address_is_warned(folder: Path, tmp_path: Path) -> None:
    house = tmp_path / "house.yaml"
    house.write_text(HOUSE.replace("address: Street 1", ""))
    with transaction() as session:
        import_house(session, house)
    subscribe(languages=("en",))
    assert "postal address" in said(checked(folder, "x"), Level.warning)[0]


@pytest.mark.parametrize(
    "text",
    [
        "[the Commission] [sic] [link](https://example.org) [name][ref] [1]",
        "Article XXI, Xi, xii, Max, TBCs, todo list, lorem",
        "{ } a {b} 100 % | *x* <b>x</b> <https://example.org>",
    ],
)
def test_what_is_no_placeholder(text: str) -> None:
    assert not list(leftovers(text, SURE))


def test_what_may_be_a_placeholder_is_a_warning(folder: Path) -> None:
    subscribe(languages=("en",))
    report = checked(folder, "Article XX of [USA]")
    assert report.ok and len(said(report, Level.warning)) == 2


def test_every_error_of_a_text_is_told_at_once(folder: Path) -> None:
    front = "---\nsubject: '{{ a }} {{ b }}'\nauthor: {role: x}\nterms: |\n  Free.\n\n  {{ c }}\n---\n"
    body = "{{ d }} {% if e %}\n{% for f in g %}{{ f }}{% endfor %}\n{% endif %}[x](page.html)"
    report = checked(folder, body, front=front)
    assert [str(finding.at) for finding in report.errors if finding.rule == "text"] == [
        "en.md, headline",
        "en.md, line 2 (subject)",
        "en.md, line 2 (subject)",
        "en.md, line 3 (author.name)",
        "en.md, line 7 (terms)",
        "en.md, line 9",
        "en.md, line 9",
        "en.md, line 10",
    ]
    unclosed = checked(folder, "{% if role %}\n{% for t in topics %}{{ t }}\n{{ h }}")
    assert [finding.at.line for finding in unclosed.errors if finding.rule == "text"] == [7, 8]


def test_the_audience_is_measured_against_the_usual_one(folder: Path) -> None:
    subscribe(20, languages=("en",))
    for number in range(3):
        sent_before(number, readers=2)
        rules = {finding.rule for finding in checked(folder, "x").findings}
        assert ("large-audience" in rules) == (number == 2)


def test_who_is_left_out_is_told(folder: Path) -> None:
    subscribe(50, languages=("en",))

    def leave(number: int) -> Report:
        with transaction() as session:
            for one in session.scalars(select(Subscription).order_by(Subscription.subscriber_id).limit(number)):
                one.standing = Standing.unsubscribed
        return checked(folder, "x")

    report = leave(9)
    assert report.left_out == {"unsubscribed": 9} and report.findings == []
    [warning] = said(leave(12), Level.warning)
    assert warning.startswith("mailing.yaml, line 4 (audience): 12 of 50 people get nothing: unsubscribed 12; ")


@pytest.mark.parametrize("name", sorted(path.parent.name for path in CONTENT.glob("*/mailing.yaml")))
def test_the_demos_mailings_raise_no_false_alarm(environment: object, tmp_path: Path, name: str) -> None:
    upgrade()
    demo_office.lay_out(tmp_path, 60)
    demo_office.enter_house(tmp_path)
    demo_office.create_lists()
    for audience in demo_office.LISTS:
        demo_office.import_people(tmp_path, audience, lambda _done, _total: None)
    with transaction() as session:
        report = check_mailing(session, import_folder(session, CONTENT / name), now=datetime(2027, 2, 1, tzinfo=UTC))
    assert [str(finding) for finding in report.findings if finding.rule != "unwritten-language"] == []
