"""What the benchmarks share: a press office with many readers, on servers of its own."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Protocol, TypeVar

from sqlalchemy import NullPool, create_engine, text

from config.migrate import upgrade
from tests import servers
from tests.conftest import forget

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


class Server(Protocol):
    """Something that takes mail."""

    port: int


_Receiver = TypeVar("_Receiver", bound=Server)


@contextmanager
def office(
    database: str, receiver: Callable[[], AbstractContextManager[_Receiver]]
) -> Iterator[tuple[Path, _Receiver]]:
    """Settings for a fresh office on `database` ("sqlite" or "postgresql"), with a Redis and a receiver.

    Yields a folder to work in and the receiver, which has a `port`.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="broadside-bench-")))
        server = stack.enter_context(receiver())
        for name in [name for name in os.environ if name.startswith("BROADSIDE_")]:
            del os.environ[name]
        os.environ["BROADSIDE_STATE_DIR"] = str(folder / "state")
        os.environ["BROADSIDE_PUBLIC_URL"] = "https://press.example.org"
        os.environ["BROADSIDE_REDIS_URL"] = stack.enter_context(servers.redis())
        os.environ["BROADSIDE_SMTP_URL"] = f"smtp://127.0.0.1:{server.port}?tls=none"
        if database == "postgresql":
            database_url = stack.enter_context(servers.postgres())
            admin = create_engine(f"{database_url}/postgres", poolclass=NullPool, isolation_level="AUTOCOMMIT")
            with admin.connect() as connection:
                connection.execute(text("CREATE DATABASE bench"))
            os.environ["BROADSIDE_DATABASE_URL"] = f"{database_url}/bench"
        forget()
        upgrade()
        yield folder, server
        forget()
