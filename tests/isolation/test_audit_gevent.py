"""Monkey-patching, which cannot be undone: it is told of."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PATCHING = """
from gateway.isolation.audit import Audit

audit = Audit()
with audit.loading("notes"):
    from gevent import monkey
    monkey.patch_all()
for change in audit.of("notes"):
    print(change.what, "|", change.after)
"""


def test_gevents_monkey_patching_is_told() -> None:
    pytest.importorskip("gevent", reason="component not installed: gevent")
    done = subprocess.run(
        [sys.executable, "-c", PATCHING],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
    told = dict(line.split(" | ") for line in done.stdout.splitlines())
    assert "gevent" in told["standard functions"]
    assert " more" in told["standard functions"]
