"""What commands write for programs has nothing of the applications' in it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from composing import write

APP = """
import os
import subprocess
import sys

subprocess.run([sys.executable, "-c", "print('from a process')"])
os.write(1, b"past print\\n")


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/html")])
    return [b""]
"""


@pytest.mark.parametrize("command", [["doctor"], ["routes", "--deep"]])
def test_what_applications_write_to_the_descriptor_stays_out(
    tmp_path: Path, command: list[str]
) -> None:
    config = 'mounts: {a: {app: "app:application", path: .}}'
    write(tmp_path, {"app.py": APP, "gateway.yaml": config})
    done = subprocess.run(
        [sys.executable, "-m", "gateway", *command, "--json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    json.loads(done.stdout)
    assert done.returncode == 0
    assert "from a process" in done.stderr
    assert "past print" in done.stderr
