"""The bar that tells how far a command has come, where there is a terminal."""

from __future__ import annotations

import io
import sys

import pytest

from gateway.cli.progress import showing_progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def progress(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(sys, "stderr", stream)
    with showing_progress("proving") as shown:
        shown("plain", 1, 4)
        shown("plain", 1, 4)
        shown("nested", 4, 4)
    return stream.getvalue()


def test_nothing_where_there_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    assert progress(io.StringIO(), monkeypatch) == ""


def test_a_plain_bar_without_rich(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rich.console", None)
    first, second, *rest = progress(Terminal(), monkeypatch).split("\r")[1:]
    assert first == "proving [######..................] plain"
    # What is shown twice is written once; at the end the line is empty.
    assert second == "proving [########################] nested"
    assert [each.strip() for each in rest] == ["", ""]


def test_a_drawn_bar_with_rich(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("rich", reason="component not installed: rich")
    assert "proving" in progress(Terminal(), monkeypatch)
