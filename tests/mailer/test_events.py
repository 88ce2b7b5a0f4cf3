"""Mails about one event: its calendar entry keeps its name, and the number of its mails grows."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from icalendar import Calendar
from sqlalchemy import select

from config.database import transaction
from mailer.editions import compile_mailing
from mailer.folder import import_folder
from mailer.models import Mailing
from subscribers.lists import create_list

YAML = """\
kind: invitation
name: Evening
from: IMPALA <press@impala.example>
audience: {lists: [press]}
default_language: en
fields:
  event: {name: evening, starts: 2027-04-15T18:30, ends: 2027-04-15T20:30, zone: Europe/Brussels, place: Here}
"""
TEXT = """\
---
subject: Come
headline: Come
event: {title: Evening, place: There}
---
Come.
"""


def entry(folder: Path, yaml: str = YAML) -> tuple[str, int, str, str, bool]:
    """(UID, SEQUENCE, METHOD, LOCATION, whether the text speaks of a change) of the folder, imported as it is now."""
    folder.mkdir(exist_ok=True)
    (folder / "mailing.yaml").write_text(yaml)
    (folder / "en.md").write_text(TEXT)
    with transaction() as session:
        mailing = import_folder(session, folder)
        [(_, edition)] = compile_mailing(session, mailing)
    assert edition.calendar
    calendar = Calendar.from_ical(edition.calendar.source)
    [event] = calendar.walk("VEVENT")
    changed = "have changed" in edition.text
    return str(event["UID"]), int(event["SEQUENCE"]), str(calendar["METHOD"]), str(event["LOCATION"]), changed


def sent(name: str, at: datetime) -> None:
    with transaction() as session:
        session.scalars(select(Mailing).where(Mailing.name == name)).one().started_at = at


def test_each_mail_about_an_event_is_the_next_one(database: str, tmp_path: Path) -> None:
    with transaction() as session:
        create_list(session, "press", "Press")
    now = datetime(2027, 1, 1, tzinfo=UTC)
    first = ("evening@impala.example", 0, "REQUEST", "There", False)
    assert entry(tmp_path / "one") == entry(tmp_path / "one") == first, "again with each import"
    assert entry(tmp_path / "two") == first, "the first was never sent"
    sent("one", now)
    assert entry(tmp_path / "two") == ("evening@impala.example", 1, "REQUEST", "There", True)
    sent("two", now + timedelta(days=1))
    cancelled = YAML.replace("{name: evening,", "{name: evening, cancelled: true,")
    assert entry(tmp_path / "three", cancelled) == ("evening@impala.example", 2, "CANCEL", "There", False)
    other = YAML.replace("{name: evening,", "{name: morning,")
    assert entry(tmp_path / "four", other) == ("morning@impala.example", 0, "REQUEST", "There", False)
    with transaction() as session:
        mailing = session.scalars(select(Mailing).where(Mailing.name == "one")).one()
        [(_, edition)] = compile_mailing(session, mailing)
    assert edition.calendar and "\nSEQUENCE:0\n" in edition.calendar.source, "what was sent stays what it was"
