"""The relays: which there are, which answer, and which a batch goes through."""

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from config.database import database_time, in_seconds, transaction
from config.log import scrub
from config.settings import RelayUrl, settings
from mailer import rates
from mailer.models import Relay

LONGEST_DOWN = 300.0
"""Seconds: the longest that a relay is left alone after failures."""


@dataclass(frozen=True, slots=True)
class Route:
    """A relay to send a batch through."""

    id: int
    url: RelayUrl
    size_limit: int | None = field(default=None, compare=False)
    """What we know of the size it takes."""
    failed_before: bool = field(default=False, compare=False)
    """It was down, and this is the next try."""


@dataclass(frozen=True, slots=True)
class AllDown:
    """No relay takes mail now."""

    until: datetime
    """When one is tried again."""
    error: str
    """What that one said last."""


@dataclass(frozen=True, slots=True)
class Limit:
    """The relay that takes the smallest messages."""

    name: str
    limit: int
    """Octets."""


def pick(session: Session, turn: int) -> Route | AllDown:
    """A relay that is not down, taking turns among those that may get mail just now."""
    rows = {relay.name: relay for relay in session.scalars(select(Relay))}
    configured: list[tuple[Relay, RelayUrl]] = []
    for url in settings().relays:
        if url.name not in rows:
            with suppress(IntegrityError), session.begin_nested():  # another worker may make it in this moment
                session.add(Relay(name=url.name, failures=0, last_error=""))
            rows[url.name] = session.scalars(select(Relay).where(Relay.name == url.name)).one()
        configured.append((rows[url.name], url))
    up = [
        Route(relay.id, url, relay.size_limit, bool(relay.failures))
        for relay, url in configured
        if not _is_down(relay, database_time(session))
    ]
    if up:
        free = [route for route in up if not rates.spent(route.url)] or up
        return free[turn % len(free)]
    down = [AllDown(relay.down_until, relay.last_error) for relay, _ in configured if relay.down_until]
    return min(down, key=attrgetter("until"))


def _is_down(relay: Relay, now: datetime) -> bool:
    """Whether it is left alone still; until later than ever only says that the clock was put back since."""
    return relay.down_until is not None and now < relay.down_until <= in_seconds(now, LONGEST_DOWN)


def all_spent() -> bool:
    """Whether every relay that is not down may get next to nothing just now, for its limit of messages a second."""
    if all(url.per_second is None for url in settings().relays):
        return False
    with transaction() as session:
        route = pick(session, 0)
    return isinstance(route, Route) and rates.spent(route.url)


def mark_down(session: Session, relay_id: int, error: str) -> Relay:
    """Note that a relay could not be used; it is left alone for a while, twice as long each time.

    Several processes that meet the same failure count as one: who comes while it is left alone adds nothing.
    """
    relay = session.get_one(Relay, relay_id, with_for_update=True)
    now = database_time(session)
    if _is_down(relay, now):
        return relay
    wait = min(LONGEST_DOWN, settings().deferral_seconds * 2 ** min(relay.failures, 12))
    relay.failures += 1
    relay.down_until = in_seconds(now, wait)
    relay.last_error = scrub(error)[:500]
    return relay


def mark_up(session: Session, relay_id: int) -> None:
    """Note that a relay works."""
    relay = session.get_one(Relay, relay_id)
    if relay.failures:
        relay.failures, relay.down_until, relay.last_error = 0, None, ""


def note_size(session: Session, route: Route, size_limit: int | None) -> None:
    """Remember what a relay said of the size it takes, where that is news."""
    if size_limit is not None and size_limit != route.size_limit:
        session.get_one(Relay, route.id).size_limit = size_limit


def smallest(session: Session) -> Limit | None:
    """Of the relays in the settings, the one that takes the smallest messages, as far as they have said."""
    names = [url.name for url in settings().relays]
    row = session.execute(
        select(Relay.name, Relay.size_limit)
        .where(Relay.name.in_(names), Relay.size_limit > 0)
        .order_by(Relay.size_limit, Relay.name)
        .limit(1)
    ).first()
    return Limit(row.name, row.size_limit) if row else None


def troubles(session: Session) -> list[str]:
    """What each relay of the settings that could not be used at the last try said; each names its relay."""
    names = [url.name for url in settings().relays]
    rows = session.scalars(select(Relay).where(Relay.name.in_(names), Relay.failures > 0).order_by(Relay.name))
    return [relay.last_error for relay in rows]
