"""Runs the command line as a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

import gateway

PYTHONPATH = str(Path(gateway.__file__).parents[1])


def environment(**extra: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("GATEWAY_")}
    return {**kept, "PYTHONPATH": PYTHONPATH, **extra}


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "gateway", *arguments]


def run(
    home: Path, *arguments: str, shell: str = "", **environ: str
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; *shell* goes on in a shell after it."""
    return subprocess.run(
        ["bash", "-c", f'"$@" {shell}', "bash", *command(*arguments)],
        cwd=home,
        env=environment(**environ),
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


@dataclass(frozen=True, slots=True)
class Served:
    """A server that has started: its process, its URL, and what it printed before."""

    process: subprocess.Popen[str]
    url: str
    table: list[str]


@contextmanager
def serving(home: Path, *options: str, first: str = "") -> Iterator[Served]:
    """Serve on a free port; *first* is code that its process runs before."""
    program, *arguments = command("serve", "--port", "0", *options)
    if first:
        main = "from gateway.cli import main\nmain()"
        arguments[:2] = ["-c", f"{first}\n{main}"]
    process = subprocess.Popen(
        [program, *arguments],
        cwd=home,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        table: list[str] = []
        for line in process.stdout:
            if match := re.match(r"Serving on (http://\S+)", line):
                yield Served(process, match[1], table)
                break
            table.append(line)
        else:
            pytest.fail(f"it did not start: {process.communicate()[1]}")
    finally:
        process.kill()
        process.communicate()


def until_exists(path: Path) -> None:
    deadline = time.monotonic() + 10
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as response:
        text: str = response.read().decode()
        return text
