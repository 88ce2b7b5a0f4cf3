"""The settings: one typed object, read from the environment (prefix BROADSIDE_) and checked at start."""

import hashlib
import ipaddress
import tempfile
from functools import cache
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from config.errors import Refused

PREFIX = "BROADSIDE_"
LONGEST_SOCKET_PATH = 100
"""Bytes; the kernel's limit is 107."""


class RelayUrl:
    """One SMTP server: `smtp://user:pass@host:port`, `smtps://...`, `?tls=starttls|none`, `?per_second=10`.

    Without `?tls=`, smtp:// takes STARTTLS where the server offers it, and smtps:// is TLS from the first byte.
    """

    def __init__(self, text: str) -> None:
        parts = urlsplit(text)
        try:
            port = parts.port
        except ValueError:
            raise ValueError("the port is not a number between 1 and 65535") from None
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
            raise ValueError("write it as smtp://host:port or smtps://user:password@host:port")
        query = parse_qs(parts.query, keep_blank_values=True)
        self.tls: str | None = query.pop("tls", [None])[0]
        self.per_second = _rate(query.pop("per_second", [None])[0])
        if query:
            raise ValueError(f"unknown option {next(iter(query))!r}; there are ?tls=starttls|none and ?per_second=10")
        if parts.scheme == "smtps":
            if self.tls is not None:
                raise ValueError("?tls= does not go with smtps://, which is TLS from the first byte")
            self.tls = "implicit"
        elif self.tls not in (None, "starttls", "none"):
            raise ValueError("?tls= takes starttls or none")
        self.host = parts.hostname
        self.port = port or (465 if parts.scheme == "smtps" else 587 if parts.username else 25)
        self.username = unquote(parts.username) if parts.username else None
        self.password = unquote(parts.password) if parts.password else None

    @property
    def name(self) -> str:
        """`host:port`, the relay's name in tables and reports; never the password."""
        return f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """True where mail cannot leave this machine."""
        return is_loopback(self.host)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RelayUrl) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f"RelayUrl({self.name})"


