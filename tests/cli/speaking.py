"""The `broadside` command as the tests type it: in this process through its real entry, or as a program."""

import io
import json
import os
import pty
import select
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from cli.main import run

PROGRAM = Path(sys.executable).with_name("broadside")


@dataclass(frozen=True)
class Said:
    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as the one JSON object that it must be; nothing may stand on standard error."""
        assert not self.err, self.err
        value = json.loads(self.out)
        assert isinstance(value, dict)
        return value


def broadside(*arguments: object, status: int = 0, stdin: str = "") -> Said:
    """Type a command here; asserts its exit status."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    left: object = None
    with (
        redirect_stdout(out),
        redirect_stderr(err),
        patch.object(sys, "argv", ["broadside", *map(str, arguments)]),
        patch.object(sys, "stdin", io.StringIO(stdin)),
    ):
        try:
            run()
        except SystemExit as ended:
            left = ended.code or 0
    said = Said(left if isinstance(left, int) else -1, *(_text(stream) for stream in (out, err)))
    assert said.status == status, said
    return said


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode()


def program(*arguments: object, folder: Path, **settings: object) -> Said:
    """Run the installed program with these settings and no others."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("BROADSIDE_")}
    env |= {f"BROADSIDE_{name.upper()}": str(value) for name, value in settings.items()}
    done = subprocess.run(
        [PROGRAM, *map(str, arguments)], env=env, cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    return Said(done.returncode, done.stdout, done.stderr)


def on_a_terminal(*arguments: object, folder: Path, answer: str = "", env: dict[str, str] | None = None) -> Said:
    """Run the installed program on a terminal of 80 columns, its environment ours and `env`; `answer` is typed in."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [PROGRAM, *map(str, arguments)],
        cwd=folder,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "80", **(env or {})},
    )
    os.close(theirs)
    os.write(ours, answer.encode())
    shown = b""
    while process.poll() is None or select.select([ours], [], [], 0)[0]:
        try:
            if select.select([ours], [], [], 0.1)[0]:
                shown += os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
    os.close(ours)
    return Said(process.wait(60), shown.decode(), "")
