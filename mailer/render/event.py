"""An event: a group of the front matter that the mail says in words and carries for calendars (RFC 5545, 5546, 6047).

The calendar part is a REQUEST to one attendee, the reader, because only that is entered, moved and taken out again
by what people read mail with; a cancelled event is a CANCEL. It is the same text for everybody but for one line.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal

import icalendar

from mailer.plan.compiled import CalendarPart
from mailer.plan.domains import ascii_domain
from mailer.plan.headers import split_mailbox
from mailer.render.grammar import quoted
from mailer.render.moments import read_moment, read_zone, span_in_words
from mailer.render.personal import VARIABLE

_IDENTIFIER = "-//Broadside//Press office//EN"
_ATTENDEE = (
    "ATTENDEE;CUTYPE=INDIVIDUAL;ROLE=REQ-PARTICIPANT;PARTSTAT=NEEDS-ACTION;\n"
    f" RSVP=TRUE:mailto:\n {VARIABLE[0]}email|in_calendar{VARIABLE[1]}\n"
)
_BEGIN = "BEGIN:VEVENT\n"


@dataclass(frozen=True)
class Revision:
    """Which of the mails about an event this is: 0 is the first; `at` is when it came to be."""

    number: int = 0
    at: datetime = datetime(2000, 1, 1, tzinfo=UTC)


class BadEvent(ValueError):
    """A field of an event that is wrong, and why."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(problem)
        self.field = field


@dataclass(frozen=True)
class Event:
    """When and where; `starts` and `ends` are both dates (`ends` is the last day) or both datetimes in `zone`."""

    name: str
    title: str
    starts: date
    ends: date
    zone: str
    place: str = ""
    address: str = ""
    online: str = ""
    cancelled: bool = False

    def when(self, language: str) -> str:
        """In words, in the event's own zone."""
        return span_in_words(self.starts, self.ends, language)

    @property
    def elsewhere(self) -> str:
        """The source of the recipient's level that says the same in the reader's zone, or says nothing."""
        if not isinstance(self.starts, datetime) or not isinstance(self.ends, datetime):
            return '""'
        moments = (moment.replace(tzinfo=None).isoformat() for moment in (self.starts, self.ends))
        return f"(time_zone|elsewhere({', '.join(map(quoted, (*moments, self.zone)))}))"

    def calendar(self, *, organiser: str, revision: Revision) -> CalendarPart:
        """What calendars read. `organiser` (`Name <address>`) is who answers go to, its domain names the event."""
        method: Literal["REQUEST", "CANCEL"] = "CANCEL" if self.cancelled else "REQUEST"
        name, address = split_mailbox(organiser)
        entry = icalendar.Event()
        entry.add("uid", f"{self.name}@{ascii_domain(address.rpartition('@')[2])}")
        entry.add("sequence", revision.number)
        entry.add("dtstamp", revision.at.astimezone(UTC).replace(microsecond=0))
        entry.add("dtstart", self.starts)
        # The end of whole days is the first day after them (RFC 5545, section 3.6.1).
        entry.add("dtend", self.ends if isinstance(self.ends, datetime) else self.ends + timedelta(days=1))
        entry.add("summary", self.title)
        where = ", ".join(part for part in (self.place, self.address) if part) or self.online
        if where:
            entry.add("location", where)
        if self.online and not self.cancelled:
            entry.add("url", self.online)
        entry.add("status", "CANCELLED" if self.cancelled else "CONFIRMED")
        entry.add("organizer", f"mailto:{address}", parameters={"CN": name} if name else {})
        calendar = icalendar.Calendar()
        calendar.add("prodid", _IDENTIFIER)
        calendar.add("version", "2.0")
        calendar.add("method", method)
        calendar.add_component(entry)
        # Whole years: some calendars look for both changes of the clock.
        calendar.add_missing_timezones(date(self.starts.year, 1, 1), date(self.ends.year, 12, 31))
        written = calendar.to_ical().decode().replace("\r\n", "\n")
        return CalendarPart(method=method, source=written.replace(_BEGIN, _BEGIN + _ATTENDEE, 1))


def read_event(fields: Mapping[str, str]) -> Event:
    """The event that the fields of its group name. Raises BadEvent."""
    moments = []
    for field in ("starts", "ends"):
        try:
            moments.append(read_moment(fields[field]))
        except ValueError as error:
            raise BadEvent(field, str(error)) from None
    starts, ends = moments
    zone = ""
    if isinstance(starts, datetime) != isinstance(ends, datetime):
        raise BadEvent("ends", "an event begins and ends with a time, or neither with one")
    if isinstance(starts, datetime) and isinstance(ends, datetime):
        if starts.tzinfo or ends.tzinfo:
            raise BadEvent("starts", "the zone of an event stands under `zone:`, once")
        zone = fields["zone"]
        if not zone:
            raise BadEvent("zone", "this is missing; name the event's time zone by its city, like Europe/Brussels")
        try:
            starts, ends = (moment.replace(tzinfo=read_zone(zone)) for moment in (starts, ends))
        except ValueError as error:
            raise BadEvent("zone", str(error)) from None
    if ends < starts:
        raise BadEvent("ends", "the event ends before it begins")
    return Event(
        name=fields["name"],
        title=fields["title"],
        starts=starts,
        ends=ends,
        zone=zone,
        place=fields["place"],
        address=fields["address"],
        online=fields["online"],
        cancelled=fields["cancelled"] == "true",
    )
