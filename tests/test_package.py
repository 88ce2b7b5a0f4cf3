"""The wheel: it holds all that is not Python, and finds it where it is installed."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROGRAM = """
import os
import sys
from pathlib import Path

here = Path(sys.argv[1])
sys.path.insert(0, str(here))
os.environ["BROADSIDE_STATE_DIR"] = str(here.parent / "state")

import cli.demo_content
import cli.main
from config.migrate import is_current, upgrade
from mailer.render import kinds
from mailer.render.words import translations
from web import pages
from web.app import create_app

assert Path(cli.main.__file__).is_relative_to(here)
upgrade()
assert is_current()
assert kinds.TEMPLATES.is_relative_to(here)
assert kinds.kind_names()
assert translations("fr")("Unsubscribe") != "Unsubscribe"
create_app()
assert pages.render("about.html", sender="Somebody")
assert (pages.STATIC / "pages.css").is_relative_to(here)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    [built] = folder.glob("*.whl")
    return built


def test_it_holds_every_file_that_is_no_program(wheel: Path) -> None:
    packed = set(zipfile.ZipFile(wheel).namelist())
    for folder in ("templates", "migrations", "cli/demo_content", "web/static", "subscribers/sources"):
        files = [path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
        assert files
        assert {path.relative_to(ROOT).as_posix() for path in files} <= packed
    [licence] = [name for name in packed if name.endswith("licenses/LICENSE")]
    assert zipfile.ZipFile(wheel).read(licence) == (ROOT / "LICENSE").read_bytes()


def test_it_holds_nothing_else(wheel: Path) -> None:
    tops = {name.partition("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    packages = {"config", "subscribers", "mailer", "tasks", "web", "cli", "templates", "migrations"}
    assert {top for top in tops if not top.endswith(".dist-info")} == packages


def test_what_is_installed_finds_its_files(wheel: Path, tmp_path: Path) -> None:
    installed = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(installed)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BROADSIDE_")}
    done = subprocess.run(
        [sys.executable, "-I", "-c", PROGRAM, installed],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
