"""Placeholders that somebody meant to fill in and forgot."""

import re
from collections.abc import Iterator

_NAMES = (
    r"(?:first|last|full|your|recipient'?s?|contact|organi[sz]ation|company|journalist)?[ _-]?"
    r"(?:name|surname|date|time|place|city|country|title|link|url|quote|figure|number|amount|organi[sz]ation|company|"
    r"contact|phone|email|address|outlet|nom|prénom|ville|lieu|datum|ort|nombre|fecha|ciudad|nome|data)"
)
SURE = (
    (re.compile(r"\blorem ipsum\b", re.IGNORECASE), "filler text"),
    (re.compile(r"\b(?:TBC|TBD|TBA|TODO|FIXME|TKTK)\b"), "a note to oneself"),
    (re.compile(r"\bX{3,}\b|\bxx+\b"), "a blank to fill in"),
    (
        re.compile(
            rf"\[(?:{_NAMES}|(?:insert|add|placeholder|your|enter)\b[^\]\n]{{0,40}})\](?![(\[:])", re.IGNORECASE
        ),
        "a blank to fill in",
    ),
    (re.compile(rf"<(?:{_NAMES}|(?:insert|your|enter) [^>\n]{{0,40}})>", re.IGNORECASE), "a blank to fill in"),
    (re.compile(r"\{\{|\}\}|\{%|%\}"), "braces that were not filled in"),
    (re.compile(rf"\{{[ ]?{_NAMES}[ ]?\}}", re.IGNORECASE), "braces that were not filled in; Broadside's are double"),
    (re.compile(r"\*\|[A-Z0-9_:]+\|\*|%%[A-Za-z_]+%%|\[\[[A-Za-z_ ]+\]\]"), "another tool's field"),
)
"""What nobody means to send."""
PERHAPS = (
    (re.compile(r"\bXX\b"), "a blank to fill in, or the Roman twenty"),
    (re.compile(r"\[[A-Z][A-Z _-]{2,30}\](?![(\[:])"), "a blank to fill in, or an abbreviation"),
)
"""What somebody might."""
FROM_WORD = (
    (re.compile(r"\[[A-Z]{1,3}\d{1,3}\](?![(\[:])"), "the mark of a comment"),
    (re.compile(r"\b(?:Commented|Kommentiert|Commenté|Comentado|Commentato|Comment) \[\w{1,4}\]\s?:"), "a comment"),
    (
        re.compile(r"^(?:Deleted|Formatted|Inserted|Moved \((?:insertion|deletion)\))\s?:.*$", re.MULTILINE),
        "a tracked change",
    ),
    (re.compile(r"\{\+\+.*?\+\+\}|\{--.*?--\}|\{~~.*?~~\}|\{>>.*?<<\}", re.DOTALL), "a tracked change"),
    (
        re.compile(r"\{\.(?:insertion|deletion|comment-start|comment-end|paragraph-insertion)\b[^}]*\}"),
        "a tracked change",
    ),
    (re.compile(r"</?(?:ins|del)\b[^>]*>", re.IGNORECASE), "a tracked change"),
    (
        re.compile(
            r"Error! (?:Reference source not found|Bookmark not defined|Hyperlink reference not valid)\.?|"
            r"Fehler! (?:Verweisquelle|Textmarke|Hyperlink-Referenz)[^.\n]*\.?|"
            r"Erreur ?! (?:Source du renvoi|Signet)[^.\n]*\.?"
        ),
        "a reference that Word lost",
    ),
    (re.compile(r"\b(?:MERGEFIELD|HYPERLINK) [\"\\]?\w+|«\w+_\w+»"), "a field of Word"),
)
"""What Word leaves in a text that is copied or converted."""


def leftovers(text: str, patterns: tuple[tuple[re.Pattern[str], str], ...]) -> Iterator[tuple[re.Match[str], str]]:
    """What in `text` looks forgotten, and what it looks like, in the order of the text."""
    found = [(match, what) for pattern, what in patterns for match in pattern.finditer(text)]
    return iter(sorted(found, key=lambda one: one[0].start()))
