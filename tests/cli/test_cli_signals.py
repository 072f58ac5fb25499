"""What a SIGHUP means while the mounts are being loaded."""

from __future__ import annotations

import os
import pty
import sys
from pathlib import Path

import pytest

from gateway.cli.signals import HangUp


def test_without_a_terminal_it_is_a_wish_to_reload(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    with (tmp_path / "input").open("w+") as stream:
        monkeypatch.setattr(sys, "__stdin__", stream)
        hang_up = HangUp()
        assert hang_up()  # before there is anything to reload
        hang_up.ask_reload = lambda: asked.append("reload")
        assert hang_up()
    # Somebody has closed it since.
    assert hang_up()
    assert HangUp()()
    assert asked == ["reload", "reload"]


def test_the_end_of_the_terminal_is_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    main, inner = pty.openpty()
    with os.fdopen(inner) as stream:
        monkeypatch.setattr(sys, "__stdin__", stream)
        hang_up = HangUp()
        assert hang_up()
        os.close(main)
        assert not hang_up()
