"""What a kind's template may ask of the reader: conditions of the recipient's level, opened and closed in it.

`{{ reader.begin(reader.follows(["copyright"])) }} ... {{ reader.end() }}` becomes an `if` around what stands between,
which stays one constant piece of the message plan.
"""

from collections.abc import Sequence

from config.errors import Refused
from mailer.render.grammar import quoted
from mailer.render.tokens import Role, Tokens


class Reader:
    """Conditions are sources of the recipient's level; `begin` and `end` are words for them."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._open: list[int] = []

    def follows(self, topics: Sequence[str]) -> str:
        """The reader follows one of `topics`, in letters of any case."""
        return f"(topics|follows([{', '.join(quoted(topic) for topic in topics)}]))"

    def comes_first(self, topic: str, topics: Sequence[str]) -> str:
        """Of a mail that is ordered by `topics`: the reader follows this one, or none of them and reads all."""
        return f"({self.follows([topic])} or not {self.follows(topics)})"

    def comes_later(self, topic: str, topics: Sequence[str]) -> str:
        """The reader follows some of `topics`, but not this one."""
        return f"({self.follows(topics)} and not {self.follows([topic])})"

    def some_come_later(self, topics: Sequence[str]) -> str:
        """The reader follows some of `topics`, but not all."""
        not_all = " or ".join(f"not {self.follows([topic])}" for topic in dict.fromkeys(topics))
        return f"({self.follows(topics)} and ({not_all}))"

    def begin(self, condition: str) -> str:
        """What follows, up to `end`, is only for readers of whom `condition` is true."""
        number = len(self._tokens.all)
        self._open.append(number)
        self._tokens.usage.conditions[condition] = None
        return self._tokens.word(self._tokens.add(Role.opening, f"if {condition}", construct=number, made=True))

    def end(self) -> str:
        """The end of what `begin` began."""
        if not self._open:
            raise Refused("a template says reader.end() without reader.begin(); mend the template")
        construct = self._open.pop()
        return self._tokens.word(self._tokens.add(Role.closing, "endif", construct=construct, made=True))
