"""The list of kept messages: newest first, searched by sender, recipient or subject, in pages."""

from collections.abc import Iterator
from dataclasses import dataclass

from web.inbox.message import Summary, summarise
from web.inbox.store import Inbox


@dataclass(frozen=True, slots=True)
class Extract:
    """Some of the messages that a search found, and how many there were."""

    messages: list[Summary]
    found: int
    kept: int
    received: int


class Listing:
    """Summaries of an inbox, each read from its file once. Safe to use from several threads."""

    def __init__(self, inbox: Inbox) -> None:
        self.inbox = inbox
        self._known: dict[int, Summary] = {}

    def extract(self, search: str = "", to: str = "", offset: int = 0, limit: int = 50) -> Extract:
        """`limit` messages after the first `offset` of those whose sender, recipient or subject holds `search`.

        With `to`, only those whose envelope names that address; letter case counts in neither.
        """
        numbers = self.inbox.numbers()
        self._forget(numbers)
        received = self.inbox.received
        if not search and not to:
            messages = list(self._summaries(numbers[offset : offset + limit]))
            return Extract(messages, len(numbers), len(numbers), received)
        word, address = search.casefold(), to.casefold()
        hits = [one for one in self._summaries(numbers) if _matches(one, word, address)]
        return Extract(hits[offset : offset + limit], len(hits), len(numbers), received)

    def _summaries(self, numbers: list[int]) -> Iterator[Summary]:
        for number in numbers:
            found = self._known.get(number) or summarise(self.inbox, number)
            if found:
                self._known[number] = found
                yield found

    def _forget(self, numbers: list[int]) -> None:
        if len(self._known) > 2 * self.inbox.keep:
            kept = set(numbers)
            self._known = {number: one for number, one in list(self._known.items()) if number in kept}


def _matches(one: Summary, word: str, address: str) -> bool:
    if address and address not in (recipient.casefold() for recipient in one.recipients):
        return False
    return not word or any(word in text.casefold() for text in (one.subject, one.sender, one.to, *one.recipients))
