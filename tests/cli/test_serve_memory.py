"""``gateway serve`` returns to the system what requests have freed."""

from __future__ import annotations

import platform
import urllib.request
from pathlib import Path

import pytest
from processes import serving

pytestmark = pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="component not installed: glibc"
)

# A large block is freed, which would move glibc's thresholds; then many small ones are.
# Nothing else is allocated meanwhile that would lie above them and keep them in place.
APP = """
import os

page = os.sysconf("SC_PAGE_SIZE") // 1024
statm = os.open("/proc/self/statm", os.O_RDONLY)

def resident():
    return int(os.pread(statm, 100, 0).split()[1]) * page

def application(environ, start_response):
    before = resident()
    large = bytearray(24 << 20)
    del large
    small = [None] * 300
    for number in range(300):
        small[number] = bytearray(100_000)
    most = resident()
    for number in range(300):
        small[number] = None
    left = resident()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"%d %d" % (most - before, left - before)]
"""
CONFIG = "mounts: {m: {app: app:application, path: .}}"


def ask(home: Path, *options: str, first: str = "") -> tuple[int, int]:
    """Return what a request has used, and what is left of that after it, in KiB."""
    (home / "app.py").write_text(APP)
    (home / "gateway.yaml").write_text(CONFIG)
    with (
        serving(home, "--quiet", *options, first=first) as served,
        urllib.request.urlopen(f"{served.url}/m/", timeout=20) as response,
    ):
        used, left = map(int, response.read().split())
    return used, left


def test_what_a_request_has_freed_is_returned(tmp_path: Path) -> None:
    used, left = ask(tmp_path)
    assert used > 20_000
    assert left < 5_000


def test_so_it_is_where_processes_are_not_forked(tmp_path: Path) -> None:
    spawn = "import multiprocessing\nmultiprocessing.set_start_method('spawn')"
    used, left = ask(tmp_path, "--engine", "granian", first=spawn)
    assert used > 20_000
    assert left < 5_000


def test_an_operator_may_have_it_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", str(256 << 20))
    used, left = ask(tmp_path)
    assert used > 20_000
    assert left > 20_000
