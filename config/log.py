"""Logging: one line an event, ids and counts, never an address."""

import logging
import re
import sys

from config.trouble import OnceInAWhile

ADDRESS = re.compile(r"[^\s<>()\[\]\",;:]+@[^\s<>()\[\]\",;:]+")


def scrub(text: str) -> str:
    """The text with every email address in it replaced by `<address>`."""
    return ADDRESS.sub("<address>", text) if "@" in text else text


class Scrubbing(logging.Formatter):
    """The last gate: whatever a library logs, addresses do not get through."""

    def format(self, record: logging.LogRecord) -> str:
        return scrub(super().format(record))


def set_up_logging(level: int = logging.INFO) -> None:
    """Log to standard error: scrubbed, and trouble from outside in one line, once a minute."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(OnceInAWhile())
    handler.setFormatter(Scrubbing("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=level, handlers=[handler], force=True)
