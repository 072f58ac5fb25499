"""Composes gateways out of small files, for the tests that need a whole one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent, indent
from typing import Any

import pytest
from werkzeug.test import Client, TestResponse

from gateway.errors import LoadError, LoadErrors
from gateway.lifecycle import Gateway

ROOT = Path(__file__).parents[1]

PLAIN = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"plain"]
"""


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Write *files*, whose names may contain folders."""
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(text), encoding="utf-8")


def configured(folder: Path, mounts: str, files: Mapping[str, str]) -> Path:
    """Write *files* and a ``gateway.yaml`` with *mounts*; return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    write(folder, files)
    config = folder / "gateway.yaml"
    text = "mounts:\n" + indent(dedent(mounts).strip("\n"), "  ") + "\n"
    config.write_text(text, encoding="utf-8")
    return config


@contextmanager
def composed(
    folder: Path, mounts: str, files: Mapping[str, str] | None = None
) -> Iterator[Gateway]:
    """Load the gateway of *mounts* from *folder*; close it at the end."""
    with Gateway.from_file(configured(folder, mounts, files or {})) as gateway:
        yield gateway


def failures(
    folder: Path, mounts: str, files: Mapping[str, str] | None = None
) -> tuple[LoadError, ...]:
    """Return why the mounts of a gateway cannot be loaded."""
    config = configured(folder, mounts, files or {})
    with pytest.raises(LoadErrors) as caught:
        Gateway.from_file(config)
    return caught.value.errors


def failure(
    folder: Path, mounts: str, files: Mapping[str, str] | None = None
) -> LoadError:
    """Return why the only mount that fails cannot be loaded."""
    (error,) = failures(folder, mounts, files)
    return error


@contextmanager
def modules_forgotten() -> Iterator[None]:
    """Take the modules ``gateway_test_...`` out of ``sys.modules`` at the end."""
    try:
        yield
    finally:
        for name in list(sys.modules):
            if name.startswith("gateway_test_"):
                del sys.modules[name]


def get(application: Any, path: str, **options: Any) -> TestResponse:
    """Send one request, GET by default, and read its response to the end."""
    return Client(application).open(path, buffered=True, **options)


def text(application: Any, path: str, **options: Any) -> str:
    """Return the body of a response that must be a 200."""
    response = get(application, path, **options)
    assert response.status_code == 200, response.status
    return response.text


def run_alone(code: str, folder: Path) -> str:
    """Run *code* in a Python of its own, in *folder*; return what it prints.

    For what concerns the whole process, such as Django's settings.
    """
    done = subprocess.run(
        [sys.executable, "-W", "error::ResourceWarning", "-c", dedent(code)],
        cwd=folder,
        env={
            "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "tests"))),
            # So that what runs there is measured too.
            **{k: v for k, v in os.environ.items() if k.startswith("COVERAGE_")},
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
