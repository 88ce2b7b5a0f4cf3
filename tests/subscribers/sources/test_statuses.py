"""Who left, in whatever words; and what nobody knows is asked about."""

import csv
import io
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.errors import Refused
from subscribers.models import Reason, Standing
from subscribers.sources.opening import open_people
from subscribers.sources.statuses import KINDS, MEANINGS, Said, StatusColumn, Statuses, file_name_says, status_of
from subscribers.sources.table import known, squeezed

TABLE = known()
LEFT = [kind for kind in KINDS if kind in {"unsubscribed", "objection", "hard bounce", "complaint"}]
SPELT = [str.upper, str.title, str.lower, lambda word: f"  {word} ", lambda word: word.replace(" ", "_")]
DATES = ["2024-03-01", "2024-03-01 08:00:00", "2024-03-01T08:00:00Z", "01/03/2024", "1.3.24", "Mar 1, 2024", "45352"]


def stands(kind: str, cell: str, column: str = "x") -> str:
    """How a cell is understood, or `unknown`."""
    read = StatusColumn(column, kind, {})
    said = read.said(cell)
    return "unknown" if read.unknown else status_of(said)


@pytest.mark.parametrize("spelling", SPELT)
def test_every_word_is_understood_however_it_is_spelt(spelling: Callable[[str], str]) -> None:
    wrong = {word for word, status in TABLE.words.items() if stands("word", spelling(word)) != status.replace(" ", "-")}
    assert not wrong


YES = st.sampled_from(sorted(TABLE.yes)).flatmap(lambda word: st.sampled_from([spelt(word) for spelt in SPELT]))


@given(st.sampled_from(LEFT), YES | st.sampled_from(DATES))
def test_yes_or_a_date_in_a_column_of_leaving_is_leaving(kind: str, cell: str) -> None:
    assert stands(kind, cell) == kind.replace(" ", "-")


@given(st.sampled_from(LEFT), st.sampled_from([*sorted(TABLE.no), "", "-", "0000-00-00 00:00:00"]))
def test_no_or_nothing_in_a_column_of_leaving_says_nothing(kind: str, cell: str) -> None:
    assert stands(kind, cell) == "confirmed"


@given(YES | st.sampled_from(DATES), st.sampled_from(sorted(TABLE.no)))
def test_a_column_of_being_on_the_list_is_the_other_way_round(yes: str, no: str) -> None:
    assert (stands("subscribed", yes), stands("subscribed", no)) == ("confirmed", "unsubscribed")
    assert (stands("confirmed", yes), stands("confirmed", no)) == ("confirmed", "pending")


@pytest.mark.parametrize(
    ("column", "cell", "status"),
    [
        ("Status", "Unsubscribed", "unsubscribed"),
        ("STATUS", "cleaned", "hard-bounce"),
        ("Email status", "Hard Bounce", "hard-bounce"),
        ("status", "complained", "complaint"),
        ("status", "SPAM", "complaint"),
        ("state", "blacklisted", "objection"),
        ("status", "blocklisted", "objection"),
        ("Do Not Email", "1", "objection"),
        ("Email Opt Out", "true", "unsubscribed"),
        ("subscribed", "false", "unsubscribed"),
        ("Subscribed", "0", "unsubscribed"),
        ("subscribed", "No", "unsubscribed"),
        ("Unsubscribed at", "2023-11-02", "unsubscribed"),
        ("Statut", "désabonné", "unsubscribed"),
        ("Abgemeldet am", "02.11.2023", "unsubscribed"),
        ("Newsletter", "nein", "unsubscribed"),
        ("Stato", "cancellato", "unsubscribed"),
        ("email_opt_out_flag", "Y", "unsubscribed"),  # by what its name looks like
        ("Has bounced?", "x", "hard-bounce"),
        ("Bounce type", "Hard", "hard-bounce"),
        ("Soft bounces", "3", "confirmed"),
        ("Consent", "withdrawn", "unsubscribed"),
        ("SMS opt out", "yes", "confirmed"),  # another channel
        ("Do not phone", "1", "confirmed"),
        ("Lead Status", "Open", "confirmed"),
        ("Estado", "Jalisco", "confirmed"),  # a province
    ],
)
def test_columns_and_words(tmp_path: Path, column: str, cell: str, status: str) -> None:
    path = tmp_path / "people.csv"
    path.write_text(f"email,{column}\na@example.org,{cell}\n")
    file = open_people(path)
    [(_, cells)] = file.table.rows()
    file.columns.statuses.notice(cells)
    file.columns.statuses.check()
    assert status_of(file.columns.person(cells).said) == status


