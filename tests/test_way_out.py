"""The way out, end to end: leaving by the link of one mail takes effect for the next, already on its way."""

import email
import email.policy
from pathlib import Path

import httpx
import pytest

from mailer.freeze import freeze
from tests.press import open_office, send_mailing, set_up, states, work, write_folder
from tests.receiver import Receiver
from tests.web.serving import http
from web.app import create_app

PUBLIC = "https://press.example.org"


def test_a_post_between_freeze_and_sending_is_heeded_and_a_scanners_get_is_not(
    database: str, redis_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_up(monkeypatch, redis_url=redis_server, public_url=PUBLIC)
    open_office(12)
    with Receiver() as receiver:
        set_up(monkeypatch, smtp_url=f"smtp://127.0.0.1:{receiver.port}?tls=none")
        send_mailing(write_folder(tmp_path / "first"))
        work()
        links = {}
        for message in receiver.messages:
            parsed = email.message_from_bytes(message.content, policy=email.policy.default)
            assert parsed["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
            links[message.rcpt] = str(parsed["List-Unsubscribe"]).strip("<>").removeprefix(PUBLIC)
        receiver.messages.clear()

        second = send_mailing(write_folder(tmp_path / "second"))
        freeze(second)
        with http(create_app()) as url, httpx.Client(base_url=url) as client:
            # A gateway that opens every link of a mail; nobody asked it to leave.
            for link in links.values():
                assert client.get(link).status_code == 200
                assert client.head(link).status_code == 200
            one_click = {"List-Unsubscribe": "One-Click"}
            assert client.post(links["reader1@example.org"], data=one_click).status_code == 200
            assert client.post(links["reader1@example.org"], data=one_click).status_code == 200
        work()
        assert {message.rcpt for message in receiver.messages} == set(links) - {"reader1@example.org"}
    assert states(second) == {"sent": 11, "skipped": 1}
