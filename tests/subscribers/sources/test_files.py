"""Files of other programs: recognised, read, and nobody mailable who was not."""

from pathlib import Path

import pytest
from sqlalchemy import select

from config.database import reading, transaction
from subscribers.importing import Counts, import_file, import_people
from subscribers.lists import create_list
from subscribers.models import Basis, List, Standing, Subscriber, Subscription
from subscribers.people import suppress_address
from subscribers.sources.opening import open_people
from subscribers.sources.preview import preview
from subscribers.sources.statuses import status_of
from subscribers.suppression import lift, suppressed_clause, suppressions
from tests.subscribers.sources.files import CONFIRMED, FILES, PENDING, UNSUBSCRIBED, File


def put(folder: Path, file: File) -> Path:
    path = folder / file.name
    path.write_bytes(file.text.encode(file.encoding))
    return path


@pytest.mark.parametrize("file", FILES, ids=str)
def test_it_is_recognised_and_everybody_in_it_is_read(tmp_path: Path, file: File) -> None:
    opened = open_people(put(tmp_path, file))
    assert (opened.tool.name if opened.tool else None) == file.tool
    people = [opened.columns.person(cells) for _, cells in opened.table.rows()]
    assert {person.address.email: status_of(person.said) for person in people} == {
        email: stands for email, (_, _, stands) in file.people.items()
    }
    for person in people:
        first, last, stands = file.people[person.address.email]
        if stands in {CONFIRMED, PENDING, UNSUBSCRIBED}:
            assert (person.values.get("first_name", ""), person.values.get("last_name", "")) == (first, last)
        for name, value in file.values.get(person.address.email, {}).items():
            assert person.values[name] == value, name
    assert len(preview(opened)["rows"]) == len(people)


def mailable(session: object) -> dict[str, tuple[str, str]]:
    found = session.execute(  # type: ignore[attr-defined]
        select(Subscriber.email, Subscriber.first_name, Subscriber.last_name)
        .join(Subscription, Subscription.subscriber_id == Subscriber.id)
        .join(List, List.id == Subscription.list_id)
        .where(Subscription.standing == Standing.confirmed, ~suppressed_clause(List.purpose))
    )
    return {email: (first, last) for email, first, last in found}


def standings(session: object) -> dict[str, str]:
    return dict(
        session.execute(  # type: ignore[attr-defined]
            select(Subscriber.email, Subscription.standing).join(
                Subscription, Subscription.subscriber_id == Subscriber.id
            )
        ).all()
    )


def test_nobody_is_mailable_who_was_not_and_bare_addresses_bring_nobody_back(database: str, tmp_path: Path) -> None:
    with transaction() as session:
        create_list(session, "press", "Press")
    expected = {email: said for file in FILES for email, said in file.people.items()}
    for file in FILES:
        opened = open_people(put(tmp_path, file))
        counts = import_people(opened, "press", Basis.consent, "moving", dry_run=True)
        assert not standings_of(file), "a dry run writes nothing"
        assert import_people(opened, "press", Basis.consent, "moving") == counts, file.name
        assert counts["rejected"] == counts["kept_out"] == 0, file.name
        assert sum(counts.values()) == counts["read"] * 2, "everybody is in one place"
        assert counts["unsubscribed"] == sum(stands == UNSUBSCRIBED for _, _, stands in file.people.values())

    def check() -> None:
        with reading() as session:
            assert mailable(session) == {
                email: (first, last) for email, (first, last, stands) in expected.items() if stands == CONFIRMED
            }
            held = standings(session)
            for email, (_, _, stands) in expected.items():
                if stands in {PENDING, UNSUBSCRIBED}:
                    assert held[email] == stands
                elif stands != CONFIRMED:
                    (suppression, *_) = suppressions(session, email)
                    assert suppression.reason.replace(" ", "-") == stands
                    assert suppression.source.startswith("moving (")

    check()
    bare = tmp_path / "everybody.txt"
    bare.write_text("\n".join(email.upper() for email in expected))
    again = import_file(bare, "press", Basis.consent, "an old list")
    assert (again["created"], again["updated"]) == (0, 0)
    assert again["kept_out"] == sum(stands != CONFIRMED for _, _, stands in expected.values())
    check()


def standings_of(file: File) -> dict[str, str]:
    with reading() as session:
        return {email: stands for email, stands in standings(session).items() if email in file.people}


def test_whoever_left_and_is_suppressed_stays_out_when_the_suppression_is_lifted(database: str, tmp_path: Path) -> None:
    with transaction() as session:
        create_list(session, "press", "Press")
        suppress_address(session, "a@example.org", source="test")
    path = tmp_path / "people.csv"
    path.write_text("email,status,bounced\na@example.org,unsubscribed,\nb@example.org,unsubscribed,yes\n")
    counts = import_file(path, "press", Basis.consent, "moving")
    assert (counts["unsubscribed"], counts["suppressed"]) == (1, 1)
    with transaction() as session:
        for email in ("a@example.org", "b@example.org"):
            assert lift(session, email, ""), "the wide suppression"
    path.write_text("email\na@example.org\nb@example.org\n")
    assert import_file(path, "press", Basis.consent, "an old list")["kept_out"] == 2
    with reading() as session:
        assert session.scalars(select(Subscriber.email)).all() == [], "nothing was kept of strangers but the hash"


def test_a_list_that_somebody_is_on_is_left_when_the_file_says_so(database: str, tmp_path: Path) -> None:
    with transaction() as session:
        create_list(session, "press", "Press")
    path = tmp_path / "people.csv"
    path.write_text("email\na@example.org\nb@example.org\n")
    import_file(path, "press", Basis.consent, "form")
    path.write_text("email,opted out,country\nA@example.org,yes,Atlantis\na@example.org,,\nb@example.org,,\n")
    counts: Counts = import_file(path, "press", Basis.consent, "CRM")
    assert (counts["unsubscribed"], counts["unchanged"], counts["rejected"]) == (1, 1, 0)
    with reading() as session:
        assert standings(session) == {"a@example.org": "unsubscribed", "b@example.org": "confirmed"}
