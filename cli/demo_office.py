"""What the demo sets up: IMPALA's press office, its lists and ten thousand invented people, a mailing of each kind."""

import csv
import shutil
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

from cli.demo_content.people import COLUMNS, people
from config.database import transaction
from mailer.folder import import_folder
from mailer.house import import_house
from mailer.mailing_file import read_mailing_file
from subscribers.importing import import_file
from subscribers.lists import create_list, set_title
from subscribers.models import Basis

MAILINGS = {
    "op-ed": "value-gap",
    "press-release": "fair-deals",
    "campaign-update": "fair-access",
    "newsletter": "spring-news",
    "invitation": "open-evening",
}
"""The demo's mailing of each kind. It sends one; the others are left for the visitor to send."""


@dataclass(frozen=True, slots=True)
class Audience:
    """A list of the demo, and which of the invented people are on it."""

    name: str
    title: str
    purpose: str
    basis: Basis
    roles: frozenset[str]
    titles: dict[str, str]


LISTS = (
    Audience(
        "members",
        "IMPALA members",
        "membership",
        Basis.membership,
        frozenset({"member", "association", "staff"}),
        {"fr": "Adhérents IMPALA", "ar": "أعضاء إمبالا"},
    ),
    Audience(
        "policy",
        "IMPALA for policymakers",
        "policy",
        Basis.legitimate_interest,
        frozenset({"policymaker", "association"}),  # associations are on two lists, and get one mail
        {"fr": "IMPALA pour les décideurs", "ar": "إمبالا لصانعي القرار"},
    ),
    Audience(
        "press",
        "IMPALA for the press",
        "press",
        Basis.legitimate_interest,
        frozenset({"journalist", "other"}),
        {"fr": "IMPALA pour la presse", "ar": "إمبالا للصحافة"},
    ),
)


def lay_out(folder: Path, count: int) -> dict[str, int]:
    """Write what a press office would have at hand to `folder`; how many people each list's file holds.

    house.yaml, a CSV file a list, and a folder a mailing, to look at and to change.
    """
    with as_file(files("cli.demo_content")) as content:
        shutil.copy(content / "house.yaml", folder)
        for name in MAILINGS.values():
            shutil.copytree(content / name, folder / name)
    rows = defaultdict(list)
    for person in people(count):
        for audience in LISTS:
            if person["role"] in audience.roles:
                rows[audience.name].append(person)
    for audience in LISTS:
        with (folder / f"{audience.name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(rows[audience.name])
    return {audience.name: len(rows[audience.name]) for audience in LISTS}


def readers(name: str, count: int) -> int:
    """How many of the `count` people a mailing is for."""
    lists = read_mailing_file(Path(str(files("cli.demo_content"))) / name).audience.lists
    roles = {role for audience in LISTS if audience.name in lists for role in audience.roles}
    return sum(person["role"] in roles for person in people(count))


def enter_house(folder: Path) -> str:
    """Enter the house style; the organisation's name."""
    with transaction() as session:
        return import_house(session, folder / "house.yaml").name


def create_lists() -> None:
    """Make the lists, each with its title in every language of the mailings."""
    with transaction() as session:
        for audience in LISTS:
            create_list(session, audience.name, audience.title, audience.purpose)
            for language, title in audience.titles.items():
                set_title(session, audience.name, language, title)


def import_people(folder: Path, audience: Audience, progress: Callable[[int, int], None]) -> int:
    """Import the file of one list; how many people were new."""
    counts = import_file(
        folder / f"{audience.name}.csv",
        audience.name,
        audience.basis,
        "invented for the demo",
        progress=progress,
    )
    return counts["created"]


def import_mailing(folder: Path, name: str) -> int:
    """Import the folder of a mailing; the mailing's id."""
    with transaction() as session:
        return import_folder(session, folder / name).id
