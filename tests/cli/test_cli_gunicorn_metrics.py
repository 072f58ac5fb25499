"""The counts of several processes, of which one dies."""

from __future__ import annotations

import os
import re
import signal
import time
import urllib.request
from collections.abc import Callable, Mapping
from http.client import HTTPException
from pathlib import Path

import pytest
from processes import get, serving

WriteFiles = Callable[[Mapping[str, str]], Path]

APP = """
import os, time

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield b"%d\\n" % os.getpid()
    time.sleep(60)
"""
CONFIG = """
server: {engine: gunicorn, workers: 2, drain_timeout: 3s}
admin:
mounts: {one: {app: "app:application", path: one}}
"""


def test_what_a_dead_process_was_serving_is_served_no_more(
    write_files: WriteFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = tmp_path / "counts"
    counts.mkdir()
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(counts))
    home = write_files({"gateway.yaml": CONFIG, "one/app.py": APP})

    def in_flight() -> float | None:
        try:
            text = get(f"{served.url}/_gateway/metrics")
        except (OSError, HTTPException):
            return None  # It was the one that has died.
        found = re.search(
            r'^gateway_requests_in_flight\{mount="one"\} (\S+)$', text, re.MULTILINE
        )
        return float(found[1]) if found else 0.0

    with (
        serving(home, "--quiet") as served,
        urllib.request.urlopen(f"{served.url}/one/", timeout=20) as response,
    ):
        worker = int(response.readline())
        assert in_flight() == 1.0
        os.kill(worker, signal.SIGKILL)
        deadline = time.monotonic() + 10
        while in_flight() != 0.0:
            assert time.monotonic() < deadline, os.listdir(counts)
            time.sleep(0.05)
        served.process.terminate()
        served.process.communicate(timeout=15)
