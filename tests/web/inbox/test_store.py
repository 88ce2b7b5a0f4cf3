import subprocess
import sys
from pathlib import Path

import pytest

from config.errors import Refused
from tests.web.serving import Conversation, smtp
from web.inbox.store import KEPT, SPARES, Inbox


def test_the_newest_thousand_stay_and_all_are_counted(tmp_path: Path) -> None:
    assert KEPT == 1000
    inbox = Inbox(tmp_path)
    unit = b"MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.org>\r\nDATA\r\nSubject: %d\r\n\r\nx\r\n.\r\n"
    with smtp(inbox) as port, Conversation(port) as talk:
        talk.ask("EHLO x")
        for number in range(1, 1051):
            talk.write(unit % number)
            assert [talk.reply()[0][:3] for _ in range(4)] == ["250", "250", "354", "250"]
    assert inbox.received == 1050
    assert inbox.numbers() == list(range(1050, 50, -1))
    assert inbox.read(50) is None and inbox.read(1051) is None and inbox.read(0) is None and inbox.read(-1) is None
    assert b"Subject: 51\r\n" in (inbox.read(51) or b"")
    assert b"Subject: 1050\r\n" in (inbox.read(1050) or b"")
    assert len(list(tmp_path.glob("*.eml"))) == 1000
    inbox.close()

    again = Inbox(tmp_path)
    assert again.received == 1050
    assert again.add([b"one ", b"more"]) == 1051
    assert again.read(1051) == b"one more"
    assert again.read(51) is None
    assert len(list(tmp_path.glob("*.eml"))) == 1000
    again.close()
    smaller = Inbox(tmp_path, keep=10)
    assert len(list(tmp_path.glob("*.eml"))) == 10 and smaller.received == 1051
    smaller.close()


def test_a_file_written_over_holds_the_new_message_only(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path, keep=3)
    for number in range(1, 4 * SPARES):
        inbox.add([b"%d" % number, b"x" * (1000 - number)])
        assert inbox.read(number) == b"%d" % number + b"x" * (1000 - number)
    assert len(list(tmp_path.iterdir())) <= 3 + SPARES + 1
    inbox.close()


def test_one_process_at_a_time(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from web.inbox.store import Inbox; Inbox(Path(sys.argv[1]))"
    inbox = Inbox(tmp_path)
    other = subprocess.run(
        [sys.executable, "-c", code, tmp_path],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "an inbox is already running" in other.stderr
    with pytest.raises(Refused, match="stop it first"):
        Inbox(tmp_path)
    inbox.close()
    Inbox(tmp_path).close()


def test_files_that_are_no_messages_are_left_alone(tmp_path: Path) -> None:
    for name in ("notes.txt", "x.eml", "12.txt", ".notes"):
        (tmp_path / name).write_bytes(b"mine")
    inbox = Inbox(tmp_path, keep=1)
    inbox.add([b"a"])
    inbox.add([b"b"])
    assert inbox.received == 2
    assert (tmp_path / "notes.txt").exists() and (tmp_path / "x.eml").exists() and (tmp_path / "12.txt").exists()
    inbox.close()
