"""What people do at the same moment, and what they hand in: told in a line, and nothing half done."""

import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select

from config.database import reading, transaction
from config.errors import Refused
from mailer import control
from mailer.folder import import_folder
from mailer.freeze import freeze
from mailer.models import Mailing
from mailer.sending import send_batch
from subscribers.lists import create_list
from subscribers.models import Basis, List, Standing, Subscriber, Subscription
from tests.cli.speaking import PROGRAM, Said, broadside, program
from tests.press import ENGLISH, MAILING, mailing_state, open_office, send_mailing, set_up, states, work, write_folder
from tests.receiver import Receiver
from tests.servers import Server

IMPORT = ("--list", "press", "--basis", "consent", "--source", "test")


@pytest.fixture
def receiver(redis: Server, database: str) -> Receiver:
    return Receiver()


def _use(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    set_up(monkeypatch, smtp_url=f"smtp://127.0.0.1:{receiver.port}?tls=none")


def test_of_several_who_send_at_once_one_sends(
    receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_office(30)
    with transaction() as session:
        mailing_id = import_folder(session, write_folder(tmp_path / "value-gap")).id
    together = threading.Barrier(4)

    def send() -> str:
        together.wait()
        try:
            with transaction() as session:
                control.send(session, session.get_one(Mailing, mailing_id))
        except Refused as error:
            return str(error)
        return "sent"

    with ThreadPoolExecutor(4) as pool:
        said = Counter(future.result() for future in [pool.submit(send) for _ in range(4)])
    assert said.pop("sent") == 1
    assert list(said) == ["cannot send 'value-gap': it is scheduled already; `broadside mailing cancel` takes it back"]
    with receiver:
        _use(receiver, monkeypatch)
        work()
        assert set(Counter(message.rcpt for message in receiver.messages).values()) == {1}
    assert states(mailing_id) == {"sent": 30}


def test_a_mailing_changed_while_it_is_sent_keeps_its_text(
    receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_office(60)
    folder = write_folder(tmp_path / "value-gap")
    with receiver:
        _use(receiver, monkeypatch)
        mailing_id = send_mailing(folder)
        freeze(mailing_id)
        send_batch(mailing_id, 1)
        write_folder(folder, en_md=ENGLISH.replace("Thank you.", "Changed."), fr_md=ENGLISH)
        said = broadside("mailing", "import", folder, status=1)
        assert "value-gap is sending and cannot be changed any more; copy the folder under another name" in said.err
        work()
        assert len(receiver.messages) == 60
        assert not any(b"Changed." in message.content for message in receiver.messages)
    assert states(mailing_id) == {"sent": 60}


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)  # whose statements have the narrower limits
def test_a_thousand_lists(receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_office(10)
    names = [f"list-{number}" for number in range(1000)]
    with transaction() as session:
        for name in names:
            create_list(session, name, name.title())
    with transaction() as session:
        people = session.scalars(select(Subscriber.id)).all()
        lists = session.scalars(select(List.id).where(List.name.in_(names))).all()
        standing = {"standing": Standing.confirmed, "basis": Basis.membership}
        session.execute(
            insert(Subscription),
            [{"subscriber_id": person, "list_id": one, **standing} for person in people for one in lists],
        )
    described = MAILING.replace("[members, press]", f"[{', '.join(reversed(names))}], exclude: {{lists: [press]}}")
    with receiver:
        _use(receiver, monkeypatch)
        mailing_id = send_mailing(write_folder(tmp_path / "value-gap", mailing_yaml=described))
        work()
        assert mailing_state(mailing_id) == "finished"
        assert len(receiver.messages) == len({message.rcpt for message in receiver.messages}) == 8
        assert all(b"List-999" in message.content for message in receiver.messages)


@pytest.mark.parametrize(
    ("write", "says"),
    [
        (lambda file: file.write(b'b@example.org,"never closed\n'), "the row that begins on line 3 is broken"),
        (lambda file: file.write(b"b@example.org,\0\n"), "line 3 holds a NUL character"),
        (lambda file: file.write("é\n".encode() * 9 + b"b@example.org,\xe9\n"), "line 12 is broken"),
    ],
    ids=["a quotation mark", "a NUL", "two encodings"],
)
def test_a_broken_table_puts_nobody_on_the_list(
    environment: object, tmp_path: Path, write: Callable[[object], object], says: str
) -> None:
    broadside("list", "create", "press", "--title", "Press")
    path = tmp_path / "people.csv"
    with path.open("wb") as file:
        file.write(b"email,beat\na@example.org,x\n")
        write(file)
    said = broadside("subscribers", "import", path, *IMPORT, status=1)
    assert says in said.err
    assert said.err.count("\n") == 1
    with reading() as session:
        assert session.scalar(select(func.count()).select_from(Subscriber)) == 0


def test_ragged_rows_are_handed_back(environment: object, tmp_path: Path) -> None:
    broadside("list", "create", "press", "--title", "Press")
    path = tmp_path / "people.csv"
    path.write_text("email,beat\na@example.org\nb@example.org,x,y\nc@example.org,z\n")
    said = broadside("subscribers", "import", path, *IMPORT, "--json", status=3)
    assert (said.json["created"], said.json["rejected"]) == (2, 1)


def test_a_line_without_end_takes_no_memory(tmp_path: Path) -> None:
    """A two-gigabyte line takes as much as this one."""
    for name in ("press", "members"):
        program("list", "create", name, "--title", name, folder=tmp_path, state_dir="state")
    path = tmp_path / "people.csv"
    with path.open("wb") as file:
        file.write("email,beat\na@example.org,é\n".encode())
        for _ in range(300):
            file.write("é".encode() * (1 << 19))
    folder = write_folder(tmp_path / "value-gap")
    (folder / "en.md").unlink()
    (folder / "en.md").symlink_to(path)
    for words, says in (
        (("subscribers", "import", str(path), *IMPORT), "does not end within 1,000,000 characters"),
        (("mailing", "import", str(folder)), "has more than 2,000,000 bytes; is it the right file?"),
    ):
        said, most = _measured(tmp_path, *words)
        assert (said.status, said.err.count("\n")) == (1, 1)
        assert says in said.err
        assert most < 200_000_000


# A process of its own starts the command: one that comes from a large process counts that one's memory as its own.
_MEASURE = """
import resource, subprocess, sys
status = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL)
print(status, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def _measured(folder: Path, *words: str) -> tuple[Said, int]:
    """What a command said, and the most memory that it had in bytes."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("BROADSIDE_")}
    found = subprocess.run(
        [sys.executable, "-c", _MEASURE, PROGRAM, *words],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    status, kilobytes = map(int, found.stdout.split())
    return Said(status, "", found.stderr), kilobytes * 1024


def test_a_database_that_does_not_know_us_is_told_without_the_password(tmp_path: Path, postgres_server: str) -> None:
    where = postgres_server.partition("@")[2]
    url = f"postgresql://stranger:correct-horse@{where}/postgres"
    for words in (("list", "show"), ("worker",), ("web",)):
        said = program(*words, folder=tmp_path, database_url=url, redis_url="redis://127.0.0.1:1/0")
        assert said.status == 1
        assert 'role "stranger" does not exist; is it running, and BROADSIDE_DATABASE_URL right?' in said.err
        assert "correct-horse" not in said.err
        assert said.err.count("\n") == 1
