"""The flight recorder keeps what happened when its process does not."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mailer.ledger import recorder
from mailer.ledger.outcomes import outcome_of, outcomes_of
from mailer.ledger.recorder import Entry, Recorder, Step
from mailer.ledger.states import State

DIES = """
import os, signal, sys
from pathlib import Path
from mailer.ledger import recorder
r = recorder.Recorder(recorder.file_of(Path(sys.argv[1]), 7), 7, 1, 3, [11, 12, 13])
r.relay(5)
r.end_sent(0)
r.replied(0, 250, "2.0.0 queued as A1")
r.end_sent(1)
print("ready", flush=True)
if sys.argv[2] == "wait":
    sys.stdin.read()
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_an_address_leaves_nothing_where_the_words_are_cut(tmp_path: Path) -> None:
    mine = Recorder(recorder.file_of(tmp_path, 1), 1, 1, 1, [11])
    words = "5.1.1 The mail account that you tried to reach was found neither here nor anywhere: "
    mine.replied(0, 550, f"{words}john.smith@example.org is nobody")
    [entry] = mine.evidence().entries
    assert entry.words == f"{words}<address> is nob"[:100]
    mine.close()


def test_survives_kill_9(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", DIES, tmp_path, "now"], check=False)
    assert done.returncode == -signal.SIGKILL
    [path] = recorder.open_files(tmp_path)
    with recorder.held(path) as dead:
        assert dead
        evidence = recorder.read(path)
    assert evidence is not None
    assert (evidence.claim, evidence.mailing_id, evidence.batch, evidence.relay_id) == (7, 1, 3, 5)
    assert evidence.boot_id == recorder.boot_id()
    assert evidence.entries == (
        Entry(11, Step.replied, 250, "2.0.0 queued as A1"),
        Entry(12, Step.end_sent),
        Entry(13, Step.not_begun),
    )
    assert [(one.seq, one.state) for one in outcomes_of(evidence)] == [(11, State.sent), (12, State.uncertain)]


def test_a_living_process_keeps_its_recorder(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", DIES, tmp_path, "wait"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        [path] = recorder.open_files(tmp_path)
        with recorder.held(path) as dead:
            assert not dead
        os.kill(process.pid, signal.SIGSTOP)
        with recorder.held(path) as dead:
            assert not dead
        process.kill()
        process.wait()
        with recorder.held(path) as dead:
            assert dead


def test_a_recorded_file_is_laid_aside_and_pruned(tmp_path: Path) -> None:
    one = Recorder(recorder.file_of(tmp_path, 1), 1, 1, 1, [1])
    one.mark_recorded()
    one.close()
    assert recorder.open_files(tmp_path) == []
    assert recorder.prune(tmp_path, before=0) == 0
    assert recorder.prune(tmp_path, before=2**40) == 1


def test_a_withdrawn_end_was_not_sent(tmp_path: Path) -> None:
    one = Recorder(recorder.file_of(tmp_path, 1), 1, 1, 1, [1])
    one.end_sent(0)
    one.end_withdrawn(0)
    assert one.evidence().entries == (Entry(1, Step.not_begun),)
    one.close()


def test_two_cannot_make_the_same_recorder(tmp_path: Path) -> None:
    one = Recorder(recorder.file_of(tmp_path, 1), 1, 1, 1, [1])
    with pytest.raises(FileExistsError):
        Recorder(recorder.file_of(tmp_path, 1), 1, 1, 1, [1])
    one.mark_made()
    one.close()
    with pytest.raises(FileExistsError):
        Recorder(recorder.file_of(tmp_path, 1), 1, 1, 1, [1])


def test_half_made_files_are_no_evidence(tmp_path: Path) -> None:
    path = recorder.file_of(tmp_path, 1)
    path.write_bytes(b"")
    assert recorder.read(path) is None
    path.write_bytes(bytes(4096))
    assert recorder.read(path) is None


@pytest.mark.parametrize(
    ("code", "state"), [(250, State.sent), (421, State.deferred), (450, State.deferred), (550, State.failed)]
)
def test_the_reply_decides(code: int, state: State) -> None:
    outcome = outcome_of(Entry(1, Step.replied, code, "no such user"))
    assert outcome is not None
    assert outcome.state is state
    assert outcome.reply == f"{code} no such user"


def test_after_a_reboot_silence_is_uncertain_but_a_reply_is_a_reply() -> None:
    silent = outcome_of(Entry(1, Step.not_begun), trustworthy=False)
    assert silent is not None
    assert silent.state is State.uncertain
    answered = outcome_of(Entry(1, Step.replied, 250, "ok"), trustworthy=False)
    assert answered is not None
    assert answered.state is State.sent
