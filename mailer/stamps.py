"""What a message carries that is neither the author's text nor the recipient's: addresses, links, list headers."""

from urllib.parse import quote

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.settings import settings
from mailer.links import feedback_id, list_domain, message_id, return_path, sender_domain, unsubscribe_token
from mailer.models import Mailing
from mailer.plan.headers import split_mailbox
from mailer.plan.message import Stamp
from subscribers.models import List


class Stamps:
    """Makes the stamps of one mailing; what is the same for everybody on a list is made once."""

    def __init__(self, session: Session, mailing: Mailing) -> None:
        # Plain values: to read a row's attribute is a function in Python each time, three for every message.
        self._id, self._public_id, self._kind = mailing.id, mailing.public_id, mailing.kind
        self._lists = {row.id: row for row in session.execute(select(List.id, List.name, List.titles))}
        owner = split_mailbox(mailing.reply_to or mailing.sender)[1]
        self._owner = f"mailto:{quote(owner, safe='@')}"
        self._help = f"{self._owner}?subject=help"
        self._sender_domain = sender_domain(mailing)
        self._list_domain = list_domain(mailing)
        self._bounce_domain = settings().bounce_domain or self._sender_domain
        self._web = settings().web_url
        inbound = settings().inbound_mailbox
        self._inbound = f"mailto:{quote(inbound, safe='@')}?subject=" if inbound else ""
        self._of_list: dict[tuple[int, str], tuple[str, str, str]] = {}

    def title(self, list_id: int, language: str) -> str:
        """A list's title in the edition's language."""
        titles: dict[str, str] = self._lists[list_id].titles
        return titles.get(language) or titles.get(language.partition("-")[0]) or titles["default"]

    def stamp(self, seq: int, public_id: str, list_id: int, language: str, date: str) -> Stamp:
        """The stamp of one delivery; `date` is finished, as RFC 5322 has it."""
        identifier, title, feedback = self._same_for_all(list_id, language)
        token = unsubscribe_token(public_id, list_id, self._id)
        return Stamp(
            message_id=message_id(self._public_id, seq, self._list_domain),
            date=date,
            return_path=return_path(self._id, seq, self._bounce_domain),
            list_id=identifier,
            list_title=title,
            unsubscribe_url=f"{self._web}/u/{token}",
            feedback_id=feedback,
            list_help=self._help,
            list_owner=self._owner,
            unsubscribe_mailto=self._inbound and self._inbound + token,
        )

    def _same_for_all(self, list_id: int, language: str) -> tuple[str, str, str]:
        """List-Id, title and Feedback-ID of everybody on a list, made once: from 9 us a message to nothing."""
        known = self._of_list.get((list_id, language))
        if known is None:
            name = self._lists[list_id].name
            feedback = feedback_id(self._public_id, name, self._kind, self._sender_domain)
            known = f"{name}.{self._list_domain}", self.title(list_id, language), feedback
            self._of_list[list_id, language] = known
        return known
