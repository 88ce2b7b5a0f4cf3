"""A disk is full: what cannot be done is told, nothing is lost, and it goes on when there is room again."""

import resource
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import NullPool, create_engine, text
from sqlalchemy.exc import OperationalError

from config.database import transaction
from config.migrate import upgrade
from mailer.freeze import freeze
from mailer.ledger import recorder
from mailer.sending import send_batch
from subscribers.lists import create_list
from tests import servers
from tests.bad_days.conftest import fill, use_database
from tests.cli.speaking import broadside, program
from tests.conftest import forget
from tests.press import mailing_state, open_office, send_mailing, set_up, states, work, write_folder
from tests.receiver import Receiver
from tests.servers import Server
from tests.workers import Workers, wait_until

PEOPLE = 400
Disk = Callable[[int], Path]


def test_state_and_database_share_a_full_disk(
    redis: Server, small_disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, log = small_disk(8), tmp_path / "log"
    set_up(monkeypatch, state_dir=state)
    upgrade()
    open_office(PEOPLE)
    with Receiver(delay=0.01) as receiver:
        set_up(monkeypatch, smtp_url=f"smtp://127.0.0.1:{receiver.port}?tls=none")
        mailing_id = send_mailing(write_folder(tmp_path / "value-gap"))
        with Workers(1, log=log):
            wait_until(lambda: len(receiver.messages) >= PEOPLE // 4)
            ballast = fill(state)
            wait_until(lambda: "free some space there" in log.read_text())
            time.sleep(3)
            said = broadside("list", "create", "x", "--title", "x" * 100_000, status=1)
            assert "cannot be used: database or disk is full; free some space there" in said.err
            assert len(receiver.messages) < PEOPLE
            ballast.unlink()
            wait_until(lambda: mailing_state(mailing_id) == "finished")
        assert Counter(message.rcpt for message in receiver.messages) == Counter(
            f"reader{number}@example.org" for number in range(1, PEOPLE + 1)
        )
    assert states(mailing_id) == {"sent": PEOPLE}
    text = log.read_text()
    assert "Traceback" not in text, text
    assert text.count("\n") < 40, text


def test_without_a_recorder_nothing_is_claimed(
    database: str, redis: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a full disk, for those who may mount none: the process may write no file of this size."""
    open_office(40)
    with Receiver() as receiver:
        set_up(monkeypatch, smtp_url=f"smtp://127.0.0.1:{receiver.port}?tls=none")
        mailing_id = send_mailing(write_folder(tmp_path / "value-gap"))
        freeze(mailing_id)
        recorder.host_id(tmp_path / "state")
        usual = resource.getrlimit(resource.RLIMIT_FSIZE)
        with monkeypatch.context() as larger:
            larger.setattr(recorder, "HEADER_SIZE", 1 << 30)
            resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 29, usual[1]))
            try:
                with pytest.raises(OSError, match="File too large"):
                    send_batch(mailing_id, 1)
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, usual)
        assert states(mailing_id) == {"queued": 40}
        assert recorder.all_files(tmp_path / "state") == []
        work()
        assert states(mailing_id) == {"sent": 40}


def test_postgresql_has_no_room_left(
    redis: Server, postgres: Server, small_disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = small_disk(24)
    shutil.chown(disk, "nobody")
    admin = create_engine(f"{postgres.url}/postgres", poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE TABLESPACE small LOCATION '{disk}'"))
        connection.execute(text("CREATE DATABASE small TABLESPACE small"))
    set_up(monkeypatch, database_url=f"{postgres.url}/small")
    upgrade()
    with transaction() as session:
        create_list(session, "press", "Press")
    people = tmp_path / "people.csv"
    people.write_text("email,beat\n" + "".join(f"p{number}@example.org,{'x' * 900}\n" for number in range(20_000)))
    import_ = ("subscribers", "import", people, "--list", "press", "--basis", "consent", "--source", "test")
    said = broadside(*import_, status=1)
    assert "No space left on device; free some of it there" in said.err
    assert said.err.count("\n") == 1
    subprocess.run(["mount", "-o", "remount,size=200m", disk], check=True)
    said = broadside(*import_, "--json")
    assert said.json["created"] + said.json["unchanged"] == 20_000
    forget()


def test_postgresql_has_no_room_for_its_log(
    redis: Server, small_disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends then, each time that it is started again, until there is room."""
    disk, log = small_disk(48), tmp_path / "log"
    wal = disk / "wal"
    wal.mkdir()
    with servers.postgres_server(wal) as server, Receiver(delay=0.01) as receiver:
        use_database(server, monkeypatch)
        open_office(PEOPLE)
        set_up(monkeypatch, smtp_url=f"smtp://127.0.0.1:{receiver.port}?tls=none")
        mailing_id = send_mailing(write_folder(tmp_path / "value-gap"))
        with Workers(2, log=log):
            wait_until(lambda: len(receiver.messages) >= PEOPLE // 4)
            ballast = fill(disk)
            with pytest.raises(OperationalError):
                write_log(server)
            wait_until(lambda: "cannot be used" in log.read_text())
            time.sleep(3)
            said = broadside("list", "create", "x", "--title", "X", status=1)
            assert "cannot be used" in said.err
            assert said.err.count("\n") == 1
            assert len(receiver.messages) < PEOPLE
            ballast.unlink()

            def finished() -> bool:
                server.start()
                with suppress(OperationalError):  # it reads its log first
                    return mailing_state(mailing_id) == "finished"
                return False

            wait_until(finished)
        assert Counter(message.rcpt for message in receiver.messages) == Counter(
            f"reader{number}@example.org" for number in range(1, PEOPLE + 1)
        )
        assert states(mailing_id) == {"sent": PEOPLE}
        forget()
    told = log.read_text()
    assert "Traceback" not in told, told
    assert told.count("\n") < 40, told


def write_log(server: Server) -> None:
    """Write to the database's log until it has no room left."""
    engine = create_engine(f"{server.url}/postgres", poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for _ in range(1000):
            connection.execute(text("SELECT pg_logical_emit_message(true, 'full', repeat('x', 100000))"))


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path, small_disk: Disk) -> None:
    disk = small_disk(1)
    program("list", "create", "press", "--title", "Press", folder=tmp_path, state_dir="state")
    people = disk / "people.csv"
    people.write_text("email\n" + "nobody\n" * 2000)
    fill(disk)
    said = program(
        *("subscribers", "import", people, "--list", "press", "--basis", "consent", "--source", "test"),
        folder=tmp_path,
        state_dir="state",
    )
    assert (said.status, said.err.count("\n")) == (1, 1)
    assert "people.csv.rejected.csv cannot be written: No space left on device; mend that and import again" in said.err
