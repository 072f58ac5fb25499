"""Freed memory: whose settings count. ``test_serve_memory.py`` looks at the effect."""

from __future__ import annotations

import ctypes
import platform
import sys

import pytest

from gateway.servers import memory


@pytest.fixture(autouse=True)
def _nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in memory._SAID:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="component not installed: glibc"
)
def test_glibc_takes_the_settings() -> None:
    assert memory.return_what_is_freed()


@pytest.mark.parametrize("name", memory._SAID)
def test_what_the_environment_says_counts(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "1")
    assert not memory.return_what_is_freed()


def test_other_c_libraries_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    assert not memory.return_what_is_freed()


def test_a_python_without_ctypes_serves_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "ctypes", None)
    assert not memory.return_what_is_freed()
