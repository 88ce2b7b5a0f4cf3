"""The house style: who an organisation is and how its mail looks. Data, entered from a YAML file."""

import hashlib
import io
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from PIL import Image, UnidentifiedImageError
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from config.bulk import insert
from config.errors import Refused, Unknown
from config.files import read_bytes, read_text
from mailer.colours import Colours
from mailer.models import HouseStyle, Media, Sender
from mailer.senders import read_sender
from mailer.yaml_file import YamlFile
from subscribers.models import Organisation
from subscribers.organisation import FIRST_NAME

LOGO_TYPES = {"PNG": "image/png", "JPEG": "image/jpeg", "GIF": "image/gif"}
LOGO_BYTES = 100_000
LOGO_HEIGHT = 48
"""The height a logo is shown at, in CSS pixels; its picture may be larger, for dense screens."""

FontStack = Annotated[str, StringConstraints(pattern=r"^[\w ,'.-]+$", max_length=200)]
Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


def _lines(value: Any) -> Any:
    return [line.strip() for line in value.splitlines() if line.strip()] if isinstance(value, str) else value


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class Stacks(_Part):
    """Font families, each a CSS list that ends in a generic name. Mail can carry no fonts: name what devices have."""

    heading: FontStack = "Georgia, 'Noto Serif', 'Times New Roman', serif"
    body: FontStack = "Georgia, 'Noto Serif', 'Times New Roman', serif"
    label: FontStack = "-apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif"
    """Masthead, labels, buttons and footer."""


ARABIC_SCRIPT = frozenset({"ar", "ckb", "fa", "ps", "ur"})
ARABIC = Stacks(
    heading="'Segoe UI', 'Geeza Pro', 'Noto Naskh Arabic', 'Noto Sans Arabic', Tahoma, Arial, sans-serif",
    body="'Segoe UI', 'Geeza Pro', 'Noto Naskh Arabic', 'Noto Sans Arabic', Tahoma, Arial, sans-serif",
    label="'Segoe UI', 'Geeza Pro', 'Noto Sans Arabic', Tahoma, Arial, sans-serif",
)


class Fonts(Stacks):
    """The fonts of a house, and those of a language whose script they lack."""

    languages: dict[str, Stacks] = {}


class Contact(_Part):
    """Whom a journalist calls. Without a name the mail says "Press office" in its own language."""

    name: str = ""
    email: str = ""
    phone: str = ""


class Logo(_Part):
    """The logo, a row of media, shown in the masthead. `width` and `height` are in CSS pixels."""

    hash: str
    content_type: Literal["image/png", "image/jpeg", "image/gif"]
    filename: str
    alt: Line
    width: int
    height: int


class House(_Part):
    """An organisation as its mail shows it."""

    name: Line
    legal_name: str = ""
    """In full, where `name` is a short one."""
    address: Annotated[tuple[Line, ...], BeforeValidator(_lines)] = ()
    website: Annotated[str, StringConstraints(pattern=r"^(https?://\S+)?$")] = ""
    email: str = ""
    phone: str = ""
    logo: Logo | None = None
    colours: Colours = Field(default_factory=lambda: Colours.model_validate({}))
    fonts: Fonts = Fonts()
    boilerplate: dict[str, str] = {}
    """What the organisation says of itself, by language."""
    contact: Contact = Contact()

    def about(self, language: str) -> str:
        """The boilerplate in `language` or a wider one, else in English, else in whichever there is, else ``."""
        from mailer.render.words import fallbacks  # noqa: PLC0415 -- rendering imports this module

        for name in [*fallbacks(language), "en", *self.boilerplate]:
            if name in self.boilerplate:
                return self.boilerplate[name]
        return ""

    def fonts_for(self, language: str) -> Stacks:
        """The font stacks of an edition in `language`."""
        primary = language.split("-", maxsplit=1)[0]
        return self.fonts.languages.get(primary) or (ARABIC if primary in ARABIC_SCRIPT else self.fonts)


def default_house() -> House:
    """The look of an organisation that has none yet; a mailing should not be sent with it, it has no address."""
    return House(name="Press office")


def load_house(session: Session, organisation_id: int) -> House:
    """The house style of an organisation, else the default one under the organisation's name."""
    stored = session.get(HouseStyle, organisation_id)
    if stored is not None:
        return House.model_validate(stored.style)
    organisation = session.get(Organisation, organisation_id)
    return default_house().model_copy(update={"name": organisation.name} if organisation else {})


def shown_house(session: Session) -> House | None:
    """The house style of the first organisation that has one, None where none was entered."""
    stored = session.scalar(select(HouseStyle).order_by(HouseStyle.organisation_id).limit(1))
    return House.model_validate(stored.style) if stored else None


def first_sender(session: Session) -> str:
    """The From line of the sender entered first. Raises Refused where none was entered."""
    found = session.scalar(select(Sender).order_by(Sender.id).limit(1))
    if found is None:
        raise Refused("there is no sender yet; enter one with the house style: broadside house import FILE.yaml")
    return f"{found.name} <{found.address}>" if found.name else found.address


