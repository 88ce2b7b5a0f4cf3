"""Snippets as rows, on both databases: entered from a file, used by a mailing, kept by what was frozen."""

from pathlib import Path

import pytest

from config.database import reading, transaction
from config.errors import Refused, Unknown
from mailer.check import check_mailing
from mailer.editions import store_editions
from mailer.folder import import_folder
from mailer.models import Edition, Mailing
from mailer.snippets import find_snippet, import_snippets, load_snippets
from tests.cli.speaking import broadside
from tests.press import ENGLISH, FRENCH, open_office, write_folder

FILE = """\
call:
  en: |
    Sign **now**, {{ first_name or "friend" }}.

    Thank you.
  fr: Signez
slogan: {en: Music moves}
"""


def enter(path: Path, text: str) -> None:
    file = path / "snippets.yaml"
    file.write_text(text)
    with transaction() as session:
        import_snippets(session, file)


def test_a_name_is_replaced_whole_and_others_stay(database: str, tmp_path: Path) -> None:
    enter(tmp_path, FILE)
    enter(tmp_path, "call: {pt_br: Assine}\n")
    with reading() as session:
        assert load_snippets(session) == {"call": {"pt-BR": "Assine"}, "slogan": {"en": "Music moves"}}
        with pytest.raises(Unknown, match="no snippet named 'cal'; did you mean 'call'"):
            find_snippet(session, "cal")


def test_a_mailing_uses_the_snippet_of_each_language_and_keeps_what_it_was_frozen_with(
    database: str, tmp_path: Path
) -> None:
    open_office(3)
    enter(tmp_path, FILE)
    include = '\n{% include "call" %}\n'
    folder = write_folder(tmp_path / "value-gap", en_md=ENGLISH + include, fr_md=FRENCH + include)
    with transaction() as session:
        mailing = import_folder(session, folder)
        assert check_mailing(session, mailing).ok
        before = store_editions(session, mailing)
        number, first_hash = mailing.id, mailing.content_hash
        assert "Sign <strong>now</strong>" in session.get_one(Edition, before["en"]).compiled["html"]
        assert "Signez" in session.get_one(Edition, before["fr"]).compiled["html"]
    enter(tmp_path, "call: {en: Join us}\n")
    with transaction() as session:
        report = check_mailing(session, session.get_one(Mailing, number))
        assert [(found.rule, str(found)) for found in report.errors] == [
            ("text", "fr.md, line 14: the snippet 'call' is not written in fr, only in en; add it")
        ]
    enter(tmp_path, "call: {en: Join us, fr: Signez}\n")
    with transaction() as session:
        mailing = session.get_one(Mailing, number)
        after = store_editions(session, mailing)
        assert after["en"] != before["en"] and after["fr"] == before["fr"]
        assert mailing.content_hash != first_hash
        assert "Sign <strong>now</strong>" in session.get_one(Edition, before["en"]).compiled["html"]


def test_the_check_reads_the_snippets_that_an_edition_includes(database: str, tmp_path: Path) -> None:
    open_office(3)
    call = "Sign\n\n    [the letter](http://impala.example/letter), TBC. {{ attributes.citty }}."
    enter(tmp_path, f"call:\n  en: |\n    {call}\n  fr: Signez\nother: {{en: 'TBC, WIP'}}\n")
    include = '\n{% include "call" %}\n'
    folder = write_folder(tmp_path / "value-gap", en_md=ENGLISH + include, fr_md=FRENCH + include)
    with transaction() as session:
        report = check_mailing(session, import_folder(session, folder))
    found = {(finding.rule, str(finding.at)) for finding in report.findings if finding.at.file.startswith("snippet")}
    assert found == {
        ("placeholder", "snippet call, line 3"),
        ("http-link", "snippet call, line 3"),
        ("attribute", "snippet call"),
    }
    folder = write_folder(tmp_path / "value-gap")
    with transaction() as session:
        report = check_mailing(session, import_folder(session, folder))
    assert not [finding for finding in report.findings if finding.at.file.startswith("snippet")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "snippets.yaml: there is no snippet"),
        ("Call: {en: x}\n", "snippets.yaml, line 1: 'Call' cannot be the name of a snippet"),
        ("call: Sign now\n", "snippets.yaml, line 1: write a text for each language below call"),
        ("call:\n  anglish: x\n", "snippets.yaml, line 2: 'anglish' is not a language"),
        ("call:\n  en: x\n  EN: y\n", "snippets.yaml, line 3: call in en stands here a second time"),
        ("call:\n  en: ''\n", "snippets.yaml, line 2: call in en has no text"),
        ("call:\n  en: |\n    a\n    {{ frist_name }}\n", "line 4: no field named 'frist_name'; did you mean"),
        ("call:\n  en: '{{ frist_name }}'\n", "line 2: no field named 'frist_name'; did you mean"),
        ("call:\n  en: |\n    a\n\n    {% if role %}\n", "line 5: this is never closed"),
        ("call:\n  en: |\n    [a](b)\n", "line 3: the link 'b' leads nowhere"),
        ("call:\n  en: '[a](https://{{ country }}.example)'\n", "line 2: "),
        ("call:\n  en: '![a](b.png)'\n", "line 2: a snippet shows no pictures"),
        ("call:\n  en: '{% include \"call\" %}'\n", "line 2: a snippet cannot include another"),
    ],
)
def test_what_no_edition_could_use_is_refused(database: str, tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(Refused, match=message):
        enter(tmp_path, text)
    with reading() as session:
        assert load_snippets(session) == {}


def test_the_commands(database: str, tmp_path: Path) -> None:
    assert "there is no snippet yet" in broadside("snippet", "list").out
    file = tmp_path / "snippets.yaml"
    file.write_text(FILE)
    assert broadside("snippet", "import", file).out.splitlines() == ["call: en, fr", "slogan: en"]
    assert broadside("snippet", "list", "--json").json["snippets"][0] == {"snippet": "call", "languages": ["en", "fr"]}
    assert "Sign **now**" in broadside("snippet", "show", "call").out
    assert broadside("snippet", "show", "slogan", "--json").json["texts"] == {"en": "Music moves"}
    broadside("snippet", "remove", "call")
    assert "slogan" in broadside("snippet", "show", "call", status=1).err
