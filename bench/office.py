"""What the benchmarks share: a press office with many readers, on servers of its own."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sqlalchemy import NullPool, create_engine, text

from config.migrate import upgrade
from tests import servers
from tests.conftest import forget
from tests.receiver import ReceiverProcess

SENTENCE = "A service that lives on music should ask for a licence, pay for it, and say what it has used. "
TEXT = (
    """\
---
subject: "Op-ed: a fair deal for {{ first_name or 'everybody' }}"
preheader: Why it matters to {{ organisation or "you" }}
headline: Closing the value gap
standfirst: Music has a price.
author: {name: IMPALA, role: Secretariat}
---
Dear {{ first_name or "colleague" }} {{ last_name }},

{% if role == "journalist" %}

You may print this text in {{ country }}.

{% endif %}

"""
    + "\n\n".join(SENTENCE * 6 for _ in range(14))
    + """

Written for {{ email }}, who reads about {{ topics | listing or "music" }} in {{ time_zone }}.
"""
)
"""An op-ed whose HTML is about 30 KB, with ten personal places."""


@contextmanager
def office(database: str) -> Iterator[ReceiverProcess]:
    """Settings for a fresh office on `database` ("sqlite" or "postgresql"), a Redis, and a receiver: yielded."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="broadside-bench-")))
        receiver = stack.enter_context(ReceiverProcess(folder / "store", "--content", "headers"))
        for name in [name for name in os.environ if name.startswith("BROADSIDE_")]:
            del os.environ[name]
        os.environ["BROADSIDE_STATE_DIR"] = str(folder / "state")
        os.environ["BROADSIDE_PUBLIC_URL"] = "https://press.example.org"
        os.environ["BROADSIDE_REDIS_URL"] = stack.enter_context(servers.redis())
        os.environ["BROADSIDE_SMTP_URL"] = f"smtp://127.0.0.1:{receiver.port}?tls=none"
        if database == "postgresql":
            server = stack.enter_context(servers.postgres())
            admin = create_engine(f"{server}/postgres", poolclass=NullPool, isolation_level="AUTOCOMMIT")
            with admin.connect() as connection:
                connection.execute(text("CREATE DATABASE bench"))
            os.environ["BROADSIDE_DATABASE_URL"] = f"{server}/bench"
        forget()
        upgrade()
        yield receiver
        forget()
