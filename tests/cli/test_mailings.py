"""From a folder to a mailing that may be sent, on both databases."""

import csv
import email
import io
import json
from email.policy import default
from pathlib import Path

import pytest
from sqlalchemy import func, select

from config.database import reading
from mailer.ledger.models import Delivery
from subscribers.models import ConsentEvent
from tests.cli.speaking import Said, broadside
from tests.press import open_office, set_up, write_folder
from tests.receiver import Receiver, RefuseEvery
from tests.servers import free_port

PICTURE = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c49444154789c63606060000000040001f61738550000000049454e44ae426082"
)


@pytest.fixture
def folder(database: str, tmp_path: Path) -> Path:
    """An imported op-ed, `value-gap`, in English and French to ten people; one has left and one is suppressed."""
    open_office(10)
    folder = write_folder(tmp_path / "value-gap")
    broadside("mailing", "import", folder)
    broadside("subscribers", "unsubscribe", "reader1@example.org")
    broadside("subscribers", "suppress", "reader2@example.org")
    return folder


def rows(said: Said) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(said.out)))


def test_a_folder_is_imported_again_with_its_changes(folder: Path) -> None:
    (folder / "fr.md").unlink()
    assert "op-ed, en;" in broadside("mailing", "import", folder).out
    listed = broadside("mailing", "list", "--json").json["mailings"]
    assert [(one["mailing"], one["title"], one["kind"], one["state"]) for one in listed] == [
        ("value-gap", "Value gap", "op-ed", "draft")
    ]
    assert "value-gap" in broadside("mailing", "list").out


def test_check_tells_errors_by_its_status(folder: Path) -> None:
    assert "may be sent to 8 readers (en 5, fr 3)" in broadside("mailing", "check", "value-gap").out
    report = broadside("mailing", "check", "value-gap", "--json").json
    assert (report["ok"], report["recipients"]) == (True, 8)
    text = folder / "en.md"
    text.write_text(text.read_text().replace("first_name", "frist_name"))
    broadside("mailing", "import", folder)
    said = broadside("mailing", "check", "value-gap", status=1)
    assert "\nen.md\n  error line " in f"\n{said.out}"
    assert "no field named 'frist_name' [text]\n      did you mean 'first_name'?\n" in said.out
    said = broadside("mailing", "check", "value-gap", "--json", status=1)
    assert not said.json["ok"]
    places = {(one["file"], one["rule"], one["level"]) for one in said.json["findings"] if one["level"] == "error"}
    assert places == {("en.md", "text", "error")} and all(
        one["line"] for one in said.json["findings"] if one["rule"] == "text"
    )
    assert broadside("mailing", "check", "value-gap", "--at", "2020-01-01T09:00", status=2).err


def test_audience_names_everybody_and_the_reason_of_those_left_out(folder: Path) -> None:
    said = broadside("mailing", "audience", "value-gap", "--csv")
    assert said.out.splitlines()[0] == "email,language,list,reason"
    people = {row["email"]: (row["language"], row["list"], row["reason"]) for row in rows(said)}
    assert len(people) == 10
    assert people["reader1@example.org"][2] == "unsubscribed"
    assert people["reader2@example.org"][2] == "suppressed"
    assert people["reader3@example.org"] == ("fr", "members", "")
    shown = broadside("mailing", "audience", "value-gap").out
    assert "8 people would get it: en 5, fr 3" in shown
    assert "2 people would not" in shown


def test_preview_writes_each_edition(folder: Path, tmp_path: Path) -> None:
    (folder / "dot.png").write_bytes(PICTURE)
    text = folder / "en.md"
    text.write_text(text.read_text() + "\n![A dot](dot.png)\n")
    broadside("mailing", "import", folder)
    said = broadside("mailing", "preview", "value-gap", "--out", tmp_path / "out")
    paths = [Path(line) for line in said.out.splitlines()]
    assert sorted(path.name for path in paths) == ["en.eml", "en.html", "en.txt", "fr.eml", "fr.html", "fr.txt"]
    message = email.message_from_bytes((tmp_path / "out" / "en.eml").read_bytes(), policy=default)
    assert message["Subject"] == "Op-ed: a fair deal for everybody"
    document = (tmp_path / "out" / "en.html").read_text()
    assert "data:image/png;base64," in document, "a browser shows the picture"
    assert "cid:" not in document
    assert "Dear \N{FIRST STRONG ISOLATE}colleague" in (tmp_path / "out" / "en.txt").read_text()


