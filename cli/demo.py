"""`broadside demo`: a fresh installation of its own, walled off from the settings, before anything reads them."""

import os
import shutil
import socket
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import NoReturn

from config.errors import Refused
from config.settings import PREFIX, Settings

MARK = "made-by-broadside-demo"
PORTS = ("web_port", "inbox_port", "inbox_smtp_port")
REMEDY = "name another folder with --folder"
PUBLIC_URL = "https://press.impala.example"
"""Not there for anybody; the inbox leads links to it to the public pages on this machine."""


def begin(folder: Path | None, *, kind: str, people: int, once: bool) -> NoReturn:
    """Become the demo: this process goes on as `cli.demo_run`, with none of the settings that it was started with.

    Raises Refused for a folder that holds something else.
    """
    folder = (folder or default_folder()).absolute()
    look_at(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MARK).touch()
    except OSError as error:
        raise Refused(f"cannot keep anything in {folder}: {error.strerror}; {REMEDY}") from None
    ports = dict(zip(PORTS, free_ports(), strict=True))
    environment = without_settings(dict(os.environ)) | {
        f"{PREFIX}{name.upper()}": str(value)
        for name, value in {"state_dir": folder, "public_url": PUBLIC_URL, **ports}.items()
    }
    sys.stdout.flush()
    command = [sys.executable, "-P", "-m", "cli.demo_run", str(people), kind, *(["--once"] if once else [])]
    os.execve(command[0], command, environment)  # noqa: S606 -- our own program


def default_folder() -> Path:
    """Where a program keeps its state: $XDG_STATE_HOME, else what is usual on this system."""
    chosen = os.environ.get("XDG_STATE_HOME", "")
    if Path(chosen).is_absolute():
        base = Path(chosen)
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path.home() / ".local" / "state"
    return base / "broadside-demo"


def without_settings(environment: dict[str, str]) -> dict[str, str]:
    """The environment without Broadside's settings, in any case of letters, and Celery's, which override ours."""
    return {name: value for name, value in environment.items() if not name.upper().startswith((PREFIX, "CELERY_"))}


def look_at(folder: Path) -> None:
    """Raise Refused unless the demo may empty the folder: it is not there, empty, or an earlier demo's."""
    if folder.exists() and not (folder / MARK).exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Refused(f"{folder} is not a demo's folder and is left alone; {REMEDY}")


def empty(folder: Path, *, keep: str) -> None:
    """Remove what an earlier demo left, except the mark and the files with the ending `keep`."""
    assert (folder / MARK).exists()
    for path in folder.iterdir():
        if path.name == MARK or path.suffix == keep:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def free_ports() -> list[int]:
    """A port each for web, inbox and the inbox's SMTP: the usual ones, or others where those are taken."""
    usual = Settings.model_fields
    with ExitStack() as held:
        probes = [held.enter_context(_listening(usual[name].default)) for name in PORTS]
        return [int(probe.getsockname()[1]) for probe in probes]


def _listening(port: int) -> socket.socket:
    probe = socket.socket()
    try:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
        probe.listen()
    except OSError:
        probe.close()
        return _listening(0)
    return probe
