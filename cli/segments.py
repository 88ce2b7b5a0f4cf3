"""`broadside segment`: saved filters over subscribers."""

from dataclasses import asdict
from typing import Annotated

import typer

import mailer  # noqa: F401  (adds its rules to those that a segment may have)
from cli.group import commands, example
from cli.options import AsJson
from cli.output import count, say, table, write_json
from config.database import reading, transaction
from subscribers.segments import count_segment, find_segment, list_segments, read_rule, save_segment, text_of

app = commands()


Name = Annotated[str, typer.Argument(metavar="NAME", help="The segment.")]


@app.command(
    epilog=example(
        "broadside segment save brussels 'country in (BE, FR) and not list = staff'",
        "broadside segment save brussels brussels.json",
    )
)
def save(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A short name: a-z, 0-9 and hyphens.")],
    rule: Annotated[str, typer.Argument(metavar="RULE|FILE", help="The rule, or a file with it, as text or JSON.")],
) -> None:
    """Save a filter under a name, in place of the one before.

    A rule compares fields (role = journalist), attributes.x, topic, language, list or received by =, !=, in (a, b),
    contains, starts with, >, <, before and after, joined by and, or, not and parentheses.
    """
    with transaction() as session:
        saved = save_segment(session, name, read_rule(rule))
        text = text_of(saved)
    say(f"the segment {name} is saved: {text}")
    say(f"see whom it means with: broadside segment count {name}")


@app.command(epilog=example("broadside segment show", "broadside segment show brussels-press > brussels-press.txt"))
def show(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="One segment; all if left out.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show the rule of a segment as text, in the form that save takes; or all segments."""
    with reading() as session:
        segments = [find_segment(session, name)] if name else list_segments(session)
        texts = {one.name: text_of(one) for one in segments}
    if as_json:
        write_json({"segments": [{"name": one.name, "text": texts[one.name], "rule": one.rule} for one in segments]})
    elif name:
        say(texts[name])
    elif texts:
        table(("segment", "rule"), list(texts.items()))
    else:
        say("there is no segment yet; save one with: broadside segment save belgium 'country = BE'")


@app.command("count", epilog=example("broadside segment count brussels-press"))
def count_people(name: Name, as_json: AsJson = False) -> None:
    """Count the people in a segment now, those of them that mail may reach, and all by language and role."""
    with reading() as session:
        counted = count_segment(session, name)
    if as_json:
        write_json({"segment": name, **asdict(counted)})
        return
    say(f"{count(counted.matching, 'person', 'people')}, of whom {counted.reachable:,} may be written to")
    for what, numbers in (("language", counted.languages), ("role", counted.roles)):
        if numbers:
            say()
            table((what, "people"), [(one or "not known", f"{n:,}") for one, n in numbers.items()], right=("people",))
