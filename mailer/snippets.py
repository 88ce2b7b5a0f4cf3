"""Snippets: named pieces of text in several languages, entered from a YAML file, for any edition to include."""

from collections.abc import Mapping
from pathlib import Path

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from config.errors import Refused, Unknown
from config.files import read_text
from mailer.models import Snippet
from mailer.render.fragment import Fragment
from mailer.render.markdown import to_html
from mailer.render.places import mark_places
from mailer.render.snippets import ByLanguage
from mailer.render.tokenise import tokenise
from mailer.render.tokens import Tokens
from mailer.yaml_file import YamlFile
from subscribers import fields
from subscribers.lists import short_name


def load_snippets(session: Session) -> Mapping[str, ByLanguage]:
    """All snippets by name, each with its texts by language."""
    found: dict[str, dict[str, str]] = {}
    for row in session.scalars(select(Snippet).order_by(Snippet.name, Snippet.language)):
        found.setdefault(row.name, {})[row.language] = row.text
    return found


def import_snippets(session: Session, path: Path) -> Mapping[str, ByLanguage]:
    """Enter the snippets of a YAML file, `name: {language: Markdown}`; gives what it held.

    A snippet that was there under one of the names is replaced in all its languages, others stay. Raises Refused,
    with file and line, for anything that an edition could not use.
    """
    file = YamlFile(read_text(path), path.name)
    given = {str(name): _texts(file, str(name), texts) for name, texts in file.data.items()}
    if not given:
        raise Refused(f"{path.name}: there is no snippet; write `call-to-action:`, and below it `en: |` with its text")
    session.execute(delete(Snippet).where(Snippet.name.in_(given)))
    session.add_all(
        Snippet(name=name, language=language, text=text)
        for name, texts in given.items()
        for language, text in texts.items()
    )
    session.flush()
    return given


def find_snippet(session: Session, name: str) -> ByLanguage:
    """The texts of a snippet by language. Raises Unknown, with the nearest name."""
    known = load_snippets(session)
    if name not in known:
        raise Unknown("snippet", name, known)
    return known[name]


def remove_snippet(session: Session, name: str) -> None:
    """Take a snippet out in all its languages; what was sent with it keeps it. Raises Unknown."""
    find_snippet(session, name)
    session.execute(delete(Snippet).where(Snippet.name == name))


def _texts(file: YamlFile, name: str, texts: object) -> ByLanguage:
    try:
        short_name("snippet", name)
    except Refused as error:
        raise Refused(f"{file.where(name)}: {error}") from None
    if not isinstance(texts, dict) or not texts:
        raise Refused(f"{file.where(name)}: write a text for each language below {name}, as in `en: |`")
    found: dict[str, str] = {}
    for key, text in texts.items():
        where = file.where(name, str(key))
        try:
            language = fields.language(str(key))
        except Refused as error:
            raise Refused(f"{where}: {error}") from None
        if language in found:
            raise Refused(f"{where}: {name} in {language} stands here a second time; remove one")
        if not isinstance(text, str) or not text.strip():
            raise Refused(f"{where}: {name} in {language} has no text; write one, or take the language out")
        # A text of several lines begins on the line after its key.
        _check(text, file.file, file.line(name, str(key)) + ("\n" in text))
        found[language] = text.strip("\n")
    return found


def _check(text: str, file: str, line: int) -> None:
    """Raises SourceError for what an edition would be refused for."""
    tokens = Tokens(file, [text])
    written = tokenise(text, tokens, line=line)
    html = to_html(written, tokens)
    if "<img" in html:
        raise written.refuse(
            "a snippet shows no pictures", line, "put the picture into the mailing's folder and show it in its text"
        )
    mark_places(Fragment(html, written, tokens, {}).tree, tokens)
