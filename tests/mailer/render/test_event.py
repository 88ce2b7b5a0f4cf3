# ruff: noqa: RUF001 -- dates and quotations as their languages write them
"""An event as calendars read it: what the library writes is read back by the library."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from icalendar import Calendar, Component

from mailer.recipient import Recipient
from mailer.render import personal
from mailer.render.event import BadEvent, Event, Revision, read_event
from mailer.render.moments import in_words, read_moment, span_in_words

FIELDS = {
    "name": "spring",
    "title": "Spring; meeting, with a very long title that has to be folded: Frühjahrsversammlung",
    "starts": "2027-03-18T18:30",
    "ends": "2027-03-18T20:00",
    "zone": "Europe/Brussels",
    "place": "Coudenberg 70",
    "address": "1000 Brussels",
    "map": "",
    "online": "https://impala.example/live",
    "cancelled": "false",
}
FIRST, SECOND = (Revision(number, datetime(2027, 1, 1 + number, 9, tzinfo=UTC)) for number in (0, 1))


def calendar(event: Event, revision: Revision = FIRST, address: str = "zoe@label.example") -> Calendar:
    part = event.calendar(organiser="IMPALA <press@Müsik.example>", revision=revision)
    values = personal.context(Recipient(address), unsubscribe_url="https://x.example", list_title="L")
    written = personal.environment("en").from_string(part.source).render(values)
    assert all(len(line.encode()) <= 75 for line in written.split("\n"))
    read = Calendar.from_ical(written.replace("\n", "\r\n"))
    assert str(read["METHOD"]) == part.method
    return read  # type: ignore[return-value]


def entry(read: Calendar) -> Component:
    [found] = read.walk("VEVENT")
    assert not found.errors
    return found


def test_what_is_written_is_read_back() -> None:
    read = calendar(read_event(FIELDS))
    found = entry(read)
    assert str(read["METHOD"]) == "REQUEST"
    assert str(found["UID"]) == "spring@xn--msik-0ra.example"
    assert str(found["SUMMARY"]) == FIELDS["title"]
    assert found.decoded("DTSTART") == datetime(2027, 3, 18, 18, 30, tzinfo=ZoneInfo("Europe/Brussels"))
    assert found.decoded("DTEND") == datetime(2027, 3, 18, 20, tzinfo=ZoneInfo("Europe/Brussels"))
    assert found["DTSTART"].params["TZID"] == "Europe/Brussels"
    assert found.decoded("DTSTAMP") == FIRST.at
    assert str(found["LOCATION"]) == "Coudenberg 70, 1000 Brussels"
    assert str(found["ORGANIZER"]) == "mailto:press@Müsik.example" and found["ORGANIZER"].params["CN"] == "IMPALA"
    [zone] = read.walk("VTIMEZONE")
    assert str(zone["TZID"]) == "Europe/Brussels" and {part.name for part in zone.subcomponents} == {
        "STANDARD",
        "DAYLIGHT",
    }


@pytest.mark.parametrize(
    ("address", "uri"),
    [
        ("zoe@label.example", "mailto:zoe@label.example"),
        ("o'brien+x@label.example", "mailto:o'brien+x@label.example"),
        (f"{'long.' * 12}name@{'sub.' * 20}example", f"mailto:{'long.' * 12}name@{'sub.' * 20}example"),
        ("zoë?a=b%41@label.example", "mailto:zo%C3%AB%3Fa%3Db%2541@label.example"),
        ("a;b:c,d@label.example", "mailto:a%3Bb%3Ac%2Cd@label.example"),
    ],
)
def test_the_reader_is_its_one_attendee(address: str, uri: str) -> None:
    attendee = entry(calendar(read_event(FIELDS), address=address))["ATTENDEE"]
    assert str(attendee).replace("%3D", "=") == uri.replace("%3D", "=")
    assert attendee.params["PARTSTAT"] == "NEEDS-ACTION" and attendee.params["RSVP"] == "TRUE"


def test_a_change_is_the_same_event_with_a_higher_number_and_a_cancellation_takes_it_out() -> None:
    first = entry(calendar(read_event(FIELDS)))
    moved = entry(calendar(read_event({**FIELDS, "starts": "2027-03-18T19:00"}), SECOND))
    ended = calendar(read_event({**FIELDS, "cancelled": "true"}), Revision(2))
    assert first["UID"] == moved["UID"] == entry(ended)["UID"]
    assert [int(one["SEQUENCE"]) for one in (first, moved, entry(ended))] == [0, 1, 2]
    assert moved.decoded("DTSTAMP") > first.decoded("DTSTAMP")
    assert str(ended["METHOD"]) == "CANCEL" and str(entry(ended)["STATUS"]) == "CANCELLED"
    assert "URL" in first and "URL" not in entry(ended)


def test_whole_days_end_on_the_day_after_the_last() -> None:
    event = read_event({**FIELDS, "starts": "2027-03-18", "ends": "2027-03-19", "zone": ""})
    found = entry(calendar(event))
    assert (found.decoded("DTSTART"), found.decoded("DTEND")) == (date(2027, 3, 18), date(2027, 3, 20))
    assert event.when("en") == "Thursday, 18 March 2027 – Friday, 19 March 2027"
    assert event.elsewhere == '""'


@pytest.mark.parametrize(
    ("changes", "field", "problem"),
    [
        ({"starts": "18 March"}, "starts", "write it like"),
        ({"ends": "2027-03-18"}, "ends", "neither"),
        ({"ends": "2027-03-18T18:00"}, "ends", "before it begins"),
        ({"zone": ""}, "zone", "missing"),
        ({"zone": "Brussels"}, "zone", "Europe/Brussels"),
        ({"zone": "../x"}, "zone", "no time zone"),
        ({"starts": "2027-03-18T18:30 Europe/Paris"}, "starts", "once"),
    ],
)
def test_what_is_no_event(changes: dict[str, str], field: str, problem: str) -> None:
    with pytest.raises(BadEvent, match=problem) as refused:
        read_event({**FIELDS, **changes})
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("written", "language", "words"),
    [
        ("2027-03-04", "en", "Thursday, 4 March 2027"),
        ("2027-03-04T09:00", "de", "Donnerstag, 4. März 2027, 09:00"),
        ("2027-03-04 09:00 Europe/Warsaw", "pl", "czwartek, 4 marca 2027, 09:00 (Warszawa)"),
        ("2027-03-04T21:00 Europe/Athens", "el", "Πέμπτη 4 Μαρτίου 2027, 9:00 μ.μ. (Αθήνα)"),
    ],
)
def test_a_moment_in_words(written: str, language: str, words: str) -> None:
    assert in_words(read_moment(written), language).replace("\u202f", " ") == words


def test_a_span_over_midnight_names_both_days() -> None:
    starts, ends = (read_moment(f"2027-03-{day}:00 Europe/Brussels") for day in ("18T22", "19T02"))
    words = span_in_words(starts, ends, "en")
    assert words == "Thursday, 18 March 2027, 22:00 – Friday, 19 March 2027, 02:00 (Brussels)"