def is_loopback(host: str) -> bool:
    """True where `host` can only be reached from this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_host(parts: SplitResult) -> bool:
    """Whether a URL names a host, and a port or none, that could be."""
    try:
        return bool(parts.hostname and parts.hostname.encode("idna")) and parts.port != 0
    except ValueError:  # a UnicodeError is one
        return False


def _rate(value: str | None) -> float | None:
    """Messages a second; None: as many as it takes."""
    if value is None:
        return None
    try:
        rate = float(value)
    except ValueError:
        rate = 0.0
    if not 0.001 <= rate <= 1_000_000:
        raise ValueError("?per_second= takes a number of messages, such as 10 or 0.5")
    return rate


def _relays(value: object) -> object:
    if isinstance(value, str):
        return tuple(RelayUrl(word) for word in value.split())
    return value


class Settings(BaseSettings):
    """Everything that can be set, each by BROADSIDE_<NAME>."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, arbitrary_types_allowed=True, frozen=True)

    state_dir: Path = Path("state")
    """A folder on a local disk, kept between runs: keys, flight recorder, and in a small set-up the database."""
    database_url: Annotated[str, Field(repr=False)] = ""
    """postgresql://... or sqlite:///path; empty: SQLite in the state folder."""
    redis_url: Annotated[str, Field(repr=False)] = ""
    """redis://...; empty: a Redis of our own, started by `broadside up`."""
    smtp_url: Annotated[tuple[RelayUrl, ...], NoDecode, BeforeValidator(_relays)] = ()
    """One or several relays separated by spaces; empty: the local inbox."""
    public_url: str = ""
    """Where recipients reach the public pages; https for any mail that leaves this machine."""
    source_url: str = ""
    """Where readers find the source code of this very program, as the AGPL (section 13) asks; on every public page."""
    bounce_domain: str = ""
    """The domain of the return path; empty: the sender's."""
    list_domain: str = ""
    """The domain of List-Ids and Message-IDs; empty: the sender's."""
    inbound_mailbox: str = ""
    """An address for unsubscribing by mail, which List-Unsubscribe then names too. Broadside does not read it."""
    secret_key: SecretStr = SecretStr("")
    """Signs links and return paths; empty: made once and kept in the state folder."""
    suppression_key: SecretStr = SecretStr("")
    """Hashes suppressed addresses; never derived from SECRET_KEY; empty: made once and kept."""
    web_port: Annotated[int, Field(ge=1, le=65535)] = 8025
    inbox_port: Annotated[int, Field(ge=1, le=65535)] = 8026
    inbox_smtp_port: Annotated[int, Field(ge=1, le=65535)] = 2525
    host: str = "127.0.0.1"
    """The address that web and inbox listen on."""
    batch_size: Annotated[int, Field(ge=1, le=5000)] = 1000
    """Deliveries in a batch."""
    connections: Annotated[int, Field(ge=1, le=100)] = 4
    """SMTP connections a worker process keeps to its relay."""
    lease_seconds: Annotated[float, Field(ge=3)] = 60.0
    """How long a claim holds by the database's clock unless renewed."""
    deferral_seconds: Annotated[float, Field(gt=0)] = 60.0
    """The first wait after a temporary refusal; it doubles up to half an hour."""

    @field_validator("database_url")
    @classmethod
    def _database(cls, value: str) -> str:
        if not value:
            return value
        try:
            url = make_url(value)
        except ArgumentError:
            raise ValueError("write it as postgresql://user:password@host/name or sqlite:///path") from None
        backend = url.get_backend_name()
        if backend not in ("postgresql", "sqlite"):
            raise ValueError(f"{backend} is not supported; use postgresql:// or sqlite:///")
        driver = "postgresql+psycopg" if backend == "postgresql" else "sqlite+pysqlite"
        return url.set(drivername=driver).render_as_string(hide_password=False)

    @field_validator("redis_url")
    @classmethod
    def _redis(cls, value: str) -> str:
        if value and urlsplit(value).scheme not in ("redis", "rediss", "unix"):
            raise ValueError("write it as redis://host:port/number")
        return value

    @field_validator("public_url")
    @classmethod
    def _public(cls, value: str) -> str:
        value = value.strip()
        if not value:
            return value
        # It stands in a header of every message, where neither could.
        if " " in value or not value.isprintable() or not {"<", ">"}.isdisjoint(value):
            raise ValueError("write it without spaces and angle brackets, as https://press.example.org")
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not _is_host(parts) or parts.query or parts.fragment:
            raise ValueError("write it as https://press.example.org")
        return parts.geturl().rstrip("/")

    @field_validator("source_url")
    @classmethod
    def _source(cls, value: str) -> str:
        if value and (urlsplit(value).scheme not in ("http", "https") or not urlsplit(value).hostname):
            raise ValueError("write it as https://example.org/broadside")
        return value

    @field_validator("bounce_domain", "list_domain")
    @classmethod
    def _domain(cls, value: str) -> str:
        if not value:
            return value
        try:
            plain = value.encode("idna").decode("ascii").lower()
        except UnicodeError:
            plain = ""
        if "." not in plain or not all(part.replace("-", "a").isalnum() for part in plain.split(".")):
            raise ValueError("write a domain such as bounce.example.org")
        return plain

    @field_validator("secret_key", "suppression_key")
    @classmethod
    def _long_enough(cls, value: SecretStr) -> SecretStr:
        if 0 < len(value.get_secret_value()) < 32:
            raise ValueError("needs 32 characters or more; make one with: openssl rand -hex 32")
        return value

    @model_validator(mode="after")
    def _way_out(self) -> Self:
        away = [relay.name for relay in self.smtp_url if not relay.is_loopback]
        if away and urlsplit(self.public_url).scheme != "https":
            raise ValueError(
                f"{PREFIX}PUBLIC_URL must be an https address before mail may leave through {away[0]}: "
                "without it nobody could unsubscribe"
            )
        if self.secret_key.get_secret_value() and self.secret_key == self.suppression_key:
            raise ValueError(f"{PREFIX}SUPPRESSION_KEY must not be the same as {PREFIX}SECRET_KEY")
        return self

    @property
    def database(self) -> str:
        """The SQLAlchemy URL, with the embedded default filled in."""
        return self.database_url or f"sqlite+pysqlite:///{self.state_dir.absolute() / 'broadside.db'}"

    @property
    def redis_socket(self) -> Path:
        """Where our own Redis listens: in the state folder, or, as a socket's path is short, beside others' in tmp."""
        path = self.state_dir.absolute() / "redis.sock"
        if len(str(path)) <= LONGEST_SOCKET_PATH:
            return path
        return Path(tempfile.gettempdir()) / f"broadside-{hashlib.sha256(str(path).encode()).hexdigest()[:16]}.sock"

    @property
    def redis(self) -> str:
        """The Redis URL, with the embedded default filled in."""
        return self.redis_url or f"unix://{self.redis_socket}"

    @property
    def redis_name(self) -> str:
        """Where Redis is, to be told: never its password."""
        return self.redis.rpartition("@")[2].rpartition("://")[2]

    @property
    def web_url(self) -> str:
        """Where the public pages are: PUBLIC_URL, or this machine."""
        return self.public_url or f"http://{self.host}:{self.web_port}"

    @property
    def relays(self) -> tuple[RelayUrl, ...]:
        """The relays, which take turns; without any, the local inbox."""
        return self.smtp_url or (RelayUrl(f"smtp://127.0.0.1:{self.inbox_smtp_port}?tls=none"),)


def read_settings() -> Settings:
    """Read and check the environment. Raises Refused with one line that names the variable."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = PREFIX + "_".join(str(part) for part in first["loc"][:1]).upper()
        reason = first["msg"].removeprefix("Value error, ")
        raise Refused(reason if reason.startswith(PREFIX) else f"{name}: {reason}") from None


@cache
def settings() -> Settings:
    """The settings of this process, read once."""
    return read_settings()
