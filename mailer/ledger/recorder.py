"""The flight recorder: one file a claim, written at each step of each message, that survives `kill -9`.

The database learns of a batch's outcomes in one commit at its end; until then they stand here, in a memory-mapped
file that the kernel keeps when the process dies. Order: this file, the claim's commit, `made`, `end sent` before the
send() that holds any of the final dot, the reply, the record's commit, `recorded`.
"""

import fcntl
import mmap
import os
import secrets
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import NamedTuple

from config.files import make_once
from config.log import scrub

# magic, stage, boot id, claim, mailing, batch, relay, number of slots
HEADER = struct.Struct("<8s8s36sQQQQQ")
MAGIC = b"bsrec01\n"
MADE = b"made"
RECORDED = b"recorded"
"""For who looks into the file; that it lies in `done/` is what counts."""
STAGE = slice(8, 16)
# step, length of the words, code, seq, words
SLOT = struct.Struct("<BBHQ100s")
EMPTY_SLOT = "4xQ100x"
"""The same, not begun and without words."""
HEADER_SIZE = 128
RELAY_OFFSET = 8 + 8 + 36 + 8 * 3


class Step(IntEnum):
    """How far a message came."""

    not_begun = 0
    end_sent = 1
    replied = 2


_STEPS = tuple(Step)
"""By number: an enumeration's own look-up takes as long as all the rest of reading a slot."""


class Entry(NamedTuple):
    """What the recorder knows of one delivery; `code` and `words` are of the server's reply."""

    seq: int
    step: Step
    code: int = 0
    words: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A recorder's content."""

    claim: int
    mailing_id: int
    batch: int
    relay_id: int | None
    boot_id: str
    made: bool
    """The claim's commit is known to have succeeded; if not, its number may be another host's claim."""
    entries: tuple[Entry, ...]

    @property
    def trustworthy(self) -> bool:
        """True if the machine runs on since it was written: after a reboot silence proves nothing, replies do."""
        return self.boot_id == boot_id()


def boot_id() -> str:
    """Names this run of the kernel: a file written under another one may lack its last pages."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return "no-boot-id"  # not Linux: every start counts as the same boot


def host_id(state_dir: Path) -> str:
    """The random name of the host that owns this state folder, made at first use."""
    path = state_dir / "host-id"
    make_once(path, lambda: secrets.token_hex(8))
    return path.read_text()


def folder(state_dir: Path) -> Path:
    """Where this host's recorders are."""
    path = state_dir / "recorder" / host_id(state_dir)
    (path / "done").mkdir(parents=True, exist_ok=True)
    return path


def file_of(state_dir: Path, claim: int) -> Path:
    """The file of a claim that is not recorded yet; sorted by name they are sorted by claim."""
    return folder(state_dir) / f"{claim:016x}"


def _at(slot: int) -> int:
    return HEADER_SIZE + SLOT.size * slot


class Recorder:
    """The open recorder of one claim. Made in the process that sends: a lock does not outlive a fork unharmed."""

    def __init__(self, path: Path, claim: int, mailing_id: int, batch: int, seqs: Sequence[int]) -> None:
        self.path = path
        size = HEADER_SIZE + SLOT.size * len(seqs)
        # It appears under its name when it is complete and locked, so that nobody takes it for a dead one's.
        draft = path.parent / "done" / f".{path.name}.{secrets.token_hex(4)}"
        self._file = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            # flock, not lockf: that one is lost when the process closes the file once. And the blocks are
            # taken now: writing a sparse map on a full disk kills with SIGBUS.
            fcntl.flock(self._file, fcntl.LOCK_EX)
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(self._file, 0, size)
            else:
                os.write(self._file, bytes(size))
            self._map = mmap.mmap(self._file, size)
            HEADER.pack_into(self._map, 0, MAGIC, b"", boot_id().encode(), claim, mailing_id, batch, 0, len(seqs))
            # All slots at once: a third of a microsecond less for each.
            self._map[HEADER_SIZE:] = struct.pack("<" + EMPTY_SLOT * len(seqs), *seqs)
            try:
                os.link(draft, path)
            except FileExistsError:
                # The database gave us the number, so the commit of that file's claim failed. Its process died, and
                # nobody has come by to lay it aside.
                with held(path) as dead:
                    left = read(path)
                    if not dead or (left is not None and left.made):
                        raise
                    close_file(path)
                os.link(draft, path)
        except BaseException:
            os.close(self._file)
            raise
        finally:
            draft.unlink()
        self._seqs = tuple(seqs)

    def mark_made(self) -> None:
        """The claim's commit succeeded: its number is ours."""
        self._map[STAGE] = MADE.ljust(8, b"\0")

    def relay(self, relay_id: int) -> None:
        """Note the relay that this batch goes through."""
        struct.pack_into("<Q", self._map, RELAY_OFFSET, relay_id)

    def end_sent(self, slot: int) -> None:
        """Before the send() that holds any of a message's final dot."""
        self._map[_at(slot)] = Step.end_sent

    def end_withdrawn(self, slot: int) -> None:
        """The send() turned out to have stopped before the dot."""
        self._map[_at(slot)] = Step.not_begun

    def replied(self, slot: int, code: int, words: str) -> None:
        """The server's verdict. The step is written last, so that half a reply is never taken for one."""
        data = scrub(words).encode()[:100]  # before the cut, which may leave half an address
        at = _at(slot)
        SLOT.pack_into(self._map, at, self._map[at], len(data), code, self._seqs[slot], data)
        self._map[at] = Step.replied

    def evidence(self) -> Evidence:
        """What stands in the file now."""
        return _parse(self._map)

    def mark_recorded(self) -> None:
        """The record's commit succeeded: the file is kept for a day, but nothing is owed any more."""
        self._map[STAGE] = RECORDED
        close_file(self.path)

    def close(self) -> None:
        """Let go of the file; its lock goes with it."""
        self._map.close()
        os.close(self._file)


