import io
from pathlib import Path

import pytest
import yaml
from PIL import Image
from sqlalchemy import func, select

from config.database import reading, transaction
from config.errors import Refused
from mailer.colours import LIGHT, PAIRS, READABLE, Colours, contrast
from mailer.house import House, default_house, import_house, load_house
from mailer.models import HouseStyle, Media, Sender
from subscribers.models import Organisation
from subscribers.organisation import default_organisation

DEMO = Path(__file__).parents[2] / "cli" / "demo_content" / "house.yaml"


def write(folder: Path, text: str, name: str = "house.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def picture(width: int = 400, height: int = 96, form: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), "#b32d12").save(out, form)
    return out.getvalue()


def enter(path: Path) -> House:
    with transaction() as session:
        return import_house(session, path)


def test_the_demo_house_is_entered_and_comes_back_equal(database: str) -> None:
    entered = enter(DEMO)
    with reading() as session:
        organisation = session.scalars(select(Organisation)).one()
        assert organisation.name == "IMPALA"
        assert load_house(session, organisation.id) == entered
        assert session.scalars(select(Sender)).one().address == "press@impala.example"
    assert entered.address == ("Coudenberg 70", "1000 Brussels", "Belgium")
    assert entered.about("fr-BE").startswith("Fondée en 2000")
    assert entered.about("de").startswith("Formed in 2000")


def test_entered_again_it_is_the_next_version_of_the_same(database: str, tmp_path: Path) -> None:
    enter(DEMO)
    enter(write(tmp_path, "name: IMPALA\nphone: '+32 1'\nsender: Desk <press@impala.example>\n"))
    with reading() as session:
        assert session.scalar(select(func.count()).select_from(Organisation)) == 1
        assert session.scalar(select(func.count()).select_from(HouseStyle)) == 1
        organisation = session.scalars(select(Organisation)).one()
        assert load_house(session, organisation.id).phone == "+32 1"
        assert load_house(session, organisation.id).address == ()
        assert session.scalars(select(Sender)).one().name == "Desk"


def test_the_first_organisation_which_had_no_name_is_given_one(database: str) -> None:
    with transaction() as session:
        first = default_organisation(session).id
    enter(DEMO)
    with reading() as session:
        assert [(row.id, row.name) for row in session.scalars(select(Organisation))] == [(first, "IMPALA")]


def test_a_logo_is_kept_as_media_and_shown_at_masthead_height(database: str, tmp_path: Path) -> None:
    content = picture(400, 96)
    (tmp_path / "logo.png").write_bytes(content)
    house = enter(write(tmp_path, "name: Example\nlogo: {file: logo.png, alt: Example}\n"))
    assert house.logo is not None
    assert (house.logo.width, house.logo.height, house.logo.content_type) == (200, 48, "image/png")
    with reading() as session:
        stored = session.get(Media, house.logo.hash)
        assert stored is not None and stored.content == content


def test_without_a_house_style_the_organisation_has_its_name_and_the_default_look(database: str) -> None:
    with transaction() as session:
        session.add(Organisation(name="Example"))
    with reading() as session:
        organisation = session.scalars(select(Organisation)).one()
        assert load_house(session, organisation.id).name == "Example"
        assert load_house(session, organisation.id).colours == default_house().colours


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name: A\nadress: x\n", "did you mean 'address'"),
        ("name: A\nsendr: x\n", "did you mean 'sender'"),
        ("name: A\ncolours: {acent: red}\n", "did you mean 'accent'"),
        ("name: A\ncolours: {dark: {papr: red}}\n", "did you mean 'paper'"),
        ("name: A\ncontact: {telephone: x}\n", "contact"),
        ("name: A\nfonts: {heding: serif}\n", "did you mean 'heading'"),
        ("name: A\nlogo: {file: logo.png, alt: A, size: 3}\n", "key of logo"),
        ("phone: 1\n", "`name:` is missing"),
        ("name: A\ncolours: {accent: reddish}\n", "'reddish' is not a colour"),
        ("name: A\ncolours: {muted: '#aaaaaa'}\n", "contrast of 2.3 to 1"),
        ("name: A\ncolours: {dark: {ink: '#444444'}}\n", "ink #444444 on paper"),
        ("name: A\nfonts: {heading: 'x; } body {'}\n", "fonts.heading"),
        ("name: A\nwebsite: 'javascript:alert(1)'\n", "website"),
        ("name: A\nsender: nobody\n", "is no address"),
        ("name: A\nsender: nobody@nowhere\n", "house.yaml, line 2: sender: 'nobody@nowhere' is not an address"),
        ("name: A\nsender: Pressé <pressé@impala.example>\n", "before the @ take ASCII letters"),
        ("name: A\nlogo: {file: none.png, alt: A}\n", "there is no file none.png; put it beside"),
        ("name: A\nlogo: {file: text.png, alt: A}\n", "is not a picture"),
        ("name: A\nlogo: {file: logo.png}\n", "alt:"),
        ("name: A\nlogo: {file: logo.bmp, alt: A}\n", "is BMP"),
        ("- name\n", "key: value"),
        ("name: A\nname: B\n", "line 2"),
        ("name: A\n\ncolours:\n  brand: '#111111'\n  paper: '#000000'\n", "line 3"),
        ("name: [\n", "not YAML"),
    ],
)
def test_what_is_not_understood_is_refused_with_file_place_and_advice(
    database: str, tmp_path: Path, text: str, words: str
) -> None:
    (tmp_path / "logo.png").write_bytes(picture())
    (tmp_path / "logo.bmp").write_bytes(picture(form="BMP"))
    (tmp_path / "text.png").write_text("no picture")
    path = write(tmp_path, text)
    with pytest.raises(Refused) as refused:
        enter(path)
    assert words in str(refused.value) and str(path) in str(refused.value)
    with reading() as session:
        assert session.scalar(select(func.count()).select_from(Organisation)) == 0


def test_a_sender_may_have_a_comma_in_its_name(database: str, tmp_path: Path) -> None:
    enter(write(tmp_path, "name: IMPALA\nsender: Ministry of Culture, Paris <press@impala.example>\n"))
    with reading() as session:
        sender = session.scalars(select(Sender)).one()
        assert (sender.name, sender.address) == ("Ministry of Culture, Paris", "press@impala.example")


def test_one_sender_belongs_to_one_organisation(database: str, tmp_path: Path) -> None:
    enter(DEMO)
    with pytest.raises(Refused, match="belongs to another organisation"):
        enter(write(tmp_path, "name: Other\nsender: press@impala.example\n"))


def test_contrast_is_counted_as_wcag_counts_it() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("accent", ["#b32d12", "#1d5c63", "#4b0082", "#00008b", "#8b4500"])
def test_one_accent_gives_two_schemes_that_can_be_read(accent: str) -> None:
    colours = Colours.model_validate({"accent": accent})
    for scheme in (colours, colours.dark):
        assert all(contrast(getattr(scheme, a), getattr(scheme, b)) >= READABLE for a, b in PAIRS)
    assert colours.dark.accent != accent


def test_any_way_to_write_a_colour_becomes_six_digits() -> None:
    assert Colours.model_validate({"brand": "rgb(0 0 0)"}).brand == "#000000"
    assert set(LIGHT) == set(yaml.safe_load(DEMO.read_text("utf-8"))["colours"]) - {"dark"}
