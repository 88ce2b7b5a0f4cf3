"""What a message carries that is neither the author's text nor the recipient's: addresses, links, list headers."""

from urllib.parse import quote

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.settings import settings
from mailer.links import feedback_id, list_domain, message_id, return_path, sender_domain, unsubscribe_token
from mailer.models import Mailing
from mailer.plan.headers import split_mailbox
from mailer.plan.message import OfList, Stamp
from subscribers.models import List


class Stamps:
    """Makes the stamps of one mailing; what is the same for everybody on a list is made once."""

    def __init__(self, session: Session, mailing: Mailing) -> None:
        # Plain values: to read a row's attribute is a function in Python each time, three for every message.
        self._id, self._public_id, self._kind = mailing.id, mailing.public_id, mailing.kind
        self._lists = {row.id: row for row in session.execute(select(List.id, List.name, List.titles))}
        owner = split_mailbox(mailing.reply_to or mailing.sender)[1]
        self._owner = f"mailto:{quote(owner, safe='@')}"
        self._sender_domain = sender_domain(mailing)
        self._list_domain = list_domain(mailing)
        self._bounce_domain = settings().bounce_domain or self._sender_domain
        self._web = settings().web_url
        inbound = settings().inbound_mailbox
        self._inbound = f"mailto:{quote(inbound, safe='@')}?subject=" if inbound else ""
        self._of_list: dict[tuple[int, str], OfList] = {}

    def title(self, list_id: int, language: str) -> str:
        """A list's title in the edition's language."""
        titles: dict[str, str] = self._lists[list_id].titles
        return titles.get(language) or titles.get(language.partition("-")[0]) or titles["default"]

    def stamp(self, seq: int, public_id: str, list_id: int, language: str, date: str) -> Stamp:
        """The stamp of one delivery; `date` is finished, as RFC 5322 has it."""
        token = unsubscribe_token(public_id, list_id, self._id)
        return Stamp(  # by place: by name it takes twice as long
            self._of_list.get((list_id, language)) or self._made_once(list_id, language),
            message_id(self._public_id, seq, self._list_domain),
            date,
            return_path(self._id, seq, self._bounce_domain),
            f"{self._web}/u/{token}",
            self._inbound and self._inbound + token,
        )

    def _made_once(self, list_id: int, language: str) -> OfList:
        """The same for everybody on a list, kept: from 9 us a message to nothing."""
        name = self._lists[list_id].name
        of_list = OfList(
            identifier=f"{name}.{self._list_domain}",
            title=self.title(list_id, language),
            feedback_id=feedback_id(self._public_id, name, self._kind, self._sender_domain),
            help_url=f"{self._owner}?subject=help",
            owner_url=self._owner,
        )
        self._of_list[list_id, language] = of_list
        return of_list