def _parse(data: mmap.mmap | bytes) -> Evidence:
    magic, stage, boot, claim, mailing_id, batch, relay_id, number = HEADER.unpack_from(data, 0)
    if magic != MAGIC:
        raise ValueError("not a flight recorder")
    slots = data[HEADER_SIZE : _at(number)]
    if len(slots) < number * SLOT.size:
        raise ValueError("a flight recorder cut short")
    # A page that the power failure kept from the disk holds NULs, which no database takes.
    entries = tuple(
        Entry(seq, _STEPS[step], code, words[:length].replace(b"\0", b" ").decode(errors="replace"))
        for step, length, code, seq, words in SLOT.iter_unpack(slots)
    )
    return Evidence(claim, mailing_id, batch, relay_id or None, boot.rstrip(b"\0").decode(), any(stage), entries)


def read(path: Path) -> Evidence | None:
    """A recorder's content, held by somebody or not; None for one that was never finished being made."""
    try:
        return _parse(path.read_bytes())
    except (ValueError, LookupError, struct.error, FileNotFoundError):
        return None


def of_claim(state_dir: Path, claim: int) -> Evidence | None:
    """What this host's recorder of a claim says, also one that was laid aside: a copy of the database may ask again."""
    path = file_of(state_dir, claim)
    return read(path) or read(path.parent / "done" / path.name)


@contextmanager
def held(path: Path) -> Iterator[bool]:
    """Hold a recorder that nobody holds: yields True, or False where its process lives."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        yield False
        return
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield _is(file, path)
    finally:
        os.close(file)


def _is(file: int, path: Path) -> bool:
    """True if the open file still has that name: since it was opened it may have been laid aside, and another made."""
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False


def mark_made(path: Path) -> None:
    """Note what a dead process could not, as the database knows of its claim."""
    with path.open("r+b") as file:
        file.seek(STAGE.start)
        file.write(MADE)


def close_file(path: Path) -> None:
    """Lay a recorder aside: nothing is owed any more."""
    with suppress(FileNotFoundError):
        path.rename(path.parent / "done" / path.name)


def open_files(state_dir: Path) -> list[Path]:
    """The recorders of this host that are not recorded yet, oldest claim first."""
    return sorted(path for path in folder(state_dir).iterdir() if path.name != "done")


def all_files(state_dir: Path) -> list[Path]:
    """Every recorder that this host still has, recorded or not, oldest claim first.

    Of one number there may be two: a claim that was never made, laid aside, and behind it, always, the one that was.
    `ledger reconcile` takes the last of each number.
    """
    done = (path for path in (folder(state_dir) / "done").iterdir() if not path.name.startswith("."))
    # The sort is stable: what is laid aside stays before what is open.
    return sorted([*done, *open_files(state_dir)], key=lambda path: path.name)


def prune(state_dir: Path, before: float) -> int:
    """Remove recorders recorded before the time `before` (seconds since 1970); how many."""
    removed = 0
    for path in (folder(state_dir) / "done").iterdir():
        with suppress(FileNotFoundError):
            if path.stat().st_mtime < before:
                path.unlink()
                removed += 1
    return removed
