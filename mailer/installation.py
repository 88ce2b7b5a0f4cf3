"""What an installation must remember of itself: that all its hosts use the same keys."""

import hashlib

from sqlalchemy.orm import Session

from config.bulk import insert
from config.errors import Refused
from config.keys import secret_key, suppression_key
from config.settings import PREFIX, settings
from mailer.ledger.models import Fact


def check_keys(session: Session) -> None:
    """Remember the keys' fingerprints at first use, and refuse a host whose keys differ.

    With another suppression key nobody would look suppressed, and with another secret no link would work.
    """
    keys = {"SECRET_KEY": secret_key(settings()), "SUPPRESSION_KEY": suppression_key(settings())}
    for name, key in keys.items():
        fingerprint = hashlib.sha256(b"fingerprint of " + key).hexdigest()
        known = session.get(Fact, name)
        if known is None:
            # Parts that are started together for the first time all come here; the first one's key is remembered.
            fact = insert(session, Fact).values(name=name, value={"fingerprint": fingerprint})
            session.execute(fact.on_conflict_do_nothing())
            known = session.get_one(Fact, name)
        if known.value["fingerprint"] != fingerprint:
            raise Refused(
                f"{PREFIX}{name} is not the one this database was set up with: use the same keys on every host "
                "(without the setting they are in the state folder of the first one)"
            )
