"""The commands about people, on both databases: house, list, subscribers, segment."""

import csv
import io
import json
from pathlib import Path

import pytest

from cli.options import BY_HAND
from config.database import reading
from subscribers.fields import FIELDS
from subscribers.lists import find_list
from tests.cli.speaking import Said, broadside, program

PEOPLE = """\
email,first_name,last_name,languages,country,role,topics,beat
zoe@example.org,Zoë,O'Brien,fr;en,BE,journalist,streaming|culture,music
anna@example.net,Anna,,en,,member,,
li@example.com,,,ar,,,,=1+1
"""


@pytest.fixture
def press(database: str, tmp_path: Path) -> Path:
    """A list `press` with three people; gives the folder of the file."""
    broadside("list", "create", "press", "--title", "IMPALA for the press")
    put(tmp_path, PEOPLE)
    return tmp_path


def put(folder: Path, text: str, *more: str, name: str = "people.csv", status: int = 0) -> Said:
    (folder / name).write_text(text)
    return broadside(
        "subscribers", "import", folder / name, "--list", "press", "--basis", "consent", "--source", "form, May 2026",
        *more, status=status,
    )  # fmt: skip


def rows(said: Said) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(said.out)))


def test_import_counts_and_is_run_again_without_harm(press: Path) -> None:
    assert put(press, PEOPLE, "--json").json == {
        "read": 3, "created": 0, "updated": 0, "unchanged": 3, "rejected": 0, "kept_out": 0,
        "pending": 0, "unsubscribed": 0, "suppressed": 0, "statuses": [],
    }  # fmt: skip
    said = put(press, PEOPLE.replace("Anna", "Anne"))
    assert "3 rows read" in said.out
    assert not said.err, "no bar where there is no terminal"


def test_rejected_rows_end_with_3_and_stand_in_a_file(press: Path) -> None:
    said = put(press, "email\nno address\nnew@example.org\n", "--json", status=3)
    assert (said.json["created"], said.json["rejected"]) == (1, 1)
    said = put(press, "email\nno address\n", status=3)
    assert "people.csv.rejected.csv" in said.out
    assert (press / "people.csv.rejected.csv").read_text().startswith("email,reason\n")


def test_columns_are_mapped(press: Path) -> None:
    text = "Courriel,Prénom,Notes\nnew@example.org,Nel,x\n"
    put(press, text, "--map", "Courriel=email", "--map", "Prénom=first_name", "--map", "Notes=")
    known = broadside("subscribers", "show", "new@example.org", "--json").json
    assert (known["first_name"], known["attributes"]) == ("Nel", {})
    put(press, text, "--map", "Courriel", status=2)
    put(press, text, "--map", "Courriel=emial", status=1)


def test_unknown_names_are_met_with_the_nearest(press: Path) -> None:
    for words in (
        ("list", "show", "prses"),
        ("subscribers", "export", "--list", "prses"),
        ("subscribers", "unsubscribe", "zoe@example.org", "--list", "prses"),
        ("subscribers", "import", press / "people.csv", "--list", "prses", "--basis", "consent", "--source", "x"),
    ):
        assert "did you mean 'press'?" in broadside(*words, status=1).err
    assert "did you mean 'zoe@example.org'?" in broadside("subscribers", "show", "zoe@exmple.org", status=1).err
    rule = press / "rule.json"
    rule.write_text('{"country": "BE"}')
    broadside("segment", "save", "belgium", rule)
    assert "did you mean 'belgium'?" in broadside("segment", "count", "belgum", status=1).err


def test_export_is_what_import_takes_back(press: Path) -> None:
    said = broadside("subscribers", "export")
    assert [row["email"] for row in rows(said)] == ["anna@example.net", "li@example.com", "zoe@example.org"]
    assert list(rows(said)[0]) == ["email", *FIELDS, "beat"]
    assert put(press, said.out, "--json").json["unchanged"] == 3
    broadside("subscribers", "unsubscribe", "zoe@example.org")
    assert len(rows(broadside("subscribers", "export"))) == 3
    assert len(rows(broadside("subscribers", "export", "--list", "press"))) == 2


def test_show_tells_all_that_is_known(press: Path) -> None:
    known = broadside("subscribers", "show", "zoe@example.org", "--json").json
    assert known["topics"] == ["streaming", "culture"]
    assert known["subscriptions"][0]["events"][0]["source"] == "form, May 2026"
    text = broadside("subscribers", "show", "ZOE@example.org").out
    for word in ("Zoë", "O'Brien", "fr, en", "journalist", "attributes.beat", "music", "press", "form, May 2026"):
        assert word in text


def test_unsubscribe_is_kept_and_an_import_does_not_undo_it(press: Path) -> None:
    assert "press" in broadside("subscribers", "unsubscribe", "zoe@example.org", "--list", "press").out
    broadside("subscribers", "unsubscribe", "zoe@example.org")
    assert put(press, PEOPLE, "--json").json["kept_out"] == 1
    events = broadside("subscribers", "show", "zoe@example.org", "--json").json["subscriptions"][0]["events"]
    assert [(event["standing"], event["source"]) for event in events][1:] == [("unsubscribed", BY_HAND)]