def import_house(session: Session, path: Path) -> House:
    """Enter the house style that the YAML file at `path` describes: a new one, or the next version of a known one.

    Makes the organisation where there is none of that name (or names the first one, which had no name until now),
    keeps the logo as media, and adds `sender` ("Name <address>") to those the organisation may send as. Raises
    Refused, with file and line, for anything that is not understood, for a picture that is none, and for colours that
    could not be read.
    """
    file = YamlFile(read_text(path), str(path))
    given = dict(file.data)
    sender = given.pop("sender", None)
    if given.get("logo") is not None:
        given["logo"] = _keep_logo(session, path.parent, file, given["logo"])
    try:
        house = House.model_validate(given)
    except ValidationError as error:
        raise _refusal(file, error) from None
    organisation = _organisation(session, house.name)
    style = house.model_dump(mode="json")
    stored = session.get(HouseStyle, organisation.id)
    if stored is None:
        session.add(HouseStyle(organisation_id=organisation.id, style=style))
    else:
        stored.style = style
    if sender is not None:
        _keep_sender(session, file, organisation, sender)
    session.flush()
    return house


def _organisation(session: Session, name: str) -> Organisation:
    organisation = session.scalar(select(Organisation).where(Organisation.name == name))
    if organisation is None:
        organisation = session.scalar(select(Organisation).where(Organisation.name == FIRST_NAME))
    if organisation is None:
        organisation = Organisation(name=name)
        session.add(organisation)
    organisation.name = name
    session.flush()
    return organisation


def _keep_logo(session: Session, folder: Path, file: YamlFile, logo: object) -> dict[str, Any]:
    """The logo's `{file, alt}` as the house keeps it; its bytes go into the media table."""
    where = file.where("logo")
    if not isinstance(logo, dict) or not isinstance(logo.get("file"), str) or not str(logo.get("alt") or "").strip():
        raise Refused(f"{where}: logo: give `file:` (a picture beside the YAML file) and `alt:` (what is read aloud)")
    for key in set(logo) - {"file", "alt"}:
        raise Refused(f"{file.where('logo', key)}: {Unknown('key of logo', str(key), ('file', 'alt'))}")
    name = logo["file"]
    if not (folder / name).is_file():
        raise Refused(f"{where}: there is no file {name}; put it beside the YAML file")
    try:
        content = read_bytes(folder / name, 10 * LOGO_BYTES)
        with Image.open(io.BytesIO(content)) as picture:
            form, size = picture.format or "", picture.size
            picture.load()
    except UnidentifiedImageError:
        raise Refused(f"{where}: {name} is not a picture; save it again as PNG, JPEG or GIF") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        raise Refused(f"{where}: {name} cannot be read; save it again as PNG, JPEG or GIF") from None
    if form not in LOGO_TYPES:
        raise Refused(f"{where}: {name} is {form}; mail programs show PNG, JPEG and GIF")
    if len(content) > LOGO_BYTES:
        raise Refused(f"{where}: {name} has {len(content):,} bytes and travels in every mail; at most {LOGO_BYTES:,}")
    digest = hashlib.sha256(content).hexdigest()
    keep = insert(session, Media).values(hash=digest, content_type=LOGO_TYPES[form], content=content)
    session.execute(keep.on_conflict_do_nothing())
    height = min(LOGO_HEIGHT, size[1])
    return {
        "hash": digest,
        "content_type": LOGO_TYPES[form],
        "filename": f"house-logo.{form.lower()}",
        "alt": logo["alt"],
        "width": max(1, round(size[0] * height / size[1])),
        "height": height,
    }


def _keep_sender(session: Session, file: YamlFile, organisation: Organisation, sender: object) -> None:
    try:
        name, address = read_sender(str(sender))
    except Refused as error:
        raise Refused(f"{file.where('sender')}: sender: {error}") from None
    known = session.scalar(select(Sender).where(Sender.address == address))
    if known is None:
        session.add(Sender(organisation_id=organisation.id, name=name, address=address))
    elif known.organisation_id != organisation.id:
        raise Refused(
            f"{file.where('sender')}: sender: {address} belongs to another organisation; give this one its own address"
        )
    else:
        known.name = name


def _refusal(file: YamlFile, error: ValidationError) -> Refused:
    """The first thing that pydantic did not like, in words."""
    first = error.errors()[0]
    place = [str(step) for step in first["loc"]]
    where = file.where(*place)
    match first["type"]:
        case "extra_forbidden":
            inside = f" of {'.'.join(place[:-1])}" if place[:-1] else ""
            return Refused(f"{where}: {Unknown(f'key{inside}', place[-1], _known(place[:-1]))}")
        case "missing":
            return Refused(f"{where}: `{'.'.join(place)}:` is missing; add it")
    return Refused(f"{where}: {'.'.join(place)}: {first['msg'].removeprefix('Value error, ')}")


def _known(place: list[str]) -> tuple[str, ...]:
    """The keys there are at `place` in a house style, as one writes them in the file."""
    model: Any = House
    for step in place:
        annotation = model.model_fields[step].annotation if step in model.model_fields else model
        model = next((kind for kind in (annotation, *get_args(annotation)) if hasattr(kind, "model_fields")), model)
    fields = tuple(model.model_fields)
    return (*fields, "sender") if model is House else fields
