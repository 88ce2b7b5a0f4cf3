"""One part of Broadside in the foreground: `python -m cli.part web|inbox|beat|worker [PROCESSES]`.

`up` starts its parts by this module, because each starts faster without the rest of the command line.
"""

import logging
import os
import sys
from collections.abc import Sequence

from config.errors import BroadsideError
from config.log import set_up_logging
from config.settings import Settings, settings


def part_command(name: str, *arguments: str) -> Sequence[str]:
    """The command line that runs a part."""
    return (sys.executable, "-P", "-m", "cli.part", name, *arguments)


def local_web(chosen: Settings) -> str:
    """Where the public pages are on this machine, whatever PUBLIC_URL calls them."""
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(chosen.host, chosen.host)  # noqa: S104 -- compared, not bound
    return f"http://{host}:{chosen.web_port}"


def local_inbox(chosen: Settings) -> str:
    """Where the inbox's page is on this machine."""
    return f"{local_web(chosen).rpartition(':')[0]}:{chosen.inbox_port}"


def web() -> int:
    """The public pages."""
    from web.run import run_web  # noqa: PLC0415 -- each part loads only what it needs

    run_web(settings().host, settings().web_port)
    return 0


def inbox() -> int:
    """The inbox. Links to the public pages lead to those on this machine."""
    from web.inbox.run import run_inbox  # noqa: PLC0415

    chosen = settings()
    run_inbox(
        chosen.host,
        chosen.inbox_smtp_port,
        chosen.inbox_port,
        answers_for=chosen.public_url,
        web_url=local_web(chosen),
    )
    return 0


def beat() -> int:
    """The scheduler; it takes this process's place."""
    from tasks.processes import beat_command  # noqa: PLC0415

    command = list(beat_command())
    os.execv(command[0], command)  # noqa: S606 -- our own program


def worker(processes: int) -> int:
    """The workers: `processes` that send, and one for urgent mail and housekeeping."""
    from tasks.processes import run_worker  # noqa: PLC0415

    return run_worker(processes)


def run(name: str, *arguments: str) -> int:
    """Run a part until it is told to end; an exit status."""
    set_up_logging(logging.WARNING)
    try:
        if name == "worker":
            return worker(int(arguments[0]))
        return {"web": web, "inbox": inbox, "beat": beat}[name]()
    except BroadsideError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1


if __name__ == "__main__":
    sys.exit(run(*sys.argv[1:]))
