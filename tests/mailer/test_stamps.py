"""What a delivery adds to its message follows from the sender's address, whatever the sender is called."""

from pathlib import Path

import pytest

from config.database import reading
from mailer.models import Mailing
from mailer.stamps import Stamps
from tests.press import MAILING, open_office, send_mailing, write_folder

NAMES = ["Ministry of Culture, Paris", "@Home Records", "AT; BT", "Press (Brussels)", '"Desk"', "IMPALA", ""]


@pytest.mark.parametrize("name", NAMES)
def test_what_the_sender_is_called_makes_no_domain(database: str, tmp_path: Path, name: str) -> None:
    del database
    open_office(1)
    text = MAILING.replace("IMPALA <press@impala.example>", f"'{name} <press@impala.example>'".replace("' ", "'"))
    text = text.replace("reply_to: press@impala.example", f"reply_to: '{name} <desk@impala.example>'")
    mailing_id = send_mailing(write_folder(tmp_path / "value-gap", mailing_yaml=text))
    with reading() as session:
        stamp = Stamps(session, session.get_one(Mailing, mailing_id)).stamp(1, "ab" * 10, 1, "en", "")
    assert stamp.message_id.endswith("@impala.example>")
    assert stamp.return_path.endswith("@impala.example")
    assert stamp.of_list.identifier.endswith(".impala.example")
    assert stamp.of_list.owner_url == "mailto:desk@impala.example"
