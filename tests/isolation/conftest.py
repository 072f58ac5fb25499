"""Mounts made of a few files, closed again after each test."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from isolation_support import MakeEnvironment, MakeMount, metadata, write
from logs_site import LoadMount, loader

from gateway.isolation import logs
from gateway.isolation.modules import Namespace
from gateway.isolation.venv import Environment, read_environment


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[MakeMount]:
    opened: list[Namespace] = []
    numbers = count()

    def make(
        files: Mapping[str, str], name: str = "notes", **options: Any
    ) -> Namespace:
        folder = tmp_path / f"mount{next(numbers)}"
        folder.mkdir()
        write(folder, files)
        opened.append(Namespace(name, folder, **options))
        return opened[-1]

    yield make
    for namespace in opened:
        namespace.close()
    assert not [name for name in sys.modules if name.startswith("mounts.")]


@pytest.fixture
def environment(tmp_path: Path) -> MakeEnvironment:
    numbers = count()

    def make(files: Mapping[str, str]) -> Environment:
        folder = tmp_path / f"environment{next(numbers)}"
        write(folder, {**metadata("made", "1.0"), **files})
        return read_environment(folder)

    return make


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


@pytest.fixture
def logs_installed() -> Iterator[None]:
    """Have logging kept apart, and as it was after the test."""
    before = "handlers" in vars(logging.Logger)
    logs.install()
    yield
    if not before:
        logs.uninstall()


@pytest.fixture
def load(mount: MakeMount) -> Iterator[LoadMount]:
    """Loads mounts that log, and closes them after the test."""
    loaded = []
    make = loader(mount)

    def load_and_note(*args: Any, **kwargs: Any) -> Any:
        loaded.append(make(*args, **kwargs))
        return loaded[-1]

    yield load_and_note
    for each in loaded:
        each.close()
