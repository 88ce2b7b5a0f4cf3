"""The line that names the interpreter."""

import platform
import sysconfig

import pytest

from bench.interpreter import interpreter


def test_of_several_levels_the_last_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sysconfig, "get_config_var", {"CFLAGS": "-Wall -O3 -g -O2 -fwrapv"}.get)
    assert interpreter().startswith(f"{platform.python_implementation()} {platform.python_version()}, ")
    assert interpreter().endswith(" -O2")


def test_without_a_level_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sysconfig, "get_config_var", {}.get)
    assert interpreter().endswith(platform.python_compiler())
