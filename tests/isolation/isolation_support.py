"""Writes small mounts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any, Protocol

from gateway.isolation.modules import Namespace


class MakeMount(Protocol):
    def __call__(self, files: Mapping[str, str], name: str = "notes") -> Namespace:
        """Write *files* into a folder of their own and open a namespace for it."""


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Write *files*, whose names may contain folders."""
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(text), encoding="utf-8")


def run(mount: MakeMount, code: str, others: Mapping[str, str] | None = None) -> Any:
    """Run *code* as ``app.py`` of a mount that has *others* too; return the module."""
    return mount({**(others or {}), "app.py": code}).import_module("app")
