"""The benchmark of latency measures, or says why it cannot."""

import os
import subprocess
import sys

import pytest


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bench.latency", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )


def test_it_prints_ratios() -> None:
    result = run("--messages", "16", "--milliseconds", "10")
    if "takes root" in result.stderr:
        assert not os.environ.get("CI")
        pytest.skip(result.stderr)
    assert result.returncode == 0, result.stderr
    ratios = [
        float(line.removesuffix(" times as many messages a second").split()[-1])
        for line in result.stdout.splitlines()[1:]
    ]
    assert len(ratios) == 3
    assert all(ratio > 0 for ratio in ratios)


def test_it_says_why_it_cannot() -> None:
    result = run(PATH="/nonexistent")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("cannot measure: there is no unshare here")
