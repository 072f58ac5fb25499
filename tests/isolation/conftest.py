"""Mounts made of a few files, closed again after each test."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from isolation_support import MakeMount, write

from gateway.isolation.modules import Namespace


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[MakeMount]:
    opened: list[Namespace] = []

    def make(files: Mapping[str, str], name: str = "notes") -> Namespace:
        folder = tmp_path / f"mount{len(opened)}"
        folder.mkdir()
        write(folder, files)
        opened.append(Namespace(name, folder))
        return opened[-1]

    yield make
    for namespace in opened:
        namespace.close()
    assert not [name for name in sys.modules if name.startswith("mounts.")]


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of installed packages: it is on ``sys.path``."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    before = set(sys.modules)
    yield folder
    for name in set(sys.modules) - before:
        if str(folder) in str(getattr(sys.modules[name], "__spec__", "")):
            del sys.modules[name]
