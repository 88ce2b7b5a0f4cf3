import ssl
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.certificates import Authority


@dataclass(frozen=True)
class Certificate:
    """A throw-away certificate for `localhost`; `file` is what trusting it takes."""

    file: Path
    server: ssl.SSLContext


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def certificate(authority: Authority) -> Certificate:
    return Certificate(authority.file, authority.issue("localhost").context())
