"""The receiver as its own process, which the tests that kill workers rely on."""

from pathlib import Path

from config.settings import RelayUrl
from mailer.smtp.fleet import Fleet
from tests.mailer.smtp.notes import Notes, check_account, messages
from tests.receiver import ReceiverProcess


def test_what_it_took_is_in_its_store_and_what_it_refused_is_not(tmp_path: Path) -> None:
    envelopes = messages(300, 30_000)
    with ReceiverProcess(tmp_path, "--refuse-every", "10", "--refuse-seconds", "1000") as receiver:
        fleet, notes = Fleet(RelayUrl(f"smtp://127.0.0.1:{receiver.port}"), 4), Notes()
        outcome = fleet.run(iter(envelopes), notes)
        check_account(envelopes, notes, outcome, receiver.messages())
        fleet.close()
    assert notes.codes() == {key: 250 if key % 10 else 451 for key in range(300)}
