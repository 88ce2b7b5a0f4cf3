import io
from pathlib import Path

import lxml.html
import pytest
from PIL import Image
from sqlalchemy import func, select

from config.database import reading, transaction
from config.errors import Refused
from mailer.editions import compile_mailing, store_editions
from mailer.folder import import_folder
from mailer.mailing_file import read_mailing_file
from mailer.models import Draft, Edition, Mailing, MailingEdition, MailingMedia, MailingState, Media, Sender
from mailer.recipient import Recipient
from mailer.render.personal import context, environment
from subscribers.lists import create_list
from subscribers.models import Organisation

YAML = """\
kind: op-ed
name: Value gap
from: IMPALA <press@Impala.example>
reply_to: press@impala.example
audience: {lists: [members, press], segments: [], exclude: {lists: [], mailings: []}}
default_language: en
fallback: default
urgent: false
on_uncertain: leave
attachments: [annex.pdf]
"""
TEXT = """\
---
subject: "Op-ed: {{ first_name or 'you' }}"
headline: Fair: is fair
author: {name: IMPALA}
---
Dear {{ first_name or "colleague" }},

![A chart](chart.png)
"""


def picture(form: str = "PNG", colour: str = "red") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(out, form)
    return out.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "value-gap"
    path.mkdir()
    (path / "mailing.yaml").write_text(YAML)
    (path / "en.md").write_text(TEXT.replace("Fair: is fair", '"Fair: is fair"'))
    (path / "pt_br.md").write_bytes(
        b"\xef\xbb\xbf" + TEXT.replace("Fair: is fair", "Justo").encode().replace(b"\n", b"\r\n")
    )
    (path / "chart.png").write_bytes(picture())
    (path / "annex.pdf").write_bytes(b"%PDF-1.7 x")
    (path / "notes.txt").write_text("not ours")
    (path / ".DS_Store").write_text("not ours")
    return path


def enter(path: Path) -> int:
    with transaction() as session:
        return import_folder(session, path).id


@pytest.fixture
def lists(database: str) -> None:
    with transaction() as session:
        create_list(session, "members", "Members")
        create_list(session, "press", "Press")


@pytest.mark.usefixtures("lists")
def test_a_folder_becomes_rows(folder: Path) -> None:
    number = enter(folder)
    with reading() as session:
        mailing = session.get_one(Mailing, number)
        assert (mailing.name, mailing.title, mailing.kind) == ("value-gap", "Value gap", "op-ed")
        assert mailing.sender == "IMPALA <press@impala.example>" and mailing.reply_to == "press@impala.example"
        assert mailing.audience["lists"] == ["members", "press"] and mailing.audience["exclude"]["mailings"] == []
        assert mailing.state == MailingState.draft and mailing.deadline_hours == 4
        drafts = {draft.language: draft for draft in session.scalars(select(Draft))}
        assert drafts.keys() == {"en", "pt-BR"}
        assert drafts["en"].front["headline"] == "Fair: is fair" and drafts["pt-BR"].front["headline"] == "Justo"
        assert drafts["en"].body.startswith("Dear") and drafts["en"].body_line == 6
        files = {row.filename: row.attached for row in session.scalars(select(MailingMedia))}
        assert files == {"chart.png": False, "annex.pdf": True}
        types = set(session.scalars(select(Media.content_type)))
        assert types == {"image/png", "application/pdf"}


@pytest.mark.usefixtures("lists")
def test_importing_again_renews_it_until_it_is_sent(folder: Path) -> None:
    number = enter(folder)
    (folder / "pt_br.md").unlink()
    (folder / "chart.png").write_bytes(picture(colour="blue"))
    (folder / "mailing.yaml").write_text(
        YAML.replace("kind: op-ed", "kind: op-ed\n").replace("urgent: false", "urgent: true")
    )
    assert enter(folder) == number
    with reading() as session:
        assert session.get_one(Mailing, number).urgent
        assert list(session.scalars(select(Draft.language))) == ["en"]
        assert session.scalar(select(func.count()).select_from(MailingMedia)) == 2
    with transaction() as session:
        session.get_one(Mailing, number).state = MailingState.scheduled
    assert enter(folder) == number
    with transaction() as session:
        session.get_one(Mailing, number).state = MailingState.sending
    with pytest.raises(Refused, match="is sending and cannot be changed"):
        enter(folder)


