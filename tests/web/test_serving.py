import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from config.errors import Refused
from tests.servers import free_port
from web.serving import listen

ROOT = Path(__file__).parents[2]


def test_a_taken_port_is_refused_in_one_line_that_names_the_setting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Refused, match=rf"port {port}.*set BROADSIDE_WEB_PORT"):
            listen("127.0.0.1", port, "BROADSIDE_WEB_PORT")
    with pytest.raises(Refused, match="BROADSIDE_HOST"):
        listen("no such host.invalid", 1, "BROADSIDE_WEB_PORT")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("what", ["web", "inbox"])
def test_a_signal_ends_it_cleanly(what: str, number: signal.Signals, environment: object, tmp_path: Path) -> None:
    page, smtp = free_port(), free_port()
    code = {
        "web": f"from web.run import run_web; run_web('127.0.0.1', {page})",
        "inbox": f"from web.inbox.run import run_inbox; run_inbox('127.0.0.1', {smtp}, {page})",
    }[what]
    process = subprocess.Popen(
        [sys.executable, "-c", f"{code}\nprint('ended')"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        address = f"http://127.0.0.1:{page}" + ("/robots.txt" if what == "web" else "/api/messages")
        deadline = time.monotonic() + 120
        with httpx.Client() as client:  # keeps its connection open over the signal
            while True:
                try:
                    assert client.get(address).status_code == 200
                    break
                except httpx.TransportError:
                    assert time.monotonic() < deadline and process.poll() is None
                    time.sleep(0.1)
            if what == "inbox":
                talker = socket.create_connection(("127.0.0.1", smtp))
                assert talker.recv(100).startswith(b"220 ")
            process.send_signal(number)
            output, _ = process.communicate(timeout=60)
            if what == "inbox":
                assert talker.recv(100).startswith(b"421 ")
                talker.close()
    finally:
        process.kill()
        process.wait()
    assert output == "ended\n"
    assert process.returncode == 0
