"""Writes small mounts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any, Protocol

from gateway.isolation.modules import Namespace
from gateway.isolation.venv import Environment


class MakeMount(Protocol):
    def __call__(
        self, files: Mapping[str, str], name: str = "notes", **options: Any
    ) -> Namespace:
        """Write *files* into a folder of their own and open a namespace for it."""


class MakeEnvironment(Protocol):
    def __call__(self, files: Mapping[str, str]) -> Environment:
        """Return an environment in which *files* are installed."""


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Write *files*, whose names may contain folders."""
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(text), encoding="utf-8")


def metadata(name: str, version: str, entry_points: str = "") -> dict[str, str]:
    """Return the files that tell of an installed distribution."""
    folder = f"{name}-{version}.dist-info"
    text = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    files = {f"{folder}/METADATA": text, f"{folder}/RECORD": f"{folder}/METADATA,,\n"}
    if entry_points:
        files[f"{folder}/entry_points.txt"] = entry_points
    return files


def run(mount: MakeMount, code: str, others: Mapping[str, str] | None = None) -> Any:
    """Run *code* as ``app.py`` of a mount that has *others* too; return the module."""
    return mount({**(others or {}), "app.py": code}).import_module("app")