def test_suppress_and_lift(press: Path) -> None:
    broadside("subscribers", "suppress", "zoe@example.org", "--reason", "complaint")
    broadside("subscribers", "suppress", "stranger@example.org")
    known = broadside("subscribers", "show", "zoe@example.org", "--json").json
    assert [(held["scope"], held["reason"]) for held in known["suppressions"]] == [("", "complaint")]
    assert "gets no mail: complaint" in broadside("subscribers", "show", "zoe@example.org").out
    assert put(press, PEOPLE, "--json").json["kept_out"] == 1
    broadside("subscribers", "suppress", "zoe@example.org", "--lift")
    assert put(press, PEOPLE, "--json").json["kept_out"] == 0
    assert "press" in broadside("subscribers", "suppress", "zoe@example.org", "--purpose", "pres", status=1).err


def test_lists_and_how_many_stand_on_them(press: Path) -> None:
    broadside("subscribers", "unsubscribe", "zoe@example.org")
    assert broadside("list", "show", "press", "--json").json == {
        "lists": [
            {"name": "press", "title": "IMPALA for the press", "purpose": "press",
             "confirmed": 2, "pending": 0, "unsubscribed": 1, "owner": "", "archived_at": None},
        ]
    }  # fmt: skip
    broadside("list", "create", "members", "--title", "Members", "--purpose", "membership")
    assert "IMPALA for the press" in broadside("list", "show").out
    assert "already" in broadside("list", "create", "press", "--title", "Again", status=1).err
    assert broadside("list", "create", "Not a name", "--title", "x", status=1).err


def test_segments_are_saved_and_counted(press: Path) -> None:
    rule = press / "rule.json"
    rule.write_text(json.dumps({"any": [{"country": "BE"}, {"topic": "streaming"}, {"language": "ar"}]}))
    broadside("segment", "save", "south", rule)
    broadside("subscribers", "suppress", "li@example.com")
    assert broadside("segment", "count", "south", "--json").json == {
        "segment": "south", "matching": 2, "reachable": 1,
        "languages": {"fr": 1, "ar": 1}, "roles": {"journalist": 1, "other": 1},
    }  # fmt: skip
    assert "2 people, of whom 1 may" in broadside("segment", "count", "south").out


def test_segments_are_written_as_text(press: Path) -> None:
    text = "country in (BE, FR) and topic = streaming and not list = press"
    assert text in broadside("segment", "save", "south", text).out
    assert broadside("segment", "show", "south").out == text + "\n"
    file = press / "south.txt"
    file.write_text("# whom we mean in the south\nlanguage = ar\n  or country = BE\n")
    broadside("segment", "save", "south", file)
    [shown] = broadside("segment", "show", "--json").json["segments"]
    assert shown == {
        "name": "south", "text": "language = ar or country = BE", "rule": {"any": [{"language": "ar"}, {"country": "BE"}]},
    }  # fmt: skip
    assert "south" in broadside("segment", "show").out
    assert "journalist" in broadside("segment", "count", "south").out
    assert "column 14: 'an' cannot stand here; did you mean 'and'?" in broadside(
        "segment", "save", "south", "country = BE an topic = x", status=1
    ).err  # fmt: skip
    file.write_text("\n\ncontry = BE\n")
    assert "south.txt: segment rule, line 3, column 1: unknown 'contry'; did you mean 'country'?" in broadside(
        "segment", "save", "south", file, status=1
    ).err  # fmt: skip
    assert "there is no such file" in broadside("segment", "save", "south", press / "none.json", status=1).err


def test_segments_know_of_mailings(tmp_path: Path) -> None:
    """In a process that has loaded nothing of mailings by itself."""
    (tmp_path / "rule.json").write_text('{"received": "value-gap"}')
    assert "no mailing named" in program("segment", "save", "x", "received = value-gap", folder=tmp_path).err
    said = program("segment", "save", "had-it", "rule.json", folder=tmp_path)
    assert "no mailing named 'value-gap'" in said.err


@pytest.mark.parametrize("text", ["{", "[]", '"BE"', '{"contry": "BE"}', "[" * 100_000], ids=lambda text: text[:16])
def test_a_rule_that_is_none_is_refused(press: Path, text: str) -> None:
    rule = press / "rule.json"
    rule.write_text(text)
    said = broadside("segment", "save", "south", rule, status=1)
    assert said.err.startswith("broadside: ")
    assert said.err.count("\n") == 1