def checked(tmp_path: Path, text: str, mapping: dict[str, str] | None = None) -> list[str]:
    """How everybody in a file stands. Raises what the import would refuse it with."""
    path = tmp_path / "people.csv"
    path.write_text(text)
    file = open_people(path, mapping=mapping or {})
    rows = [cells for _, cells in file.table.rows()]
    for cells in rows:
        file.columns.statuses.notice(cells)
    file.columns.statuses.check()
    return [status_of(file.columns.person(cells).said) for cells in rows]


@pytest.mark.parametrize(
    "word", ["Blocklisted", "unsubscribed", "abgemeldet", "Désinscrit", "hard bounce", "Opted out"]
)
def test_a_word_of_leaving_in_a_column_that_nobody_knows_is_asked_about(tmp_path: Path, word: str) -> None:
    text = f"email,Rubrik\na@example.org,\nb@example.org,{word}\n"
    with pytest.raises(Refused, match=rf"the column 'Rubrik' is not known .*{word}' \(1\).*--map Rubrik=status"):
        checked(tmp_path, text)
    assert checked(tmp_path, text, {"Rubrik": "attributes.Rubrik"}) == ["confirmed", "confirmed"]
    left = checked(tmp_path, text.replace("org,\n", "org,active\n"), {"Rubrik": "status"})
    assert left[0] == "confirmed" and left[1] in {"objection", "unsubscribed", "hard-bounce"}


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("SMS campaigns", "Blocklisted"),
        ("Employment", "permanent"),
        ("Notes", "asked how to be unsubscribed in May"),
        ("Town", "Held"),
        ("Lead status", "unsubscribed"),
    ],
)
def test_what_is_no_word_of_leaving(tmp_path: Path, column: str, cell: str) -> None:
    assert checked(tmp_path, f"email,{column}\na@example.org,{cell}\n") == ["confirmed"]


def test_who_is_known_to_have_left_may_have_a_reason(tmp_path: Path) -> None:
    text = "email,status,why\na@example.org,unsubscribed,unsubscribed\nb@example.org,active,\n"
    assert checked(tmp_path, text) == ["unsubscribed", "confirmed"]


WORD = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), min_size=1, max_size=12)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(WORD | st.sampled_from(["subscribed", "Cleaned", "unsubscribed", "abonné"]), min_size=1, max_size=5),
    st.sampled_from(["Status", "Newsletter", "opted out", "Blacklisted", "email bounced", "mail consent"]),
    st.sampled_from([("utf-8", ","), ("utf-16", "\t"), ("utf-8-sig", ";")]),
)
def test_nobody_is_put_on_a_list_by_a_guess(
    tmp_path: Path, words: list[str], column: str, dialect: tuple[str, str]
) -> None:
    """Whatever stands in a column that looks like a status: it is understood, or refused; and left out if so decided."""
    encoding, delimiter = dialect
    text = io.StringIO(newline="")
    rows = [[f"p{number}@example.org", word] for number, word in enumerate(words)]
    csv.writer(text, delimiter=delimiter).writerows([["email", column], *rows])
    path = tmp_path / "people.csv"
    path.write_bytes(text.getvalue().encode(encoding))
    file = open_people(path)
    read = [cells for _, cells in file.table.rows()]
    for cells in read:
        file.columns.statuses.notice(cells)
    [(_, status)] = file.columns.statuses.columns
    refused = ""
    try:
        file.columns.statuses.check()
    except Refused as error:
        refused = str(error)
    if refused:
        assert repr(column) in refused
        assert "--status" in refused
        decided = {word.strip(): "unsubscribed" for word in status.unknown} | {"": "unsubscribed"}
        again = open_people(path, statuses=decided).columns.statuses
        assert all(again.said(cells) for cells in read if cells[1].strip() in status.unknown)
        for cells in read:
            again.notice(cells)
        again.check()
    else:
        for cells in read:
            word = squeezed(cells[1])
            assert (
                word in TABLE.words or word in TABLE.yes | TABLE.no or any(map(str.isdigit, word)) or not word.isalnum()
            )
    assert open_people(path, mapping={column: ""}).columns.statuses.columns == []


