"""The types hold for users too: mypy --strict on an application of theirs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
USER = Path(__file__).with_name("typed_application.py")


def _mypy(file: Path, cache: Path) -> subprocess.CompletedProcess[str]:
    options = ["--strict", "--no-error-summary", "--cache-dir", str(cache)]
    # As for an installed package: its types are read, its own errors are not shown.
    options.append("--follow-imports=silent")
    return subprocess.run(
        [sys.executable, "-m", "mypy", *options, "--config-file", "", str(file)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
        timeout=300,
    )


def test_a_users_application_is_strictly_typed(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    pytest.importorskip("mypy", reason="mypy is not installed")
    folder = tmp_path_factory.mktemp("typed")
    done = _mypy(USER, folder / "cache")
    assert (done.stdout, done.returncode) == ("", 0)
    # It can fail: a view's name, an argument and a session are known.
    wrong = folder / "wrong.py"
    wrong.write_text(
        "from gateway import App, current_app, url_for\n"
        "app = App(5)\n"
        "url_for(5)\n"
        "current_app.no_such_attribute\n"
    )
    errors = _mypy(wrong, folder / "cache").stdout.splitlines()
    lines = [line for line in errors if "error:" in line and "wrong.py" in line]
    assert len(lines) == 3, errors