@pytest.mark.usefixtures("lists")
def test_editions_are_rows_by_their_hash(folder: Path) -> None:
    number = enter(folder)
    with transaction() as session:
        mailing = session.get_one(Mailing, number)
        ids = store_editions(session, mailing)
        assert list(ids) == ["en", "pt-BR"]
        first_hash = mailing.content_hash
        assert store_editions(session, mailing) == ids and mailing.content_hash == first_hash
        compiled = dict(compile_mailing(session, mailing))
    with reading() as session:
        assert session.scalar(select(func.count()).select_from(Edition)) == 2
        assert session.scalar(select(func.count()).select_from(MailingEdition)) == 2
        english = session.get_one(Edition, ids["en"])
        assert english.hash == compiled["en"].hash and english.compiled == compiled["en"].model_dump(mode="json")
        assert [file.filename for file in compiled["en"].attachments] == ["annex.pdf"]
        assert [file.filename for file in compiled["en"].pictures] == ["chart.png"]
        assert compiled["pt-BR"].language == "pt-BR" and 'lang="pt-BR"' in compiled["pt-BR"].html
    (folder / "en.md").write_text(TEXT.replace("Fair: is fair", "Other"))
    enter(folder)
    with transaction() as session:
        mailing = session.get_one(Mailing, number)
        again = store_editions(session, mailing)
        assert again["en"] != ids["en"] and again["pt-BR"] == ids["pt-BR"]
        assert mailing.content_hash != first_hash


@pytest.mark.usefixtures("lists")
def test_a_known_sender_says_whose_mailing_it_is(folder: Path) -> None:
    with transaction() as session:
        owner = Organisation(name="IMPALA")
        session.add(owner)
        session.flush()
        session.add(Sender(organisation_id=owner.id, name="IMPALA", address="press@impala.example"))
    with transaction() as session:
        assert import_folder(session, folder).organisation_id == owner.id


@pytest.mark.usefixtures("lists")
@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("kind: op-ed", "kind: oped", r"mailing.yaml, line 1: no kind named 'oped'; did you mean 'op-ed'\?"),
        ("urgent: false", "urgnt: false", r"line 8: no key named 'urgnt'; did you mean 'urgent'\?"),
        ("exclude: {lists: []", "exclude: {list: []", r"line 5: no key of audience.exclude named 'list'.*'lists'"),
        ("segments: []", "segment: []", r"line 5: no key of audience named 'segment'; did you mean 'segments'\?"),
        ("name: Value gap\n", "", "`name:` is missing"),
        ("from: IMPALA <press@Impala.example>", "from: IMPALA", r"line 3: from: 'IMPALA' is no address"),
        (
            "from: IMPALA <press@Impala.example>",
            "from: Büro <büro@impala.example>",
            r"line 3: from: .* take ASCII letters",
        ),
        ("from: IMPALA <press@Impala.example>", "from: <a b@example.org>", r"line 3: from: .* not an address"),
        ("fallback: default", "fallback: none", r"line 7: fallback is 'default' or 'skip', not 'none'"),
        ("default_language: en", "default_language: anglish", "line 6: default_language: 'anglish' is not a language"),
        ("default_language: en", "default_language: en\ndefault_language: fr", "line 7: .*second time"),
        ("urgent: false", "urgent: maybe", "line 8: urgent: "),
        ("name: Value gap", "name: Value: gap", "line 2: this is not YAML"),
        ("[members, press]", "[member, press]", "mailing.yaml, line 5: no list named 'member'; did you mean 'members'"),
        ("segments: []", "segments: [brussels]", "no segment named 'brussels'"),
        ("mailings: []", "mailings: [last]", "no mailing named 'last'"),
        ("[annex.pdf]", "[anex.pdf]", "no file 'anex.pdf'"),
    ],
)
def test_what_is_wrong_in_mailing_yaml_is_said_with_its_line(folder: Path, old: str, new: str, message: str) -> None:
    assert old in YAML
    (folder / "mailing.yaml").write_text(YAML.replace(old, new))
    with pytest.raises(Refused, match=message):
        enter(folder)


