"""Eight applications from PyPI by people who never met, in one process; opt-in.

It installs them, from the package index that pip is set up for, and so it is run only
where ``GATEWAY_EIGHT`` names a folder, in which their environments are kept.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

EIGHT = Path(__file__).parent / "eight"
FOLDER = os.environ.get("GATEWAY_EIGHT")

pytestmark = pytest.mark.skipif(
    FOLDER is None, reason="opt-in: GATEWAY_EIGHT names a folder to install into"
)

KINDS = {
    "archive": "asgi",
    "echo": "flask",
    "charts": "flask",
    "comments": "wsgi",
    "calendars": "wsgi",
    "files": "wsgi",
    "packages": "wsgi",
    "explorer": "django",
}


@pytest.fixture(scope="module")
def home() -> Path:
    home = Path(FOLDER or "").resolve()
    shutil.copytree(EIGHT, home, dirs_exist_ok=True)
    subprocess.run([sys.executable, "install.py"], cwd=home, check=True)
    return home


def run(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # A process of its own: what the applications change of it ends with it.
    return subprocess.run(
        [sys.executable, "-m", "gateway", *arguments],
        cwd=home,
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_they_all_load(home: Path) -> None:
    done = run(home, "check")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "8 mounts: everything loads." in done.stdout


def test_they_are_all_proven_in_one_process(home: Path) -> None:
    done = run(home, "prove", "--json", "--html", "report.html")
    report: dict[str, Any] = json.loads(done.stdout)
    assert report["violations"] == []
    assert done.returncode == 0
    assert report["mount_pairs"] == 28
    assert {mount["mount"]: mount["kind"] for mount in report["mounts"]} == KINDS
    for mount in report["mounts"]:
        # They were themselves, and not their error pages.
        assert {answer["status"] for answer in mount["answers"]} <= {200, 302}
        proven = {
            verdict["claim"]
            for verdict in mount["verdicts"]
            if verdict["status"] == "proven"
        }
        assert proven >= {
            *("context", "g", "config", "stack", "teardown", "process"),
            *("cookies", "env"),
        }
        assert ("reload" in proven) == (mount["mount"] != "explorer")
    # Each call had a context of its own: of 8 mounts, at the same time.
    contexts = [span["context"] for span in report["timeline"]]
    assert len(set(contexts)) == len(contexts) >= report["requests"]
    assert "Proven" in (home / "report.html").read_text(encoding="utf-8")
