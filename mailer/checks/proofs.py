"""An edition made for its readers before anything is sent: whether it can be, and how large it gets."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from jinja2 import Template

from config.errors import Refused
from mailer.plan.compiled import CompiledEdition
from mailer.recipient import Recipient
from mailer.render import personal
from mailer.render.compile import Compilation
from mailer.render.values import is_empty

PARTS = ("subject", "html", "text")
SAMPLE_LINK = "https://example.org/unsubscribe/" + "x" * 100
"""As long as a real one."""
Signature = tuple[bool | None, ...]


@dataclass
class Proofs:
    """One edition's proofs so far."""

    compilation: Compilation
    size: int = 0
    """Bytes of the largest document."""
    failures: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(part, reason) -> how many readers."""
    examples: dict[tuple[str, str], str] = field(default_factory=dict)
    """The address of one of them."""
    without_subject: int = 0
    _seen: set[Signature] = field(default_factory=set)

    def __post_init__(self) -> None:
        edition: CompiledEdition = self.compilation.edition
        usage = self.compilation.usage
        env = personal.environment(edition.language)
        self._parts: dict[str, Template] = {part: env.from_string(getattr(edition, part)) for part in PARTS}
        self._conditions: list[Callable[..., Any]] = [env.compile_expression(source) for source in usage.conditions]
        self._fields = sorted(usage.fields)
        self._names = sorted(usage.attributes)

    def take(self, recipient: Recipient, *, only_new: bool) -> bool:
        """Make the message for one reader, or with `only_new` only if nobody before was alike; True if it was made.

        Two are alike if all conditions come out the same and the same fields are empty.
        """
        values = personal.context(recipient, unsubscribe_url=SAMPLE_LINK, list_title="List")
        signature = self._signature(values)
        if only_new and signature in self._seen:
            return False
        self._seen.add(signature)
        for part, template in self._parts.items():
            try:
                made = template.render(values)
            except Exception as error:  # noqa: BLE001 -- whatever it is, this reader's delivery would fail of it
                reason = str(error) if isinstance(error, Refused) else f"{type(error).__name__}: {error}"
                self.failures[part, reason] += 1
                self.examples.setdefault((part, reason), recipient.email)
                continue
            if part == "html":
                self.size = max(self.size, len(made.encode()))
            elif part == "subject" and not made.strip():
                self.without_subject += 1
        return True

    def _signature(self, values: dict[str, Any]) -> Signature:
        attributes = values["attributes"]
        truths: list[bool | None] = []
        for condition in self._conditions:
            try:
                truths.append(bool(condition(values)))
            except Exception:  # noqa: BLE001 -- rendering meets it again and says so
                truths.append(None)
        truths += [is_empty(values[name]) for name in self._fields]
        truths += [is_empty(attributes.get(name)) for name in self._names]
        return tuple(truths)
