"""Dates and times of front matters, read from how authors write them and put into words as a language has them."""

import re
from collections.abc import Callable
from datetime import date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale
from babel.dates import format_date, format_interval, format_time, get_datetime_format, get_timezone_location

from mailer.render.filters import locale_of

_WRITTEN = re.compile(
    r"(?P<moment>\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?)?)(?:[ ]+(?P<zone>[A-Za-z]+(?:[/_+-]\w+)*))?"
)

_TO = " \N{EN DASH} "


def read_moment(text: str) -> date:
    """The date, or the datetime, that `2027-03-04`, `2027-03-04T09:00` or `2027-03-04T09:00 Europe/Brussels` names.

    Aware only where it names a zone. Raises ValueError, in words, for anything else.
    """
    found = _WRITTEN.fullmatch(text.strip())
    if not found:
        raise ValueError(f"{text!r} is no date; write it like 2027-03-04, or 2027-03-04T09:00 Europe/Brussels")
    moment = found["moment"].replace(" ", "T")
    try:
        if "T" not in moment:
            return date.fromisoformat(moment)
        read = datetime.fromisoformat(moment)
    except ValueError:
        raise ValueError(f"{text!r} is no date that there is; look at day, month and time") from None
    return read.replace(tzinfo=read_zone(found["zone"])) if found["zone"] else read


def read_zone(name: str) -> ZoneInfo:
    """The time zone of that name. Raises ValueError, in words."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"there is no time zone {name!r}; name one by its city, like Europe/Brussels") from None


def in_words(moment: date, language: str) -> str:
    """`Thursday, 4 March 2027`, and with a time `Thursday, 4 March 2027, 09:00 (Brussels)`."""
    locale = locale_of(language)
    if not isinstance(moment, datetime):
        return format_date(moment, "full", locale=locale)
    return _with_city(_joined(moment, format_time(moment, "short", locale=locale), locale), moment, locale)


def span_in_words(starts: date, ends: date, language: str) -> str:
    """From `starts` to `ends`, both dates or both aware datetimes; a day is named once, and so is the city."""
    locale = locale_of(language)
    if not isinstance(starts, datetime) or not isinstance(ends, datetime):
        first, last = (format_date(day, "full", locale=locale) for day in (starts, ends))
        return first if first == last else _TO.join((first, last))
    if starts.date() == ends.date():
        skeleton = "hm" if "h" in locale.time_formats["short"].pattern else "Hm"
        # Naive, because the interval's own zone would be UTC.
        hours = format_interval(starts.replace(tzinfo=None), ends.replace(tzinfo=None), skeleton, locale=locale)
        return _with_city(_joined(starts, hours, locale), starts, locale)
    first, last = (_joined(one, format_time(one, "short", locale=locale), locale) for one in (starts, ends))
    return _with_city(_TO.join((first, last)), starts, locale)


def elsewhere(language: str) -> Callable[[object, str, str, str], str]:
    """The filter `time_zone|elsewhere(starts, ends, zone)` for editions in `language`.

    An event's time as the clocks of the reader's zone have it; empty where these show the same as those of the event,
    and where the reader's zone is not known.
    """

    @lru_cache(maxsize=1024)
    def words(time_zone: object, starts: str, ends: str, zone: str) -> str:
        try:
            theirs = read_zone(str(time_zone))
        except ValueError:
            return ""
        ours = read_zone(zone)
        begin, end = (datetime.fromisoformat(moment).replace(tzinfo=ours) for moment in (starts, ends))
        if begin.utcoffset() == begin.astimezone(theirs).utcoffset():
            return ""
        return span_in_words(begin.astimezone(theirs), end.astimezone(theirs), language)

    return words


def _joined(moment: datetime, time: str, locale: Locale) -> str:
    pattern = str(get_datetime_format("medium", locale=locale))
    return pattern.replace("'", "").format(time, format_date(moment, "full", locale=locale))


def _with_city(words: str, moment: datetime, locale: Locale) -> str:
    if not isinstance(moment.tzinfo, ZoneInfo):
        return words
    return f"{words} ({get_timezone_location(moment.tzinfo, locale=locale, return_city=True)})"