@pytest.mark.usefixtures("lists")
@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("en.md", TEXT, "en.md, line 3: this is not YAML"),
        ("en.md", "Dear all", "en.md, line 1: begin with a line `---`"),
        ("en.md", "---\nsubject: x\n", "en.md, line 1: the front matter never ends"),
        ("en.md", "---\nsubjet: x\n---\n", "en.md, line 2: no key named 'subjet'; did you mean 'subject'"),
        ("en.md", "---\nsubject: x\nauthor:\n  nmae: y\n---\n", "line 4: no key of author named 'nmae'.*'name'"),
        ("en.md", b"\xff\xfe", "en.md: is not in UTF-8"),
        ("notes.md", "x", "notes.md: a text is named after its language"),
        ("EN.md", "---\nsubject: x\n---\n", "two files hold the text in en"),
        ("chart.png", b"GIF89a", "chart.png: this is no picture"),
        ("chart.png", b"", "chart.png: the file is empty"),
        ("chart.png", picture("BMP"), "chart.png: this is a BMP picture"),
        ("chart.png", picture()[:50], "chart.png: the picture is damaged or cut off"),
        ("chart.png", picture() + b"x" * 50_000_000, "chart.png: has more than 50,000,000 bytes"),
        ("annex.pdf", b"x" * 10_000_001, "the attachments have 10,000,001 bytes"),
    ],
)
def test_what_is_wrong_in_a_file_is_said(folder: Path, name: str, content: str | bytes, message: str) -> None:
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(Refused, match=message):
        enter(folder)


@pytest.mark.usefixtures("lists")
def test_a_folder_without_a_text_or_with_no_name_for_commands_is_refused(folder: Path, tmp_path: Path) -> None:
    odd = folder.rename(tmp_path / "Value gap")
    with pytest.raises(Refused, match="cannot be the name of a mailing"):
        enter(odd)
    bare = odd.rename(tmp_path / "value-gap")
    (bare / "en.md").unlink()
    (bare / "pt_br.md").unlink()
    with pytest.raises(Refused, match="there is no text"):
        enter(bare)
    (bare / "mailing.yaml").unlink()
    with pytest.raises(Refused, match="there is no such file"):
        enter(bare)
    with pytest.raises(Refused, match="there is no such folder"):
        enter(tmp_path / "nowhere")


@pytest.mark.usefixtures("lists")
def test_norwegian_is_a_language_and_times_are_texts(folder: Path) -> None:
    (folder / "mailing.yaml").write_text(YAML.replace("default_language: en", "default_language: no"))
    (folder / "no.md").write_text("---\nsubject: 12:30\nheadline: 2026-05-31\nauthor: {name: yes}\n---\nHei")
    enter(folder)
    with reading() as session:
        draft = session.scalars(select(Draft).where(Draft.language == "no")).one()
        assert draft.front == {"subject": "12:30", "headline": "2026-05-31", "author": {"name": "yes"}}


@pytest.mark.parametrize("name", ["value-gap", "fair-access"])
def test_the_demos_mailings_compile_and_their_text_has_every_link(database: str, name: str) -> None:
    content = Path(__file__).parents[2] / "cli" / "demo_content" / name
    reader = Recipient("anna@example.org", first_name="Anna", role="journalist", country="FR")
    values = context(reader, unsubscribe_url="https://mail.example/u/1?a=1&b=2", list_title="Press")
    with transaction() as session:
        for needed in read_mailing_file(content).audience.lists:
            create_list(session, needed, needed)
        editions = dict(compile_mailing(session, import_folder(session, content)))
    assert editions.keys() == {"en", "fr", "ar"}
    for language, edition in editions.items():
        rendered = environment(language).from_string(edition.html).render(values)
        text = environment(language).from_string(edition.text).render(values)
        links = {link.get("href", "") for link in lxml.html.document_fromstring(rendered).iter("a")}
        assert "https://mail.example/u/1?a=1&b=2" in links
        for link in links:
            plain = link.removeprefix("mailto:").removeprefix("tel:")
            assert plain in text or plain in text.replace(" ", ""), (language, link)