def test_preview_as_somebody_is_their_edition_and_nobody_leaves_by_its_link(folder: Path, tmp_path: Path) -> None:
    from mailer.links import read_unsubscribe_token

    broadside("mailing", "preview", "value-gap", "--as", "reader3@example.org", "--out", tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"fr.eml", "fr.html", "fr.txt"}
    message = email.message_from_bytes((tmp_path / "out" / "fr.eml").read_bytes(), policy=default)
    assert "Łukasz" in message["Subject"]
    assert "reader3@example.org" in message["To"]
    link = message["List-Unsubscribe"].strip("<>").split(">")[0]
    token = read_unsubscribe_token(link.rpartition("/")[2])
    assert token is not None, "the link is a real one"
    assert set(token.subscriber_public_id) == {"0"}, "and nobody's"


def test_preview_in_a_language(folder: Path, tmp_path: Path) -> None:
    words = ("mailing", "preview", "value-gap", "--out", tmp_path / "out", "--language")
    assert [Path(line).name for line in broadside(*words, "fr").out.splitlines()] == ["fr.html", "fr.txt", "fr.eml"]
    assert "did you mean 'fr'?" in broadside(*words, "fra", status=1).err
    assert broadside("mailing", "preview", "value-gap", "--as", "nobody@example.org", status=1).err


def test_a_test_mail_is_one_message_that_leaves_no_trace(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with reading() as session:
        before = session.scalar(select(func.count()).select_from(ConsentEvent))
    with Receiver() as receiver:
        set_up(monkeypatch, smtp_url=f"smtp://127.0.0.1:{receiver.port}?tls=none")
        said = broadside("mailing", "test", "value-gap", "--to", "chief@example.org")
        assert "250" in said.out
        broadside("mailing", "test", "value-gap", "--to", "reader3@example.org")
        broadside("mailing", "test", "value-gap", "--to", "chief@example.org", "--language", "fr")
    messages = [email.message_from_bytes(one.content, policy=default) for one in receiver.messages]
    assert [one.rcpt for one in receiver.messages] == ["chief@example.org", "reader3@example.org", "chief@example.org"]
    assert [message["Subject"] for message in messages] == [
        "[Test] Op-ed: a fair deal for everybody",
        "[Test] Tribune : un partage équitable pour Łukasz",
        "[Test] Tribune : un partage équitable pour tous",
    ]
    assert len({message["Message-ID"] for message in messages}) == 3
    with reading() as session:
        assert session.scalar(select(func.count()).select_from(Delivery)) == 0
        assert session.scalar(select(func.count()).select_from(ConsentEvent)) == before
    assert broadside("mailing", "report", "value-gap", "--json").json["state"] == "draft"


def test_a_test_mail_says_why_it_did_not_go(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Receiver(RefuseEvery(1, 600, "550 5.1.1 no such user")) as receiver:
        set_up(monkeypatch, smtp_url=f"smtp://127.0.0.1:{receiver.port}?tls=none")
        assert (
            "550 5.1.1 no such user"
            in broadside("mailing", "test", "value-gap", "--to", "chief7@example.org", status=1).err
        )
        assert "suppressed" in broadside("mailing", "test", "value-gap", "--to", "reader2@example.org", status=1).err
    assert not receiver.messages
    port = free_port()
    set_up(monkeypatch, smtp_url=f"smtp://127.0.0.1:{port}?tls=none")
    said = broadside("mailing", "test", "value-gap", "--to", "chief@example.org", status=1)
    assert f"127.0.0.1:{port}" in said.err
    assert said.err.count("\n") == 1


def test_a_test_mail_goes_by_the_relay_that_answers(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Receiver() as receiver:
        urls = f"smtp://127.0.0.1:{free_port()}?tls=none smtp://127.0.0.1:{receiver.port}?tls=none"
        set_up(monkeypatch, smtp_url=urls)
        broadside("mailing", "test", "value-gap", "--to", "chief@example.org")
    assert len(receiver.messages) == 1


def test_unknown_mailings_are_met_with_the_nearest(folder: Path) -> None:
    for words in (
        ["check"], ["audience"], ["preview"], ["test", "--to", "a@example.org"], ["send"], ["pause"], ["resume"],
        ["cancel"], ["retry", "--state", "failed"], ["report"], ["deliveries"],
    ):  # fmt: skip
        command, *options = words
        said = broadside("mailing", command, "value-gpa", *options, status=1)
        assert "did you mean 'value-gap'?" in said.err
        assert not said.out


def test_a_draft_has_an_empty_report(folder: Path) -> None:
    assert broadside("mailing", "report", "value-gap", "--json").json == {
        "mailing": "value-gap", "state": "draft", "send_at": "", "pause_reason": "",
        "recipients": 0, "deliveries": {}, "skipped": {},
    }  # fmt: skip
    assert broadside("mailing", "deliveries", "value-gap", "--json").json == {"deliveries": []}
    assert json.loads(broadside("mailing", "deliveries", "value-gap", "--json").out)
