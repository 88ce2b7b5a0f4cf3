"""What a message carries that is neither the author's text nor the recipient's: addresses, links, list headers."""

from email.utils import parseaddr
from urllib.parse import quote

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.settings import settings
from mailer.links import feedback_id, message_id, return_path, unsubscribe_token
from mailer.models import Mailing
from mailer.plan.message import Stamp
from subscribers.models import List


def sender_domain(mailing: Mailing) -> str:
    """The domain of a mailing's From address."""
    return parseaddr(mailing.sender)[1].rpartition("@")[2]


def list_domain(mailing: Mailing) -> str:
    """The domain of List-Ids and Message-IDs."""
    return settings().list_domain or sender_domain(mailing)


class Stamps:
    """Makes the stamps of one mailing; what is the same for everybody on a list is made once."""

    def __init__(self, session: Session, mailing: Mailing) -> None:
        self._mailing = mailing
        self._lists = {row.id: row for row in session.scalars(select(List))}
        owner = parseaddr(mailing.reply_to or mailing.sender)[1]
        self._owner = f"mailto:{quote(owner, safe='@')}"
        self._sender_domain = sender_domain(mailing)
        self._list_domain = list_domain(mailing)
        self._bounce_domain = settings().bounce_domain or self._sender_domain
        self._web = settings().web_url
        self._inbound = settings().inbound_mailbox

    def title(self, list_id: int, language: str) -> str:
        """A list's title in the edition's language."""
        titles = self._lists[list_id].titles
        return titles.get(language) or titles.get(language.partition("-")[0]) or titles["default"]

    def stamp(self, seq: int, public_id: str, list_id: int, language: str, date: str) -> Stamp:
        """The stamp of one delivery; `date` is finished, as RFC 5322 has it."""
        mailing = self._mailing
        name = self._lists[list_id].name
        token = unsubscribe_token(public_id, list_id, mailing.id)
        return Stamp(
            message_id=message_id(mailing.public_id, seq, self._list_domain),
            date=date,
            return_path=return_path(mailing.id, seq, self._bounce_domain),
            list_id=f"{name}.{self._list_domain}",
            list_title=self.title(list_id, language),
            unsubscribe_url=f"{self._web}/u/{token}",
            feedback_id=feedback_id(mailing.public_id, name, mailing.kind, self._sender_domain),
            list_help=f"{self._owner}?subject=help",
            list_owner=self._owner,
            unsubscribe_mailto=f"mailto:{quote(self._inbound, safe='@')}?subject={token}" if self._inbound else "",
        )
