"""`broadside subscribers show` and `forget`: all that is held of one person, and its end."""

from typing import Annotated, Any

import typer

import mailer  # noqa: F401  (adds deliveries to what is held of a person)
from cli.group import commands, example
from cli.options import Address, AsJson
from cli.output import REFUSED, agreed, count, facts, moment, say, table, write_json
from config.database import reading, transaction
from subscribers import erasure, history
from subscribers.fields import FIELDS

app = commands()
KEPT = (
    "counts in reports",
    "the address as a keyed hash: no import brings it back, their own confirmed subscription would",
    "the random id in the links of mail they still have, beside that hash",
)
OUT_OF_REACH = (
    "flight recorders on the workers' hosts: servers' words, for up to a day",
    "a message that a worker has in hand at this moment",
    "backups, and the logs of relays",
    "files that you imported, exported or find beside them as .rejected.csv",
    "their name in free text about others; the address was looked for, and erased",
)


@app.command(epilog=example("broadside subscribers show zoe@example.org --json"))
def show(
    address: Address,
    as_json: AsJson = False,
) -> None:
    """Show all that is known of a person: their data, their lists, and everything that happened, in its order."""
    with reading() as session:
        known = history.show(session, address)
    if as_json:
        write_json(known)
        return
    attributes = {f"attributes.{name}": value for name, value in known.get("attributes", {}).items()}
    told = {name.replace("_", " "): known.get(name, "") for name in ("email", *FIELDS)}
    told["also at"] = [one["email"] for one in known.get("addresses", ())]
    facts({name: _joined(value) for name, value in (told | attributes).items()})
    if known["subscriptions"]:
        say()
        table(
            ("list", "standing", "basis", "since"),
            [(on["list"], on["standing"], on["basis"], moment(on["since"])) for on in known["subscriptions"]],
        )
    for held in known["suppressions"]:
        say()
        elsewhere = f"{held['address']}: " if held["address"] != known["email"] else ""
        scope = f" for the purpose {held['scope']}" if held["scope"] else ""
        say(f"{elsewhere}suppressed, gets no mail{scope}: {held['reason']}, {moment(held['at'])}", "yellow")
    happened = sorted(_happened(known), key=lambda one: one[0] or "9")
    if happened:
        say()
        table(("when", "what", "how"), [(moment(at), what, how) for at, what, how in happened])


def _happened(known: dict[str, Any]) -> list[tuple[str, str, str]]:
    """(when, what, how) of everything that has a time."""
    found = []
    for event in known["events"]:
        notes = [event["source"], f'"{event["wording"]}"' if event["wording"] else ""]
        if event["undone"]:
            notes.append("by a merge that was undone")
        elif event["merged"]:
            notes.append("by a merge")
        if event["address"] != known["email"]:
            notes.append(event["address"])
        what = f"list {event['list']}: {event['standing']}, {event['basis']}"
        found.append((event["at"], what, "; ".join(filter(None, notes))))
    for held in known["suppressions"]:
        what = f"suppressed: {held['reason']}" + (f" ({held['scope']})" if held["scope"] else "")
        elsewhere = held["address"] if held["address"] != known["email"] else ""
        found.append((held["at"], what, "; ".join(filter(None, (held["source"], elsewhere)))))
    for sent in known.get("deliveries", ()):
        elsewhere = sent["address"] if sent["address"] != known["email"] else ""
        how = "; ".join(filter(None, (sent["reason"], sent["reply"], elsewhere)))
        found.append((sent["at"], f"mailing {sent['mailing']}: {sent['state']}", how))
    for merge in known.get("merges", ()):
        found.append((merge["at"], f"merged: {merge['other']}", f"into {merge['kept']}; {merge['source']}"))
        if merge["undone_at"]:
            found.append((merge["undone_at"], f"merge undone: {merge['other']}", ""))
    return found


def _joined(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


@app.command(epilog=example("broadside subscribers forget zoe@example.org"))
def forget(
    address: Address,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Erase a person, at every address of theirs (GDPR, article 17). It cannot be undone, so you are asked first.

    Their data, consent and subscriptions go, and from the account of deliveries whatever points to them. Counts stay,
    and the address as a hash that keeps it out of imports. What the command cannot reach, it tells.
    """
    with reading() as session:
        since = erasure.forgotten_since(session, address)
        known = None if since else history.show(session, address)
    if since:
        say(f"that address was erased on {since:%Y-%m-%d}; nothing of it is held but the hash that keeps it out")
        return
    assert known is not None
    if not yes:
        deliveries = count(len(known.get("deliveries", ())), "delivery", "deliveries")
        held = f"{count(len(known['events']), 'consent event')}, {deliveries}"
        if not agreed(f"Erase {known['email']} for good ({held})?"):
            say("nothing is erased")
            raise typer.Exit(REFUSED)
    with transaction() as session:
        done = erasure.forget(session, address)
    say(f"erased: {count(done.addresses, 'address', 'addresses')}, {count(done.events, 'consent event')}")
    facts({name: f"{number:,}" for name, number in done.parts.items()} | {"mentions elsewhere": done.mentions or ""})
    for title, remains in (("Kept:", KEPT), ("Not reached from here:", OUT_OF_REACH)):
        say()
        say(title, "bold")
        for one in remains:
            say(f"- {one}")
