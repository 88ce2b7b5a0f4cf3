"""docker-compose.yml, its variables filled in by one implementation of Compose and its shape checked by another."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from compose_spec import PyCompose

from config.settings import PREFIX, Settings

ROOT = Path(__file__).parents[1]
FILE = ROOT / "docker-compose.yml"
SECRETS = {
    "POSTGRES_PASSWORD": "p" * 64,
    "BROADSIDE_SECRET_KEY": "s" * 64,
    "BROADSIDE_SUPPRESSION_KEY": "u" * 64,
}


def run_compose(variables: dict[str, str], *profiles: str) -> subprocess.CompletedProcess[str]:
    """`config` of a Compose without an engine: the file as it stands once its variables are filled in."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith((PREFIX, "POSTGRES"))}
    chosen = [word for profile in profiles for word in ("--profile", profile)]
    return subprocess.run(
        [Path(sys.executable).parent / "podman-compose", "--dry-run", *chosen, "-f", FILE, "config"],
        env={**environment, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def resolved() -> str:
    done = run_compose(SECRETS, "inbox")
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def services(resolved: str) -> dict[str, Any]:
    return PyCompose.from_yaml(resolved).to_dict()["services"]


def test_it_is_what_the_specification_allows(resolved: str) -> None:
    compose = PyCompose.from_yaml(resolved)
    compose.validate()
    assert set(compose.service_names()) == {"postgres", "redis", "migrate", "worker", "beat", "web", "inbox"}
    with pytest.raises(ValueError, match="healthchek"):
        PyCompose.from_yaml(resolved.replace("healthcheck", "healthchek"))


def test_what_services_name_is_there(resolved: str, services: dict[str, Any]) -> None:
    volumes = {volume.partition(":")[0] for service in services.values() for volume in service.get("volumes", [])}
    assert volumes == set(PyCompose.from_yaml(resolved).to_dict()["volumes"])
    for service in services.values():
        assert set(service.get("depends_on", {})) <= set(services)


@pytest.mark.parametrize("name", SECRETS)
def test_a_missing_secret_stops_it_with_what_to_do(name: str) -> None:
    done = run_compose({other: value for other, value in SECRETS.items() if other != name})
    assert done.returncode != 0
    assert name in done.stderr
    assert "openssl rand -hex 32" in done.stderr


def test_no_secret_stands_in_the_file() -> None:
    for line in FILE.read_text().splitlines():
        if re.search(r"(PASSWORD|_KEY)\b.*:", line) and not line.lstrip().startswith("#"):
            assert "${" in line, line


def test_every_service_that_stays_comes_back_and_all_but_beat_are_watched(services: dict[str, Any]) -> None:
    assert services["migrate"]["restart"] == "no"
    for name, service in services.items():
        if name == "migrate":
            continue
        assert service["restart"] == "unless-stopped", name
        assert bool(service.get("healthcheck", {}).get("test")) is (name != "beat"), name


def test_nothing_of_ours_starts_before_the_tables_are_there(services: dict[str, Any]) -> None:
    for name in ("worker", "beat", "web"):
        waits_for = services[name]["depends_on"]
        assert waits_for["migrate"]["condition"] == "service_completed_successfully"
        assert waits_for["postgres"]["condition"] == waits_for["redis"]["condition"] == "service_healthy"
    assert services["migrate"]["command"] == ["db", "upgrade"]


def test_the_flight_recorder_and_the_data_outlive_their_containers(services: dict[str, Any]) -> None:
    state_dir = re.search(r"BROADSIDE_STATE_DIR=(\S+)", (ROOT / "Dockerfile").read_text())
    assert state_dir
    assert services["worker"]["volumes"] == [f"worker-state:{state_dir[1]}"]
    assert "BROADSIDE_STATE_DIR" not in services["worker"]["environment"]
    assert services["postgres"]["volumes"] == ["postgres:/var/lib/postgresql/data"]
    assert services["redis"]["volumes"] == ["redis:/data"]
    command = services["redis"]["command"]
    assert command[command.index("--appendonly") + 1] == "yes"


def test_every_setting_named_is_one_and_all_parts_have_the_same(
    services: dict[str, Any], environment: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    ours = [name for name, service in services.items() if name not in {"postgres", "redis"}]
    for name in ours:
        given = dict(services[name]["environment"])
        assert set(given) <= known, name
        given.pop("BROADSIDE_HOST", None)
        assert given == services["worker"]["environment"], name
        with monkeypatch.context() as patch:
            for key, value in services[name]["environment"].items():
                patch.setenv(key, value)
            assert Settings().database.startswith("postgresql+psycopg://broadside:")


def test_without_a_relay_mail_goes_to_the_inbox_beside_the_worker(
    services: dict[str, Any], environment: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert services["inbox"]["network_mode"] == "service:worker"
    for key, value in services["worker"]["environment"].items():
        monkeypatch.setenv(key, value)
    [relay] = Settings().relays
    assert relay.is_loopback
    assert relay.port == Settings().inbox_smtp_port
    assert f"127.0.0.1:8026:{Settings().inbox_port}" in services["worker"]["ports"]
    assert f"127.0.0.1:8025:{Settings().web_port}" in services["web"]["ports"]


def test_only_the_loopback_is_published(services: dict[str, Any]) -> None:
    for name, service in services.items():
        for port in service.get("ports", []):
            assert str(port).startswith("127.0.0.1:"), name


def test_the_inbox_is_only_there_when_asked_for(services: dict[str, Any]) -> None:
    assert services["inbox"]["profiles"] == ["inbox"]
    assert all("profiles" not in service for name, service in services.items() if name != "inbox")


def test_the_image_holds_all_that_the_package_needs() -> None:
    """What is copied into the image: every package of pyproject.toml, templates and migrations, let in by .dockerignore."""
    import tomllib

    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    needed = {*build["packages"], *build["targets"]["wheel"]["force-include"]}
    copied = set(re.findall(r"^COPY (\w+) \w+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE))
    assert copied == needed
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert needed < let_in
    for line in re.findall(r"^COPY ([^-].*) \./$", (ROOT / "Dockerfile").read_text(), re.MULTILINE):
        assert set(line.split()) == let_in - needed


def test_the_image_runs_on_the_versions_that_were_tested() -> None:
    """Every pin of the image's lock file stands in that of the tests with the same hashes."""

    def pins(name: str) -> set[str]:
        text = (ROOT / name).read_text()
        return {re.sub(r"\n    #.*", "", block) for block in re.split(r"\n(?=\S)", text) if "==" in block}

    image, tests = pins("requirements-run.lock"), pins("requirements.lock")
    hashes = {block.partition(" ")[0]: set(re.findall(r"sha256:\w+", block)) for block in tests}
    for block in image:
        assert hashes[block.partition(" ")[0]] == set(re.findall(r"sha256:\w+", block))
