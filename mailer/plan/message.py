"""The message plan: a compiled edition made ready, so that a recipient's message is a join of bytes."""

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from config.errors import BroadsideError
from mailer.plan import headers
from mailer.plan.body import Body, Source
from mailer.plan.compiled import CompiledEdition
from mailer.plan.skeleton import skeleton
from mailer.recipient import Recipient
from mailer.render.personal import TooLarge, context, environment
from mailer.render.values import OfOnePerson


class RenderError(BroadsideError):
    """One recipient's message cannot be made. Names the edition and the part, and nothing of the person."""

    def __init__(self, language: str, part: str, reason: str, *, alone: bool = False) -> None:
        """`alone`: it comes of the recipient's own address or values. All else everybody's message may have."""
        super().__init__(f"the {part} of the {language} edition cannot be made for this recipient: {reason}")
        self.language = language
        self.part = part
        self.alone = alone


class OfList(NamedTuple):
    """What all messages of a mailing to the people of one list carry."""

    identifier: str
    """`name.domain`."""
    title: str
    """The list's title in the edition's language: in List-Id and in the footer."""
    feedback_id: str
    help_url: str
    owner_url: str
    """Mostly mailto:."""


class Stamp(NamedTuple):
    """What a delivery adds to an edition and its recipient. URLs stand without angle brackets."""

    of_list: OfList
    message_id: str
    """`<left@right>`, from mailer.links."""
    date: str
    """As RFC 5322 has it."""
    return_path: str
    """The envelope sender; it is no header of ours."""
    unsubscribe_url: str
    unsubscribe_mailto: str = ""
    """A mailto: URL with the token, or empty."""


class MessagePlan:
    """All of an edition that does not depend on its reader, encoded; made once, used for every recipient."""

    def __init__(self, compiled: CompiledEdition, media: Mapping[str, bytes]) -> None:
        """Compile an edition; `media` holds the bytes of its files by their hash.

        Raises Refused for a file that is missing, jinja2.TemplateSyntaxError for a source that is no Jinja, and
        mailer.plan.headers.BadValue for a sender that is no address.
        """
        self.language = compiled.language
        jinja = environment(compiled.language)
        self._subject = Source(jinja, compiled.subject)
        self._bodies = [("text", Body(jinja, compiled.text)), ("HTML", Body(jinja, compiled.html))]
        if compiled.calendar:
            self._bodies.insert(1, ("calendar", Body(jinja, compiled.calendar.source)))
        self._skeleton = skeleton(compiled, media)
        self._sender = headers.mailbox("From", *headers.split_mailbox(compiled.sender))
        if compiled.reply_to:
            self._sender += headers.mailbox("Reply-To", *headers.split_mailbox(compiled.reply_to))
        self._language_field = f"Content-Language: {compiled.language}\r\n"

    def assemble(self, recipient: Recipient, stamp: Stamp) -> bytes:
        """The whole message as it goes down the wire: CRLF only, no line over 998 octets, none beginning with a dot.

        Raises RenderError where the edition cannot be rendered for this recipient.
        """
        return b"".join(self.pieces(recipient, stamp))

    def pieces(self, recipient: Recipient, stamp: Stamp) -> list[bytes]:
        """What `assemble` joins: what is the same for everybody is the same object in each message."""
        part = "subject"
        try:
            values = context(recipient, unsubscribe_url=stamp.unsubscribe_url, list_title=stamp.of_list.title)
            subject = self._subject.text(values)
            part = "address"
            to = headers.mailbox("To", f"{recipient.first_name} {recipient.last_name}", recipient.email)
            part = "header"
            before, *behind = self._skeleton.pieces
            pieces = [self._header(to, stamp, subject), before]
            for (name, body), after in zip(self._bodies, behind, strict=True):
                part = name
                pieces += body.encoded(values)
                pieces.append(after)
        except (TooLarge, headers.BadValue) as error:  # their texts are ours and hold no values
            raise RenderError(self.language, part, str(error), alone=part == "address") from None
        except OfOnePerson as error:
            raise RenderError(self.language, part, error.impersonal, alone=True) from None
        except Exception as error:  # noqa: BLE001 - an author's expression may raise anything, and its text hold values
            raise RenderError(self.language, part, type(error).__name__, alone=part == "address") from None
        return pieces

    def _header(self, to: str, stamp: Stamp, subject: str) -> bytes:
        if not _is_plain(stamp.date + stamp.message_id):
            raise headers.BadValue("a control character in the Date or Message-ID")
        ways_out = [stamp.unsubscribe_url]
        if stamp.unsubscribe_mailto:
            ways_out.append(stamp.unsubscribe_mailto)
        # RFC 8058 knows one click only over https; without it mail stays on this machine anyway.
        one_click = stamp.unsubscribe_url.startswith("https://")
        return "".join(
            (
                self._sender,
                to,
                headers.unstructured("Subject", subject),
                f"Date: {stamp.date}\r\nMessage-ID: {stamp.message_id}\r\n",
                _fields_of_list(stamp.of_list),
                headers.urls("List-Unsubscribe", *ways_out),
                "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" if one_click else "",
                self._language_field,
            )
        ).encode()


@lru_cache(maxsize=512)
def _fields_of_list(of_list: OfList) -> str:
    """Their header fields. Kept by value: there are only as many as a mailing has lists, in each language."""
    if not _is_plain(of_list.feedback_id):
        raise headers.BadValue("a control character in the Feedback-ID")
    return (
        headers.list_id(of_list.title, of_list.identifier)
        + headers.urls("List-Help", of_list.help_url)
        + headers.urls("List-Owner", of_list.owner_url)
        + f"Feedback-ID: {of_list.feedback_id}\r\n"
    )


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable()
