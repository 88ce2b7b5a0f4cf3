"""Domains that look like a much more usual one: `gmial.com` for `gmail.com`."""

from collections.abc import Mapping

from rapidfuzz import process
from rapidfuzz.distance import OSA

_PROVIDERS = """
aol.com btinternet.com comcast.net email.com free.fr gmail.com gmx.at gmx.ch gmx.de gmx.net googlemail.com
hotmail.co.uk hotmail.com hotmail.de hotmail.es hotmail.fr hotmail.it icloud.com interia.pl laposte.net
libero.it live.com live.fr mac.com mail.com me.com msn.com o2.pl onet.pl orange.fr outlook.com outlook.de
outlook.es outlook.fr pm.me proton.me protonmail.com rocketmail.com seznam.cz skynet.be t-online.de telenet.be
tiscali.it virgilio.it wanadoo.fr web.de wp.pl yahoo.co.uk yahoo.com yahoo.de yahoo.es yahoo.fr yahoo.it
ymail.com ziggo.nl
"""
PROVIDERS = frozenset(_PROVIDERS.split())
"""Where many people have their mail, however few of ours."""
USUAL = 20
"""People at a domain that make it usual too."""
RARER = 10
"""How many times fewer people a misspelt domain has than the one that is meant."""


def misspelt(people_at: Mapping[str, int]) -> dict[str, str]:
    """{domain: the usual one that it looks like} of those in `people_at` (domain to number of people).

    One slip of the fingers away (a letter too many, too few, another, or two swapped), two in a long name. Another
    ending that exists (`yahoo.fr`, `yahoo.de`) is no slip.
    """
    usual = sorted(PROVIDERS | {domain for domain, number in people_at.items() if number >= USUAL})
    endings = {domain.rpartition(".")[2] for domain in usual}
    found = {}
    for domain, number in people_at.items():
        if number >= USUAL or domain in PROVIDERS:
            continue
        slips = 1 if len(domain) < 12 else 2
        for near, _, _ in process.extract(domain, usual, scorer=OSA.distance, score_cutoff=slips, limit=3):
            ending, meant = domain.rpartition(".")[2], near.rpartition(".")[2]
            if (ending == meant or (ending not in endings and len(ending) > 2)) and (
                near in PROVIDERS or people_at[near] >= RARER * number
            ):
                found[domain] = near
                break
    return found
