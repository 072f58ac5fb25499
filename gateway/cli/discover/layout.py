"""Where each file's import root is: what must be on the path for it to import."""

from __future__ import annotations

import ast
import keyword
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from gateway.cli.discover.folders import Folder, Skipped, Walk
from gateway.cli.discover.parse import (
    ImportFact,
    UnreadableSourceError,
    imports_of,
    read_tree,
)


@dataclass(slots=True)
class Trees:
    """The parsed files; each is read once, and what cannot be is noted once."""

    skipped: list[Skipped] = field(default_factory=list)
    _trees: dict[Path, ast.Module | None] = field(default_factory=dict)

    def get(self, path: Path) -> ast.Module | None:
        """The syntax tree of a file, or ``None``."""
        if path not in self._trees:
            try:
                self._trees[path] = read_tree(path)
            except UnreadableSourceError as error:
                self._trees[path] = None
                self.skipped.append(Skipped(path, str(error)))
        return self._trees[path]


class Layout:
    """Which folders are packages.

    A folder is one if its own files import relatively or something imports it by its
    name, or if it has an ``__init__.py`` and none of its files imports a neighbour
    as a top-level module (which only works with that folder on the path).
    """

    def __init__(self, walk: Walk, trees: Trees) -> None:
        self._walk = walk
        self._trees = trees
        self._packages: set[Path] = set()
        self._roots: set[Path] = set()
        self._sources = {s for folder in walk.folders.values() for s in folder.sources}
        for folder in walk.folders.values():
            for source in folder.sources:
                if tree := trees.get(source):
                    for fact in imports_of(tree):
                        self._note(folder, source, fact)

    def _note(self, folder: Folder, source: Path, fact: ImportFact) -> None:
        if fact.level:
            inner = [folder.path, *folder.path.parents][: fact.level]
            self._packages.update(inner)
            return
        parts = fact.module.split(".")
        if not all(part.isidentifier() for part in parts):
            return
        top = parts[0]
        neighbour = top not in sys.stdlib_module_names and top != source.stem
        if neighbour and self._exists(folder.path / top):
            self._roots.add(folder.path)
        self._packages.update(self._named(folder.path, parts))

    def _exists(self, module: Path) -> bool:
        return (
            module in self._walk.folders
            or module.with_name(f"{module.name}.py") in self._sources
        )

    def _named(self, folder: Path, parts: list[str]) -> Iterator[Path]:
        """The folders that an import of ``parts`` names, counted from some root."""
        for root in (folder, *self._above(folder)):
            package = root / parts[0]
            related = root == folder or package == folder or package in folder.parents
            if package not in self._walk.folders or not related:
                continue
            for part in parts[1:]:
                inner = package / part
                if self._exists(inner):
                    yield package
                package = inner
            return

    def _above(self, folder: Path) -> Iterator[Path]:
        """The parents of a folder, up to that of the folder that was asked for."""
        for parent in folder.parents:
            yield parent
            if parent not in self._walk.folders:
                return

    def is_package(self, path: Path) -> bool:
        """Tell whether a folder is a package of the folder above it."""
        if not path.name.isidentifier() or keyword.iskeyword(path.name):
            return False
        # Django's manage.py puts its own folder on the path, and what is below it is
        # imported from there.
        if self._has_manage(path):
            return False
        if path in self._packages or self._has_manage(path.parent):
            return True
        init = path / "__init__.py"
        if path in self._roots or not init.is_file():
            return False
        if path not in self._walk.tops:
            return True
        # A stray empty __init__.py beside an application is common; a package whose
        # own folder was asked for says something in it.
        tree = self._trees.get(init)
        return tree is not None and bool(tree.body)

    def _has_manage(self, path: Path) -> bool:
        folder = self._walk.folders.get(path)
        return folder is not None and folder.manage

    def root(self, path: Path) -> Path:
        """The import root of the files in a folder."""
        while self.is_package(path) and path != path.parent:
            path = path.parent
        return path
