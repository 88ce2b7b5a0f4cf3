"""Names, columns in many languages, lists of addresses and cards."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from config.errors import Refused, Unknown
from subscribers.columns import Columns, plain
from subscribers.fields import FIELDS, country, language, one_line
from subscribers.sources.address_list import addresses_in
from subscribers.sources.meanings import meanings_of
from subscribers.sources.names import parts_of
from subscribers.sources.opening import open_people
from subscribers.sources.table import known, squeezed, status_kind


def test_no_word_of_the_table_has_two_meanings() -> None:
    table = known()  # raises where one has
    assert {field for field, _ in table.fields.values()} == {"email", "name", *FIELDS}
    assert not set(table.fields) & set(table.status_columns)
    assert all(signature for tool in table.tools for signature in tool.signatures)


@given(st.sampled_from(sorted(known().fields)))
def test_every_name_of_a_column_is_its_field(name: str) -> None:
    becomes, _ = known().fields[name]
    (meaning, *_) = meanings_of([name, "e.mail"], {}, None, "people.csv")
    if becomes != "email" or squeezed(name) != "email":
        assert meaning.becomes == becomes
    assert status_kind(name) is None


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("Jane Doe", "Jane", "Doe"),
        ("Doe, Jane", "Jane", "Doe"),
        ("DOE Jane", "Jane", "DOE"),
        ("Dr. Jane M. Doe", "Jane M.", "Doe"),
        ("Ludwig van Beethoven", "Ludwig", "van Beethoven"),
        ("Ursula von der Leyen", "Ursula", "von der Leyen"),
        ("Zoë O'Brien", "Zoë", "O'Brien"),
        ("Marie-Claire Dupont", "Marie-Claire", "Dupont"),
        ("Madonna", "Madonna", ""),
    ],
)
def test_names_are_taken_apart(name: str, first: str, last: str) -> None:
    assert parts_of(name) == (first, last)


@pytest.mark.parametrize(
    ("name", "code"),
    [("Belgique", "BE"), ("DEUTSCHLAND", "DE"), ("The Netherlands", "NL"), ("Česko", "CZ"), ("uk", "GB")],
)
def test_countries_have_names(name: str, code: str) -> None:
    assert country(name) == code


@pytest.mark.parametrize(
    ("name", "tag"), [("français", "fr"), ("German", "de"), ("English (United Kingdom)", "en-GB"), ("pt_BR", "pt-BR")]
)
def test_languages_have_names(name: str, tag: str) -> None:
    assert language(name) == tag


LOCAL = st.text("abc.-+", min_size=1, max_size=6).filter(lambda text: text.strip(".") == text and ".." not in text)
NAMES = st.text("Zoë O'Brien", max_size=10).map(str.strip).filter(lambda text: "'" not in text[:1] + text[-1:])


@given(st.lists(st.tuples(LOCAL, NAMES), min_size=1, max_size=6), st.sampled_from([", ", ";", " ; ", ",", "; \t"]))
def test_addresses_with_names_come_back_as_they_were(people: list[tuple[str, str]], between: str) -> None:
    line = between.join(f'"{name}" <{local}@example.org>' if name else f"{local}@example.org" for local, name in people)
    assert list(addresses_in(line)) == [(f"{local}@example.org", name) for local, name in people]


NAMES_OF = {
    field: st.sampled_from(sorted(name for name, (becomes, _) in known().fields.items() if becomes == field))
    for field in ("email", "first_name", "last_name", "organisation")
}
PART = st.text("Zoëßé O'Brien;,\t\"", min_size=1, max_size=8).filter(lambda text: text.strip("'\" ;,\t"))


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.tuples(*NAMES_OF.values()),
    st.lists(st.tuples(PART, PART, PART), min_size=1, max_size=4),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "windows-1252"]),
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.booleans(),
)
def test_people_are_read_whatever_the_language_dialect_and_encoding(
    tmp_path: Path,
    header: tuple[str, ...],
    people: list[tuple[str, ...]],
    encoding: str,
    delimiter: str,
    quoting: int,
    sep_line: bool,
) -> None:
    text = io.StringIO(newline="")
    rows = [[f"p{number}@example.org", *parts] for number, parts in enumerate(people)]
    csv.writer(text, delimiter=delimiter, quoting=quoting).writerows([header, *rows])  # type: ignore[call-overload]
    path = tmp_path / "people.csv"
    written = f"sep={delimiter}\r\n" * sep_line + text.getvalue()
    try:
        path.write_bytes(written.encode(encoding))
    except UnicodeEncodeError:  # a header in Greek, in Windows-1252
        path.write_bytes(written.encode("utf-8"))
    file = open_people(path)
    read = [file.columns.person(cells) for _, cells in file.table.rows()]
    assert [(one.address.email, *(one.values[name] for name in list(NAMES_OF)[1:])) for one in read] == [
        (email, *(one_line(plain(part.strip())) for part in parts)) for email, *parts in rows
    ]


def test_beside_dates_of_joining_an_empty_cell_says_nothing(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("Subscriber,Status,Subscribed\na@example.org,Active,2024-01-05\nb@example.org,Unconfirmed,\n")
    statuses = open_people(path).columns.statuses
    for _, cells in open_people(path).table.rows():
        statuses.notice(cells)
    statuses.check()


def test_what_a_field_of_another_program_cannot_take_is_kept_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("Courriel,Prénom,Nom,Langue,Pays\na@example.org,Ann,Lee,elvish,Gondor\n")
    file = open_people(path)
    [(_, cells)] = file.table.rows()
    person = file.columns.person(cells)
    assert person.values == {"first_name": "Ann", "last_name": "Lee"}
    assert person.attributes == {"Langue": "elvish", "Pays": "Gondor"}


def test_a_list_whose_lines_have_more_than_addresses_needs_a_header(tmp_path: Path) -> None:
    path = tmp_path / "people.txt"
    path.write_text("a@example.org;Ann;Lee\n")
    with pytest.raises(Refused, match="line 1 has 'Ann' beside an address"):
        open_people(path)


def test_a_broken_card_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "people.vcf"
    path.write_text("BEGIN:VCARD\nVERSION:3.0\nFN:A\nEND:VCARD\nBEGIN:VCARD\nFN:B\n")
    with pytest.raises(Refused, match="begins on line 5 does not end"):
        list(open_people(path).table.rows())


def test_a_workbook_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "people.xlsx"
    path.write_bytes(b"PK\x03\x04rest")
    with pytest.raises(Refused, match="save its sheet as CSV UTF-8"):
        open_people(path)


def test_a_mapping_may_say_that_a_column_is_a_status_or_a_whole_name(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("email,Wer,Lage\na@example.org,Doe Jane,abgemeldet\n")
    file = open_people(path, mapping={"Wer": "name", "Lage": "status"})
    [(_, cells)] = file.table.rows()
    person = file.columns.person(cells)
    assert person.values == {"first_name": "Doe", "last_name": "Jane"}
    assert person.said is not None and person.said.because == "Lage: abgemeldet"
    with pytest.raises(Unknown, match="did you mean 'status'"):
        open_people(path, mapping={"Lage": "statu"})


CELLS = st.one_of(
    st.from_regex(r"[ -~]{0,3}[A-Za-z.'+]{1,6}@[A-Za-z-]{1,6}\.(org|EU)[ -~]{0,2}", fullmatch=True),
    st.builds("{} <{}@Example.ORG>".format, st.text(max_size=6), st.sampled_from(["jane", "Jane", "josé", "'+x"])),
    st.builds(
        "{}{}@straße.example".format, st.sampled_from(["", "'", "\u00a0", "\u200b"]), st.sampled_from(["ZOË", "=x"])
    ),
    st.text(max_size=20),
)


@settings(max_examples=500)
@given(cell=CELLS)
@example(cell="'+Jane@Example.org")
@example(cell="Jane Doe <Jane@Example.org>")
def test_rows_of_one_address_are_alike_before_it_is_looked_at(cell: str) -> None:
    columns = Columns(["email"], {}, "people.csv")
    likeness = columns.likeness([cell])
    try:
        person = columns.person([cell])
    except Refused:
        return
    assert likeness == person.address.key
