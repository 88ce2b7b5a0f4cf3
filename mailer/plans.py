"""The message plans that a process works with."""

import os
from time import monotonic

from sqlalchemy import select

from config.database import reading
from config.errors import Refused
from config.settings import settings
from mailer.models import Edition, Media
from mailer.plan.compiled import CompiledEdition
from mailer.plan.headers import BadValue
from mailer.plan.message import MessagePlan

KEPT = 60.0
"""Seconds for which a plan that nobody uses is kept: with its pictures and attachments it may be large."""
_plans: dict[tuple[int, str, int], tuple[float, MessagePlan]] = {}
"""By process, as a child after a fork makes its own, and database."""


def plan_of(edition_id: int) -> MessagePlan:
    """The plan of an edition, which never changes: built when this process first needs it, kept while it does.

    Raises Refused for an edition that nobody can get: one of its files is missing, or its sender is no address.
    """
    now = monotonic()
    for key in [key for key, (used, _) in _plans.items() if now - used > KEPT]:
        del _plans[key]
    key = os.getpid(), settings().database, edition_id
    plan = _plans[key][1] if key in _plans else _build(edition_id)
    _plans[key] = now, plan
    return plan


def _build(edition_id: int) -> MessagePlan:
    with reading() as session:
        compiled = CompiledEdition.model_validate(session.get_one(Edition, edition_id).compiled)
        wanted = [media.hash for media in (*compiled.pictures, *compiled.attachments)]
        media = {row.hash: row.content for row in session.scalars(select(Media).where(Media.hash.in_(wanted)))}
    try:
        return MessagePlan(compiled, media)
    except BadValue as error:
        raise Refused(f"the From or Reply-To of the {compiled.language} edition is wrong: {error}") from None
