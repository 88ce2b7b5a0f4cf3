"""A relay that takes nothing from us: the mailing waits, says why, and nobody is lost when it is mended."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from config.database import reading
from mailer import relays
from mailer.ledger.models import Delivery
from tests.certificates import Authority
from tests.press import mailing_state, open_office, send_mailing, set_up, states, their_time_comes, work, write_folder
from tests.receiver import Receiver


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


TROUBLES = {
    "an expired certificate": "its certificate is not valid for localhost: certificate has expired; it has to be",
    "another host's certificate": "its certificate is not valid for localhost: Hostname mismatch",
    "no encryption": "offers no STARTTLS, and this relay needs encryption",
    "a wrong password": "does not accept the user name and password: 535 5.7.8 wrong; correct it in BROADSIDE_SMTP_URL",
    "no password": "it wants a log-in or encryption first: 530 5.7.0 log in first",
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_the_mailing_waits_and_says_why(
    trouble: str,
    database: str,
    redis_server: str,
    authority: Authority,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    set_up(monkeypatch, redis_url=redis_server, batch_size=20, deferral_seconds=3600)
    open_office(50)
    mailing_id = send_mailing(write_folder(tmp_path / "value-gap"))
    good = {"starttls": authority.issue("localhost").context(), "auth": ("press", "word")}
    bad: dict[str, Any] = {
        "an expired certificate": {"starttls": authority.issue("localhost", days=-1).context()},
        "another host's certificate": {"starttls": authority.issue("other.example").context()},
        "no encryption": {"starttls": None},
    }.get(trouble, {})
    login = {"a wrong password": "press:wrong@", "no password": ""}.get(trouble, "press:word@")
    with Receiver(**good | bad) as receiver:
        port = receiver.port
        set_up(monkeypatch, smtp_url=f"smtp://{login}localhost:{port}?tls=starttls")
        work()
        assert not receiver.messages
    assert states(mailing_id) == {"deferred": 50}
    assert mailing_state(mailing_id) == "sending"
    with reading() as session:
        [reason] = set(session.scalars(select(Delivery.reason)))
        [told] = relays.troubles(session)
    assert reason.startswith(f"no relay takes mail now: relay localhost:{port}")
    assert TROUBLES[trouble] in reason
    assert reason.endswith(told)
    assert "wrong@" not in reason

    with Receiver(port=port, **good) as receiver:
        set_up(monkeypatch, smtp_url=f"smtp://press:word@localhost:{port}?tls=starttls")
        their_time_comes()
        work()
        assert Counter(got.rcpt for got in receiver.messages) == Counter(f"reader{n}@example.org" for n in range(1, 51))
    assert mailing_state(mailing_id) == "finished"
    with reading() as session:
        assert not relays.troubles(session)
