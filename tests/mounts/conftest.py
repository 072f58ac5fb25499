"""The demo gateway, served as a user serves it: its own process, real waitress."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def base_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve a copy of the demo, so that its databases are the tests' own."""
    home = tmp_path_factory.mktemp("demo")
    shutil.copy(ROOT / "gateway.yaml", home)
    left_out = shutil.ignore_patterns("var", "instance", "__pycache__", "*.sqlite3")
    shutil.copytree(ROOT / "apps", home / "apps", ignore=left_out)
    log = home / "log"
    with (
        log.open("w") as errors,
        subprocess.Popen(
            [sys.executable, "-m", "gateway", "serve", "--port", "0"],
            cwd=home,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        urls = (re.match(r"Serving on (\S+)", line) for line in lines)
        url = next((found[1] for found in urls if found), None)
        assert url is not None, log.read_text()
        yield url
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0, log.read_text()
    assert "Traceback" not in log.read_text(), log.read_text()


@pytest.fixture
def client(base_url: str) -> Iterator[httpx.Client]:
    """A browser of its own for each test, cookies included."""
    with httpx.Client(base_url=base_url, timeout=20) as made:
        yield made
