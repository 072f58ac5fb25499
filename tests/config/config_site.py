"""A folder to write configurations into, and to load them from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from gateway.config.load import load_config
from gateway.config.spec import GatewaySpec, MountSpec
from gateway.errors import ConfigError, Problem


class Site:
    """A folder with ``apps/notes``, ``public`` and the files a test writes.

    :param root: the folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.environ: Mapping[str, str] = {}
        (root / "apps" / "notes").mkdir(parents=True)
        (root / "public").mkdir()

    def write(self, content: str | bytes, name: str = "gateway.yaml") -> Path:
        """Write a file, and return its path."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def load(self, content: str | bytes) -> GatewaySpec:
        """Load a ``gateway.yaml`` of this content."""
        return load_config(self.write(content), self.environ)

    def mount(self, body: str, name: str = "notes") -> MountSpec:
        """Load the single mount that *body* describes in braces."""
        (mount,) = self.load(f"mounts:\n  {name}: {body}\n").mounts
        return mount

    def fail(self, content: str | bytes) -> tuple[Problem, ...]:
        """Return the problems of a ``gateway.yaml`` of this content."""
        with pytest.raises(ConfigError) as caught:
            self.load(content)
        return caught.value.problems

    def refuse(self, content: str | bytes) -> str:
        """Return the only problem of a ``gateway.yaml``, as it is shown."""
        (problem,) = self.fail(content)
        return str(problem)

    def refuse_mount(self, body: str, name: str = "notes") -> str:
        """Return the only problem of the mount that *body* describes in braces."""
        return self.refuse(f"mounts:\n  {name}: {body}\n")
