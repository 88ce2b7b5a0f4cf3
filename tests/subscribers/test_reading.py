"""Files from every spreadsheet: encodings, delimiters, broken ones."""

import codecs
import csv
import io
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from config.errors import Refused
from subscribers.reading import _MULTIBYTE, DELIMITERS, RECORD_LIMIT, Table, open_table
from subscribers.sources.meanings import understood

ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "windows-1252"]


def look(path: Path) -> Table:
    return open_table(path, lambda name: understood(name, {}))


def write(path: Path, rows: Sequence[Sequence[str]], encoding: str, delimiter: str, **dialect: object) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, **dialect).writerows(rows)  # type: ignore[arg-type]
    path.write_bytes(text.getvalue().encode(encoding))


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("delimiter", DELIMITERS)
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_every_encoding_and_delimiter_is_recognised(tmp_path: Path, encoding: str, delimiter: str, ending: str) -> None:
    rows = [
        ["email", "First Name", "languages", "beat"],
        ["jane@example.org", "Zoë", "fr;en, nl", 'says "no"'],
        ["joe@example.org", "Đoé".replace("Đ", "ß"), "", "two\r\nlines"],
    ]
    path = tmp_path / "people.csv"
    write(path, rows, encoding, delimiter, lineterminator=ending)
    table = look(path)
    assert table.delimiter == delimiter
    assert list(table.columns) == rows[0]
    assert [cells for _, cells in table.rows()] == rows[1:]
    assert [line for line, _ in table.rows()] == [2, 3]


CELL = st.text(
    st.characters(codec="windows-1252", exclude_characters="\0", exclude_categories=["Cc"])
    | st.sampled_from("\r\n\t;,|\"'"),
    max_size=12,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(CELL, CELL, CELL), max_size=6),
    st.sampled_from(ENCODINGS),
    st.sampled_from(DELIMITERS),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
@example([("Ã©", "é", "")], "utf-8", ";", csv.QUOTE_MINIMAL)
def test_wild_cells_come_back_as_they_were(
    tmp_path: Path, rows: list[tuple[str, str, str]], encoding: str, delimiter: str, quoting: int
) -> None:
    path = tmp_path / "people.csv"
    filled = [["a@example.org", *row] for row in rows]
    write(path, [["email", "first_name", "topics", "notes"], *filled], encoding, delimiter, quoting=quoting)
    if encoding == "windows-1252" and _MULTIBYTE.search(path.read_bytes()):
        return  # what looks like UTF-8 by chance is read, or refused, as that
    assert [cells for _, cells in look(path).rows()] == filled


def test_excels_first_line_names_the_delimiter(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes("sep=;\r\nemail;notes\r\na@example.org;one, two\r\n".encode("utf-16"))
    table = look(path)
    assert (table.delimiter, table.columns) == (";", ("email", "notes"))
    assert list(table.rows()) == [(3, ["a@example.org", "one, two"])]


def test_empty_lines_are_no_rows(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("\n\nemail,beat\n\n,\na@example.org,x\n\n")
    assert list(look(path).rows()) == [(6, ["a@example.org", "x"])]


def test_one_column_is_enough(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("E-Mail\na@example.org\n")
    assert look(path).columns == ("E-Mail",)


def test_without_known_columns_the_even_rows_decide(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("Courriel;Nom, prénom\na@example.org;Doe, Jane\nb@example.org;Roe\n")
    assert look(path).columns == ("Courriel", "Nom, prénom")


def broken(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    with pytest.raises(Refused) as refused:
        for _ in look(path).rows():
            pass
    return str(refused.value)


def test_a_broken_file_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    good = b"email,beat\na@example.org,x\n"
    assert "begins on line 3 is broken" in broken(path, good + b'"b@example.org"x,y\nc@example.org,z\n')
    assert "begins on line 3 is broken" in broken(path, good + b'"never closed,y\nc@example.org,z\n')
    assert "begins on line 3" in broken(path, good + b'"' + b"x\n" * RECORD_LIMIT)
    assert "begins on line 3" in broken(path, good + b"x" * (RECORD_LIMIT + 1))
    assert "line 3 holds a NUL" in broken(path, good + b"b@example.org,\0\n")
    assert "line 3 is broken: the file is UTF-8 elsewhere" in broken(
        path, "email,é\na@example.org,é\nb,".encode() + b"\xe9\n"
    )
    assert "not utf-16" in broken(path, "email,beat\na@example.org,é".encode("utf-16") + b"\x00")
    assert "empty" in broken(path, b"")
    assert "empty" in broken(path, codecs.BOM_UTF8 + b"\n\n")
    assert "line 1 is broken" in broken(path, b'"email"x,"beat"y\n')


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"none.csv cannot be read: no such file"):
        look(tmp_path / "none.csv")
    with pytest.raises(Refused, match="cannot be read"):
        look(tmp_path)


def test_a_given_encoding_is_believed(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes("email,last_name\na@example.org,Łukasiewicz\n".encode("windows-1250"))
    table = open_table(path, lambda name: understood(name, {}), "windows-1250")
    assert list(table.rows()) == [(2, ["a@example.org", "Łukasiewicz"])]
    with pytest.raises(Refused, match="no encoding named 'windoze'"):
        open_table(path, bool, "windoze")


def test_a_large_file_is_read_to_its_end_before_its_encoding_is_decided(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes(
        b"email,beat\n" + b"a@example.org,plain\n" * 200_000 + "b@example.org,Zoë\n".encode("windows-1252")
    )
    *_, (line, cells) = look(path).rows()
    assert (line, cells) == (200_002, ["b@example.org", "Zoë"])
