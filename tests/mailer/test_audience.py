"""Who is in an audience, who is left out and why: the same before the freeze and in it, on both databases."""

import json
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import delete, select, update

from config.database import reading, transaction
from config.errors import Refused, Unknown
from mailer import control
from mailer.audience import audience, candidates
from mailer.freeze import freeze
from mailer.ledger.models import Delivery
from mailer.models import Edition, Mailing
from subscribers.lists import archive, create_list, find_list
from subscribers.models import List, Reason, Standing, Subscriber, Subscription
from subscribers.segments import save_segment
from subscribers.suppression import suppress
from tests.press import MAILING, mailing_state, open_office, send_mailing, write_folder

HEAD = MAILING.replace("audience: {lists: [members, press]}\n", "")


def folder_for(tmp_path: Path, name: str = "value-gap", more: str = "", **audience: object) -> Path:
    return write_folder(tmp_path / name, mailing_yaml=f"{HEAD}{more}audience: {json.dumps(audience)}\n")


def reader(number: int) -> str:
    return f"reader{number}@example.org"


def told(mailing_id: int) -> dict[str, tuple[str | None, str | None, str | None]]:
    """{address: (list, reason, language)} as it would be now, which the freeze then has to agree with."""
    with reading() as session:
        names = {row.id: row.name for row in session.scalars(select(List))}
        mailing = session.get_one(Mailing, mailing_id)
        before = {
            one.recipient.email: (
                names[one.list_id or 0] if one.list_id else None,
                one.reason and str(one.reason),
                one.language,
            )
            for one in candidates(session, mailing)
        }
    freeze(mailing_id)
    with reading() as session:
        rows = session.execute(
            select(Subscriber.email, Delivery.list_id, Delivery.reason, Edition.language, Delivery.seq, Delivery.state)
            .join(Subscriber, Subscriber.id == Delivery.subscriber_id)
            .outerjoin(Edition, Edition.id == Delivery.edition_id)
            .where(Delivery.mailing_id == mailing_id)
        ).all()
    frozen = {row.email: (names.get(row.list_id), row.reason, row.language) for row in rows}
    assert {email: row[:2] for email, row in frozen.items()} == {email: row[:2] for email, row in before.items()}
    assert all(frozen[email][2] == language for email, (_, reason, language) in before.items() if reason is None)
    reached = sorted(row.seq for row in rows if row.state == "queued")
    assert reached == list(range(1, len(reached) + 1))
    return before


def set_standing(email: str, name: str, standing: Standing) -> None:
    with transaction() as session:
        session.execute(
            update(Subscription)
            .where(
                Subscription.subscriber_id == select(Subscriber.id).where(Subscriber.email == email).scalar_subquery(),
                Subscription.list_id == select(List.id).where(List.name == name).scalar_subquery(),
            )
            .values(standing=standing)
        )


def test_each_reason_is_written_down(database: str, tmp_path: Path) -> None:
    open_office(12)
    set_standing(reader(1), "members", Standing.unsubscribed)
    set_standing(reader(2), "members", Standing.pending)
    set_standing(reader(5), "members", Standing.unsubscribed)  # a journalist: the press list still reaches them
    with transaction() as session:
        suppress(session, reader(3), Reason.hard_bounce, source="test")
        suppress(session, reader(4), Reason.objection, "campaigns", source="test")  # another purpose
    found = told(send_mailing(folder_for(tmp_path, lists=["members", "press"])))
    assert len(found) == 12
    assert found[reader(1)] == ("members", "unsubscribed", "en")
    assert found[reader(2)] == ("members", "no valid basis", "en")
    assert found[reader(3)] == ("members", "suppressed", "fr")
    assert found[reader(4)] == ("members", None, "en")
    assert found[reader(5)] == ("press", None, "en")
    assert found[reader(6)] == ("members", None, "fr")
    assert found[reader(10)] == ("members", None, "en")


def test_the_first_list_named_is_the_one_that_serves(database: str, tmp_path: Path) -> None:
    open_office(10)
    found = told(send_mailing(folder_for(tmp_path, lists=["press", "members"])))
    assert Counter(name for name, _, _ in found.values()) == {"press": 2, "members": 8}