def test_the_house_style_is_entered_and_shown(database: str, tmp_path: Path) -> None:
    assert "house import" in broadside("house", "show", status=1).err
    file = tmp_path / "house.yaml"
    file.write_text("name: IMPALA\naddress: |\n  Coudenberg 70\n  1000 Brussels\nboilerplate:\n  en: About [us].\n")
    broadside("house", "import", file)
    shown = broadside("house", "show").out
    for words in ("IMPALA", "Coudenberg 70", "About [us]."):
        assert words in shown
    assert broadside("house", "show", "--json").json["address"] == ["Coudenberg 70", "1000 Brussels"]
    file.write_text("name: IMPALA\nadress: x\n")
    assert "did you mean 'address'?" in broadside("house", "import", file, status=1).err


def test_a_list_has_a_title_in_each_language(press: Path) -> None:
    broadside("list", "title", "press", "La presse", "--language", "fr")
    broadside("list", "title", "press", "The press")
    assert broadside("list", "show", "--json").json["lists"][0]["title"] == "The press"
    with reading() as session:
        assert find_list(session, "press").titles == {"default": "The press", "fr": "La presse"}
    assert "is not a language" in broadside("list", "title", "press", "x", "--language", "frr-x", status=1).err


def test_lists_are_owned_and_archived(press: Path) -> None:
    broadside("list", "owner", "press", "Zoë O'Brien")
    assert "Zoë O'Brien" in broadside("list", "show").out
    broadside("list", "archive", "press")
    assert "archived already" in broadside("list", "archive", "press").out
    assert "archived" in broadside("list", "show").out
    assert "list unarchive press" in put(press, PEOPLE, status=1).err
    broadside("list", "unarchive", "press")
    assert put(press, PEOPLE, "--json").json["unchanged"] == 3


def test_who_is_on_a_list_and_why(press: Path) -> None:
    broadside("subscribers", "unsubscribe", "zoe@example.org")
    people = broadside("list", "people", "press", "--json").json["people"]
    assert [(one["email"], one["standing"], one["source"]) for one in people] == [
        ("anna@example.net", "confirmed", "form, May 2026"),
        ("li@example.com", "confirmed", "form, May 2026"),
        ("zoe@example.org", "unsubscribed", BY_HAND),
    ]
    said = broadside("list", "people", "press", "--standing", "confirmed")
    assert "anna@example.net" in said.out and "form, May 2026" in said.out and "zoe@" not in said.out
    assert len(rows(broadside("list", "people", "press", "--csv"))) == 3
    assert "nobody" in broadside("list", "people", "press", "--standing", "pending").out


LEFT = "email,status\nleft@example.org,Cleaned\nstay@example.org,active\nfar@example.org,Lapsed\n"


def test_a_dry_run_shows_all_and_writes_nothing(press: Path) -> None:
    decided = ("--status", "Lapsed=unsubscribed")
    said = put(press, LEFT, "--dry-run", *decided)
    for text in ("people.csv", "comma", "utf-8", "stay@example.org", "Cleaned", "hard-bounce", "nothing was written"):
        assert text in said.out
    assert max(map(len, said.out.splitlines())) <= 80
    seen = put(press, LEFT + "nonsense,active\n", "--dry-run", "--json", *decided, status=3).json
    assert not (press / "people.csv.rejected.csv").exists()
    assert [row.get("status", "rejected") for row in seen["rows"]] == [
        "hard-bounce",
        "confirmed",
        "unsubscribed",
        "rejected",
    ]
    assert seen["columns"] == [{"column": "email", "becomes": "email"}, {"column": "status", "becomes": "status"}]
    assert "no subscriber has" in broadside("subscribers", "show", "stay@example.org", status=1).err
    done = put(press, LEFT + "nonsense,active\n", "--json", *decided, status=3).json
    assert done == {name: value for name, value in seen.items() if name in done}
    assert (done["created"], done["unsubscribed"], done["suppressed"], done["rejected"]) == (1, 1, 1, 1)
    again = put(press, "LEFT@example.org\nFAR@EXAMPLE.ORG\n", "--json", name="bare.txt").json
    assert again["kept_out"] == 2
    events = broadside("subscribers", "show", "far@example.org", "--json").json["subscriptions"][0]["events"]
    assert [(event["standing"], event["source"]) for event in events] == [
        ("unsubscribed", "form, May 2026 (status: Lapsed)")
    ]


def test_an_unknown_word_of_a_status_stops_the_import(press: Path) -> None:
    said = put(press, LEFT, status=1)
    assert "'Lapsed' (1)" in said.err and "--status Lapsed=unsubscribed" in said.err
    assert "no subscriber has" in broadside("subscribers", "show", "stay@example.org", status=1).err
    assert "did you mean 'unsubscribed'" in put(press, LEFT, "--status", "Lapsed=unsubscribd", status=1).err
    put(press, LEFT, "--status", "Lapsed", status=2)
    put(press, LEFT, "--map", "status=")


def test_everybody_in_a_file_may_have_left(press: Path) -> None:
    assert put(press, "zoe@example.org\n", "--everybody", "unsubscribed", "--json").json["unsubscribed"] == 1
    assert len(rows(broadside("subscribers", "export", "--list", "press"))) == 2
