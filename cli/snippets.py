"""`broadside snippet`: named pieces of text for any edition."""

from pathlib import Path
from typing import Annotated

import typer

from cli.group import commands, example
from cli.options import AsJson
from cli.output import say, table, write_json
from config.database import reading, transaction
from mailer.snippets import find_snippet, import_snippets, load_snippets, remove_snippet

app = commands()

Name = Annotated[str, typer.Argument(metavar="NAME", help="The snippet.")]


@app.command("import", epilog=example("broadside snippet import snippets.yaml"))
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE.yaml", help="Snippets by name, each with its texts.")],
) -> None:
    """Enter snippets from a YAML file, in place of those with the same names.

    The file holds, for each name, a text in Markdown for each language. A text includes one with
    {% include "NAME" %}. Mailings sent before keep the text they had.
    """
    with transaction() as session:
        given = import_snippets(session, file)
    for name, texts in given.items():
        say(f"{name}: {', '.join(texts)}")


@app.command("list", epilog=example("broadside snippet list"))
def list_(as_json: AsJson = False) -> None:
    """Show the snippets and their languages."""
    with reading() as session:
        known = load_snippets(session)
    if as_json:
        write_json({"snippets": [{"snippet": name, "languages": list(texts)} for name, texts in known.items()]})
    elif known:
        table(("snippet", "languages"), [(name, ", ".join(texts)) for name, texts in known.items()])
    else:
        say("there is no snippet yet; enter some with: broadside snippet import FILE.yaml")


@app.command(epilog=example("broadside snippet show call-to-action"))
def show(name: Name, as_json: AsJson = False) -> None:
    """Show a snippet's text in each language."""
    with reading() as session:
        texts = find_snippet(session, name)
    if as_json:
        write_json({"snippet": name, "texts": dict(texts)})
        return
    for language, text in texts.items():
        say(language, "bold")
        say(text)
        say()


@app.command(epilog=example("broadside snippet remove call-to-action"))
def remove(name: Name) -> None:
    """Take a snippet out. Mailings sent with it keep its text; those still to be sent must do without it."""
    with transaction() as session:
        remove_snippet(session, name)
    say(f"the snippet {name} is removed")