def test_segments_add_people_with_any_subscription_and_no_others(database: str, tmp_path: Path) -> None:
    open_office(12)
    with transaction() as session:
        save_segment(session, "french", {"language": "fr"})
        session.execute(
            delete(Subscription).where(
                Subscription.subscriber_id
                == select(Subscriber.id).where(Subscriber.email == reader(3)).scalar_subquery()
            )
        )
    found = told(send_mailing(folder_for(tmp_path, segments=["french"])))
    assert set(found) == {reader(number) for number in (3, 6, 9, 12)}
    assert found[reader(3)][1] == "no valid basis"
    assert found[reader(6)] == ("members", None, "fr")


def test_exclusions_are_not_in_the_audience_at_all(database: str, tmp_path: Path) -> None:
    open_office(10)
    first = send_mailing(folder_for(tmp_path, "first", lists=["press"]))
    assert set(told(first)) == {reader(5), reader(10)}
    exclude = {"lists": [], "mailings": ["first"]}
    assert len(told(send_mailing(folder_for(tmp_path, "second", lists=["members"], exclude=exclude)))) == 8
    exclude = {"lists": ["press"], "mailings": []}
    assert len(told(send_mailing(folder_for(tmp_path, "third", lists=["members"], exclude=exclude)))) == 8


def test_who_reads_none_of_the_languages_gets_the_default_or_nothing(database: str, tmp_path: Path) -> None:
    open_office(6)
    with transaction() as session:
        session.execute(update(Subscriber).where(Subscriber.email == reader(1)).values(languages=("el",), country="GR"))
        session.execute(update(Subscriber).where(Subscriber.email == reader(2)).values(languages=("el",), country="FR"))
    found = told(send_mailing(folder_for(tmp_path, "one", lists=["members"])))
    assert (found[reader(1)], found[reader(2)]) == (("members", None, "en"), ("members", None, "fr"))
    found = told(send_mailing(folder_for(tmp_path, "two", "fallback: skip\n", lists=["members"])))
    assert found[reader(1)] == ("members", "no edition", None)
    assert found[reader(2)] == ("members", None, "fr")


def test_a_list_that_is_gone_sends_the_mailing_back(database: str, tmp_path: Path) -> None:
    open_office(3)
    with transaction() as session:
        create_list(session, "policy", "Policy")
    mailing_id = send_mailing(folder_for(tmp_path, lists=["policy"]))
    with transaction() as session:
        session.execute(update(List).where(List.name == "policy").values(name="politics"))
    with reading() as session, pytest.raises(Unknown, match="did you mean 'politics'"):
        audience(session, session.get_one(Mailing, mailing_id))
    assert freeze(mailing_id) is None
    assert mailing_state(mailing_id) == "draft"
    with reading() as session:
        assert "politics" in session.get_one(Mailing, mailing_id).pause_reason
    with transaction() as session:
        control.send(session, session.get_one(Mailing, mailing_id))
        assert not session.get_one(Mailing, mailing_id).pause_reason, "it is corrected, and sent again"


def test_freezing_twice_makes_one_delivery_a_person(database: str, tmp_path: Path) -> None:
    open_office(7)
    mailing_id = send_mailing(folder_for(tmp_path, lists=["members"]))
    assert freeze(mailing_id) == 1
    assert freeze(mailing_id) is None
    with reading() as session:
        assert len(session.scalars(select(Delivery.seq)).all()) == 7


def test_an_archived_list_is_in_no_new_audience(database: str, tmp_path: Path) -> None:
    open_office(10)
    archived = send_mailing(folder_for(tmp_path, lists=["members", "press"]))
    with transaction() as session:
        archive(session, "press")
        save_segment(session, "everybody", {"field": "email", "contains": "@"})
    with reading() as session, pytest.raises(Refused, match="the list 'press' is archived"):
        audience(session, session.get_one(Mailing, archived))
    freeze(archived)
    assert mailing_state(archived) == "draft"
    with transaction() as session:
        session.execute(delete(Subscription).where(Subscription.list_id == find_list(session, "members").id))
    by_segment = told(send_mailing(folder_for(tmp_path, name="by-segment", segments=["everybody"])))
    assert {reason for _, reason, _ in by_segment.values()} == {"no valid basis"}


def test_a_mailing_under_way_goes_on_when_its_list_is_archived(database: str, tmp_path: Path) -> None:
    open_office(10)
    mailing = send_mailing(folder_for(tmp_path, lists=["press"]))
    freeze(mailing)
    with transaction() as session:
        archive(session, "press")
    with reading() as session:
        assert session.execute(audience(session, session.get_one(Mailing, mailing))).all()
    assert mailing_state(mailing) == "sending"
