"""Domains as the mail system writes them: A-labels (RFC 5890)."""

from functools import lru_cache

import idna


def ascii_domain(domain: str) -> str:
    """The domain in lower-case ASCII, internationalised labels as `xn--...`.

    Raises ValueError for one that cannot be a domain.
    """
    return domain.lower() if domain.isascii() else _a_labels(domain)


@lru_cache(maxsize=4096)
def _a_labels(domain: str) -> str:
    try:
        return idna.encode(domain, uts46=True).decode("ascii")
    except idna.IDNAError as error:
        raise ValueError(f"not a domain: {error}") from None
