"""Invented recipients for the demo: subscribers of a European association, none of whom exists.

Addresses are on domains that are reserved for examples (RFC 2606, RFC 6761), so that no mail can reach anybody.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from random import Random
from typing import Any

import yaml

COLUMNS = ("email", "first_name", "last_name", "languages", "country", "time_zone", "role", "organisation", "topics")
FREE = ("example.org", "example.com", "example.net")
"""Where freelancers have their mail."""


def people(count: int = 10_000, seed: int = 2000) -> Iterator[dict[str, str]]:
    """`count` people as rows of an import file (`COLUMNS`); the same for the same seed, every address once."""
    random = Random(seed)  # noqa: S311 -- invented people, no secrets
    taken: set[str] = set()
    for _ in range(count):
        yield _person(random, taken)


def topics() -> dict[str, str]:
    """IMPALA's twenty actions in its own words, by the short name that subscribers' topics use."""
    return dict(_data()["topics"])


@cache
def _data() -> dict[str, Any]:
    data: dict[str, Any] = yaml.safe_load(files("cli.demo_content").joinpath("people.yaml").read_text("utf-8"))
    data["called"] = data["called"].split(", ")
    data["names"] = {
        language: {kind: names.split(", ") for kind, names in pool.items()} for language, pool in data["names"].items()
    }
    return data


def _person(random: Random, taken: set[str]) -> dict[str, str]:
    data = _data()
    country = _pick(random, {code: place["share"] for code, place in data["countries"].items()})
    language = _pick(random, data["countries"][country]["languages"])
    role = _pick(random, data["roles"])
    first, last, spelled = _name(random, language)
    organisation, domain = _workplace(random, role)
    also = ";en" if language != "en" and random.random() < 0.55 else ""
    many = 0 if random.random() < 0.1 else min(1 + int(random.expovariate(0.5)), 8)
    return {
        "email": _address(spelled, domain, taken),
        "first_name": first if random.random() < 0.95 else "",
        "last_name": last,
        "languages": language + also if random.random() < 0.9 else "",
        "country": country if random.random() < 0.95 else "",
        "time_zone": data["countries"][country]["time_zone"],
        "role": role,
        "organisation": organisation,
        "topics": ";".join(random.sample(list(data["topics"]), k=many)),
    }


def _pick(random: Random, shares: dict[str, int]) -> str:
    return random.choices(list(shares), weights=list(shares.values()))[0]


def _name(random: Random, language: str) -> tuple[str, str, str]:
    """(given name, family name, how an address spells both)."""
    gender = random.choice("fm")
    pool = _data()["names"][language]
    first, last = random.choice(pool[gender]), random.choice(pool["last"])
    man, _, woman = last.partition("/")
    last = woman if woman and gender == "f" else man
    written = [name.partition("~")[0] for name in (first, last)]
    spelled = [_latin(name.partition("~")[2] or name) for name in (first, last)]
    return written[0], written[1], ".".join(spelled)


def _latin(name: str) -> str:
    """`name` in the letters of an everyday address: `Þórunn` is `thorunn`, a Greek or Cyrillic name as it sounds."""
    plain = _without_accents(name.lower())
    for letter, latin in _data()["spelling"].items():
        plain = plain.replace(letter, latin)
    return re.sub(r"[^a-z0-9]+", "", plain)


def _without_accents(name: str) -> str:
    """`name` without the marks on its letters, except where a mark makes another letter of a Cyrillic one."""
    letters = []
    for letter in name:
        bare = "".join(part for part in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(part))
        letters.append(letter if letter in _data()["spelling"] else bare)
    return "".join(letters)


def _workplace(random: Random, role: str) -> tuple[str, str]:
    """(organisation or outlet, domain); freelancers have neither of their own."""
    if random.random() < 0.12 and role in {"journalist", "member", "other"}:
        return "", random.choice(FREE)
    data = _data()
    name = random.choice(data["workplaces"][role]).format(random.choice(data["called"]))
    return name, re.sub(r"[^a-z0-9]+", "-", name.lower()) + ".example"


def _address(spelled: str, domain: str, taken: set[str]) -> str:
    address, number = f"{spelled}@{domain}", 1
    while address in taken:
        number += 1
        address = f"{spelled}{number}@{domain}"
    taken.add(address)
    return address
