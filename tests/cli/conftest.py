"""Projects on disk for the tests of the command line."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

import pytest

from gateway.cli.discover.find import Discovery, Found, discover

WriteFiles: TypeAlias = Callable[[Mapping[str, str]], Path]
FindOne: TypeAlias = Callable[[Mapping[str, str]], Found]


@pytest.fixture
def write_files(tmp_path: Path) -> WriteFiles:
    """Write files, named by their relative paths, into a folder called ``shop``."""

    def write(files: Mapping[str, str]) -> Path:
        for name, text in files.items():
            path = tmp_path / "shop" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))
        return tmp_path / "shop"

    return write


@pytest.fixture
def find(write_files: WriteFiles) -> Callable[[Mapping[str, str]], Discovery]:
    """Write files and scan their folder."""
    return lambda files: discover([write_files(files)])


@pytest.fixture
def find_one(find: Callable[[Mapping[str, str]], Discovery]) -> FindOne:
    """Write files and return the one application that is found in them."""

    def one(files: Mapping[str, str]) -> Found:
        discovery = find(files)
        assert discovery.skipped == ()
        (found,) = discovery.found
        return found

    return one
