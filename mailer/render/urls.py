"""The places of a URL: where a value may stand in it, and how it is encoded there."""

import re

from mailer.render.tokens import Place, Role, Tokens

ATTRIBUTES = {"href", "src", "action", "background", "cite"}
"""Attributes that hold a URL."""
_WEB = re.compile(r"https?://[^/?#]+", re.IGNORECASE)
_OTHER = re.compile(r"(?:mailto|tel):[^?]*", re.IGNORECASE)


def encode_places(url: str, tokens: Tokens, link: Place = Place.link) -> str:
    """`url` with each token's place marked; a link of our own making that is the whole URL gets `link`.

    Raises SourceError for a token in the scheme or the host, and in a mail address or telephone number.
    """
    if not tokens.holds(url):
        return url
    found = list(tokens.find(url))
    first = found[0][0]
    if len(found) == 1 and first.is_link and found[0][2][0] == url.strip():
        return tokens.word(first, link)
    begin = _WEB.match(url) or _OTHER.match(url)
    if begin is None or tokens.holds(begin[0]):
        raise tokens.refuse(
            first,
            "what depends on the reader cannot be a link's scheme or host",
            "write `https://` and the host out; a value can stand in the path or after `?`",
        )
    query = min((at for at in (url.find("?"), url.find("#")) if at >= 0), default=len(url))
    words = []
    at = 0
    for token, _, match in found:
        place = Place.here
        if token.role == Role.expression:
            place = Place.path if match.start() < query else Place.query
        words += [url[at : match.start()], tokens.word(token, place)]
        at = match.end()
    return "".join([*words, url[at:]])
