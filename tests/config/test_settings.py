"""A wrong setting is refused at start in one line that names the variable."""

from pathlib import Path

import pytest

from config.errors import Refused
from config.settings import RelayUrl, read_settings
from mailer.plan.headers import urls

LONG = "k" * 32


@pytest.fixture(autouse=True)
def alone(environment: object) -> None:
    """No BROADSIDE_ variable of the machine's."""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "mysql://localhost/x"),
        ("DATABASE_URL", "broadside"),
        ("REDIS_URL", "localhost:6379"),
        ("SMTP_URL", "mail.example.org"),
        ("SMTP_URL", "smtp://mail.example.org:99999"),
        ("SMTP_URL", "smtp://127.0.0.1?tls=maybe"),
        ("SMTP_URL", "smtp://127.0.0.1?timeout=3"),
        ("SMTP_URL", "smtps://127.0.0.1?tls=none"),
        ("PUBLIC_URL", "press.example.org"),
        ("PUBLIC_URL", "ftp://press.example.org"),
        ("PUBLIC_URL", "https://press.example.org/our office"),
        ("PUBLIC_URL", "https://press.example.org/\u00a0x"),
        ("PUBLIC_URL", "https://press\t.example.org"),
        ("PUBLIC_URL", "https://<press.example.org>"),
        ("PUBLIC_URL", "https://press.example.org:https"),
        ("PUBLIC_URL", "https://é..example.org"),
        ("BOUNCE_DOMAIN", "press@example.org"),
        ("LIST_DOMAIN", "localhost"),
        ("SECRET_KEY", "short"),
        ("SUPPRESSION_KEY", "short"),
        ("WEB_PORT", "0"),
        ("BATCH_SIZE", "many"),
        ("LEASE_SECONDS", "1"),
    ],
)
def test_a_wrong_value_names_its_variable(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"BROADSIDE_{name}", value)
    with pytest.raises(Refused) as refused:
        read_settings()
    assert f"BROADSIDE_{name}" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_no_mail_leaves_the_machine_without_a_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROADSIDE_SMTP_URL", "smtp://127.0.0.1:25 smtp://mail.example.org:587")
    for url in ("", "http://press.example.org"):
        monkeypatch.setenv("BROADSIDE_PUBLIC_URL", url)
        with pytest.raises(Refused, match=r"BROADSIDE_PUBLIC_URL must be an https address .* mail\.example\.org:587"):
            read_settings()
    monkeypatch.setenv("BROADSIDE_PUBLIC_URL", "https://press.example.org/")
    assert read_settings().web_url == "https://press.example.org"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("HTTPS://press.example.org", "https://press.example.org"),
        (" https://press.example.org/office/ ", "https://press.example.org/office"),
        ("https://prëss.example.org:8443", "https://prëss.example.org:8443"),
    ],
)
def test_a_public_url_is_read_as_headers_have_it(written: str, read: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROADSIDE_PUBLIC_URL", written)
    assert read_settings().web_url == read
    assert urls("List-Unsubscribe", f"{read}/u/token").startswith("List-Unsubscribe: <https://")


def test_the_two_keys_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROADSIDE_SECRET_KEY", LONG)
    monkeypatch.setenv("BROADSIDE_SUPPRESSION_KEY", LONG)
    with pytest.raises(Refused, match="BROADSIDE_SUPPRESSION_KEY must not be the same"):
        read_settings()


def test_relays_are_read_in_order_with_their_passwords_kept_out_of_sight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROADSIDE_PUBLIC_URL", "https://press.example.org")
    monkeypatch.setenv(
        "BROADSIDE_SMTP_URL",
        "smtp://press:p%40ss@mail.example.org?tls=starttls smtps://b.example.org smtp://[::1]:2525",
    )
    first, second, third = read_settings().relays
    assert (first.name, first.username, first.password, first.tls) == (
        "mail.example.org:587",
        "press",
        "p@ss",
        "starttls",
    )
    assert (second.name, second.tls) == ("b.example.org:465", "implicit")
    assert (third.name, third.is_loopback) == ("::1:2525", True)
    assert "p@ss" not in repr(read_settings())


def test_a_relay_may_be_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROADSIDE_SMTP_URL", "smtp://127.0.0.1?per_second=2.5&tls=none smtp://127.0.0.1:26")
    assert [relay.per_second for relay in read_settings().relays] == [2.5, None]
    for wrong in ("0", "-1", "many", "nan", "inf", ""):
        monkeypatch.setenv("BROADSIDE_SMTP_URL", f"smtp://127.0.0.1?per_second={wrong}")
        with pytest.raises(Refused, match=r"BROADSIDE_SMTP_URL: \?per_second= takes a number"):
            read_settings()


def test_a_postgresql_url_gets_its_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROADSIDE_DATABASE_URL", "postgresql://press:secret@db.example.org/press")
    assert read_settings().database == "postgresql+psycopg://press:secret@db.example.org/press"


def test_with_no_settings_everything_is_in_the_state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROADSIDE_STATE_DIR", str(tmp_path))
    chosen = read_settings()
    assert chosen.database == f"sqlite+pysqlite:///{tmp_path}/broadside.db"
    assert chosen.redis == f"unix://{tmp_path}/redis.sock"
    assert [relay.name for relay in chosen.relays] == ["127.0.0.1:2525"]


def test_a_long_path_does_not_break_the_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROADSIDE_STATE_DIR", str(tmp_path / ("long" * 30)))
    assert len(str(read_settings().redis_socket)) <= 100


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1.2.3", "[::1]"])
def test_loopback(host: str) -> None:
    assert RelayUrl(f"smtp://{host}").is_loopback


def test_another_host_is_not_loopback() -> None:
    assert not RelayUrl("smtp://192.0.2.1").is_loopback
    assert not RelayUrl("smtp://localhost.example.org").is_loopback