def test_a_count_is_no_word() -> None:
    assert stands("hard bounce", "3") == "unknown"


def test_unknown_words_are_named_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text(
        "email,Member status\na@example.org,Lapsed\nb@example.org,Active\nc@example.org,\nd@example.org,Lapsed\n"
    )
    statuses = open_people(path).columns.statuses
    for _, cells in open_people(path).table.rows():
        statuses.notice(cells)
    with pytest.raises(Refused) as refused:
        statuses.check()
    said = str(refused.value)
    for part in (
        "people.csv",
        "'Member status'",
        "'Lapsed' (2)",
        "empty (1)",
        "--status Lapsed=unsubscribed",
        "--map 'Member status'=",
    ):
        assert part in said


@given(st.permutations([None, *(said for said in MEANINGS.values() if said)]))
def test_of_several_words_the_strictest_counts_in_any_order(order: list[Said | None]) -> None:
    found: Said | None = None
    for said in order:
        found = said.and_said(found) if said else found
    assert found is not None
    assert (found.standing, found.reason) == (Standing.unsubscribed, Reason.complaint)


def test_having_left_and_not_arriving_are_both_kept() -> None:
    statuses = Statuses([(0, "status", "word"), (1, "bounced", "hard bounce")], {}, None, "people.csv")
    said = statuses.said(["unsubscribed", "yes"])
    assert said == Said(Standing.unsubscribed, Reason.hard_bounce, "status: unsubscribed; bounced: yes")


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("unsubscribed_members_export_3f2a.csv", "unsubscribed"),
        ("Unsubscribes 2024.CSV", "unsubscribed"),
        ("cleaned_members_export_3f2a.csv", "hard-bounce"),
        ("nonsubscribed_members_export_3f2a.csv", "pending"),
        ("subscribed_members_export_3f2a.csv", "confirmed"),
        ("press-opt-outs.csv", "unsubscribed"),
        ("désabonnés.csv", "unsubscribed"),
        ("Abgemeldete.csv", "unsubscribed"),
        ("suppression list.txt", "objection"),
        ("spam complaints may.csv", "complaint"),
        ("unsubscribes-and-bounces.csv", "unsubscribed"),
        ("subscribers.csv", "confirmed"),
        ("people.csv", "confirmed"),
    ],
)
def test_a_files_name_says_it(name: str, status: str) -> None:
    assert status_of(file_name_says(Path(name))) == status


@pytest.mark.parametrize("name", ["press-cleaned.csv", "without_unsubscribed.csv", "members no bounces.csv"])
def test_a_name_that_may_mean_either_is_asked_about(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("email\na@example.org\n")
    with pytest.raises(Refused, match="--everybody"):
        open_people(path)
    path.write_text("email,clean_time\na@example.org,2024-03-01\n")
    file = open_people(path)  # its columns say it
    assert status_of(file.columns.person(["a@example.org", "2024-03-01"]).said) == "hard-bounce"
    assert open_people(path, everybody="confirmed").columns.statuses.everybody is None
    assert status_of(open_people(path, everybody="hard-bounce").columns.statuses.everybody) == "hard-bounce"
