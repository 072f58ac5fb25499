"""Whose frames say nothing about the application."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

import gateway
from gateway.tracebacks import is_machinery

HERE = Path(gateway.__file__).parent


@pytest.mark.parametrize(
    ("filename", "ours"),
    [
        (str(HERE / "mount.py"), True),
        (str(HERE / "isolation" / "finder.py"), True),
        ("<frozen importlib._bootstrap>", True),
        ("<frozen runpy>", True),
        (importlib.__file__, True),
        (f"{HERE}-jobs/job.py", False),
        (f"{HERE}.py", False),
        (str(HERE.parent / "apps" / "app.py"), False),
        ("<stdin>", False),
        ("<string>", False),
    ],
)
def test_whose_code_a_file_is(filename: str, ours: bool) -> None:
    assert is_machinery(filename) is ours
