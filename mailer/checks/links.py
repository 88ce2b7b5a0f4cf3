"""Links: where they lead, and whether they say so."""

import ipaddress
import re
from functools import cache
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import yaml

from mailer.checks.dossier import Dossier
from mailer.checks.edition import Edition
from mailer.checks.pieces import Link
from mailer.checks.registry import Found, edition_rule
from mailer.findings import Level

_ADDRESS = re.compile(r"(?:https?://|www\.)\S+|[\w-]+(?:\.[\w-]+)*\.[a-z]{2,}(?:/\S*)?", re.IGNORECASE)
_PRIVATE = (".local", ".localhost", ".internal", ".intranet", ".lan", ".corp", ".home", ".home.arpa")
_TWICE = re.compile(r"https?:/*https?:|(?<!^)(?<![=/%])https?://", re.IGNORECASE)


@edition_rule(Level.warning)
def http_link(edition: Edition, dossier: Dossier) -> Found:
    """A link that is not encrypted."""
    del dossier
    for link in edition.links:
        if link.target.lower().startswith("http://"):
            yield (
                link.at,
                f"{link.target} is not encrypted, and browsers warn of it",
                "write https:// if the site has it",
            )


@edition_rule(Level.error)
def empty_link(edition: Edition, dossier: Dossier) -> Found:
    """A link without words, or to nowhere."""
    del dossier
    for link in edition.links:
        if link.words == "":
            yield (
                link.at,
                f"the link to {link.target} has no words, so nobody can follow it",
                "write words in its brackets",
            )
        elif not urlsplit(link.target).netloc and link.target.lower().startswith(("http:", "https:")):
            yield link.at, f"the link {link.target!r} leads nowhere", "write its whole address"
        elif not link.target:
            yield link.at, f"the link {link.words!r} has no address", "write it in round brackets after the words"


@edition_rule(Level.error)
def doubled_link(edition: Edition, dossier: Dossier) -> Found:
    """An address that was pasted twice into one link."""
    del dossier
    for link in edition.links:
        if _TWICE.search(link.target):
            yield link.at, f"{link.target} is two addresses in one", "take one of them out"


@edition_rule(Level.warning)
def repeated_link(edition: Edition, dossier: Dossier) -> Found:
    """The same link twice in one paragraph."""
    del dossier
    seen: set[tuple[int, str]] = set()
    for link in edition.links:
        if link.block >= 0 and not link.at.field and (link.block, link.target) in seen:
            yield (
                link.at,
                f"{link.target} stands in this paragraph a second time",
                "one link is enough, on the best words",
            )
        seen.add((link.block, link.target))


@edition_rule(Level.error)
def private_link(edition: Edition, dossier: Dossier) -> Found:
    """A link that works on your own network only."""
    del dossier
    for link in edition.links:
        if is_private(host(link)):
            yield (
                link.at,
                f"{link.target} can be opened on your own network only",
                "link to the page that the public sees",
            )


@edition_rule(Level.warning)
def drive_link(edition: Edition, dossier: Dossier) -> Found:
    """A link to a document in somebody's drive."""
    del dossier
    for link in edition.links:
        name = host(link)
        if any(name == drive or name.endswith(f".{drive}") for drive in _data()["drives"]):
            yield (
                link.at,
                f"{link.target} is in somebody's drive: readers may have no access to it, and it can be changed",
                "put the document on your website, or attach it",
            )


@edition_rule(Level.warning)
def tracking_parameter(edition: Edition, dossier: Dossier) -> Found:
    """A link that tells somebody who has clicked."""
    del dossier
    for link in edition.links:
        parts = urlsplit(link.target)
        given = parse_qsl(parts.query, keep_blank_values=True)
        kept = [(name, value) for name, value in given if not _tracks(name)]
        if len(kept) < len(given):
            names = ", ".join(name for name, _ in given if _tracks(name))
            clean = urlunsplit(parts._replace(query=urlencode(kept)))
            yield link.at, f"the link follows its readers with {names}", f"write {clean}"


@edition_rule(Level.error)
def misleading_link(edition: Edition, dossier: Dossier) -> Found:
    """The words of a link are an address, and not the one it leads to."""
    del dossier
    for link in edition.links:
        words = (link.words or "").strip()
        if not _ADDRESS.fullmatch(words) or not host(link):
            continue
        shown = (urlsplit(words if "://" in words else f"//{words}").hostname or "").lower().removeprefix("www.")
        if shown and not _same_site(shown, host(link).removeprefix("www.")):
            yield (
                link.at,
                f"the link says {words} and leads to {host(link)}, as forged mail does",
                "let the words be the address, or other words",
            )


@edition_rule(Level.warning)
def dead_link(edition: Edition, dossier: Dossier) -> Found:
    """A link that leads nowhere; asked only with --online."""
    for link in edition.links:
        if link.target in dossier.dead:
            yield link.at, f"{link.target}: {dossier.dead[link.target]}", "open it, and correct it or take it out"


def host(link: Link) -> str:
    """The host of a link to the web, lower-case; "" of another kind of link."""
    try:
        parts = urlsplit(link.target)
        return (parts.hostname or "").lower() if parts.scheme in {"http", "https"} else ""
    except ValueError:
        return ""


def is_private(name: str) -> bool:
    """Whether a host is not of the public internet, as far as its name says."""
    try:
        return not ipaddress.ip_address(name).is_global
    except ValueError:
        return bool(name) and ("." not in name or name.endswith(_PRIVATE))


def _same_site(one: str, other: str) -> bool:
    return one == other or one.endswith(f".{other}") or other.endswith(f".{one}")


def _tracks(parameter: str) -> bool:
    return any(
        parameter.lower().startswith(name[:-1]) if name.endswith("*") else parameter.lower() == name
        for name in _data()["tracking"]
    )


@cache
def _data() -> dict[str, list[str]]:
    data: dict[str, list[str]] = yaml.safe_load(Path(__file__).with_name("links.yaml").read_text(encoding="utf-8"))
    return data
