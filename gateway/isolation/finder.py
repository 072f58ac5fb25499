"""Finds the modules of every namespace, below the package ``mounts``.

The folders are searched by the standard path-based finder, so packages, namespace
packages (:pep:`420`), extension modules and ``importlib.invalidate_caches`` behave as
ever; only the loaders of Python files are exchanged.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import (
    FrozenImporter,
    ModuleSpec,
    NamespaceLoader,
    PathFinder,
    SourceFileLoader,
    SourcelessFileLoader,
)
from pathlib import Path
from types import ModuleType
from typing import Any, Final, Protocol

from gateway.isolation.builtins import NamespaceBuiltins
from gateway.isolation.sources import NamespaceBytecodeLoader, NamespaceSourceLoader

PARENT: Final = "mounts"
_BELOW: Final = f"{PARENT}."

Prepare = Callable[[ModuleType], None]


class Owner(Protocol):
    """What the finder needs of a namespace."""

    builtins: NamespaceBuiltins

    def forget(self) -> None:
        """Decide anew which names the namespace owns."""


class NamespaceFinder(MetaPathFinder):
    """The entry of ``sys.meta_path`` for every namespace.

    :param owners: the open namespaces by the names of their packages; read whenever a
        module is looked for.
    :param prepared: what to do with a module of the process, by its name, as soon as
        it was executed.
    """

    def __init__(
        self, owners: Mapping[str, Owner], prepared: Mapping[str, Prepare]
    ) -> None:
        self._owners = owners
        self._prepared = prepared

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """Find a module of a namespace, or one that is to be prepared."""
        if fullname.startswith(_BELOW):
            owner = self._owners.get(package_of(fullname))
            if owner is None or path is None:
                return None
            return find_private(fullname, path, owner.builtins, target)
        prepare = self._prepared.get(fullname)
        if prepare is None:
            return None
        return self._find_prepared(fullname, path, target, prepare)

    def invalidate_caches(self) -> None:
        """Called by :func:`importlib.invalidate_caches`: files may be new."""
        for owner in list(self._owners.values()):
            owner.forget()

    def _find_prepared(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None,
        prepare: Prepare,
    ) -> ModuleSpec | None:
        for finder in list(sys.meta_path):
            if finder is self:
                continue
            spec = finder.find_spec(fullname, path, target)
            if spec is not None:
                _prepare_after_import(spec.loader, prepare)
                return spec
        return None


def package_of(fullname: str) -> str:
    """Return the package of the namespace that the module *fullname* would be in."""
    return ".".join(fullname.split(".", 2)[:2])


def find_private(
    fullname: str,
    path: Sequence[str],
    builtins: NamespaceBuiltins,
    target: ModuleType | None = None,
) -> ModuleSpec | None:
    """Find *fullname* in the folders of *path*, to be executed with *builtins*."""
    spec = PathFinder.find_spec(fullname, path, target)
    # Exact types: a loader that somebody else made for these folders is left alone.
    if spec is not None and type(spec.loader) is SourceFileLoader:
        spec.loader = NamespaceSourceLoader(fullname, spec.loader.path, builtins)
    elif spec is not None and type(spec.loader) is SourcelessFileLoader:
        spec.loader = NamespaceBytecodeLoader(fullname, spec.loader.path, builtins)
    return spec


def forget_folder(folder: Path) -> None:
    """Have the path-based finder read *folder*, and all below it, anew.

    It goes by the folders' times of change, which are too coarse for a file that was
    written a moment ago.
    """
    top = str(folder)
    for entry in list(sys.path_importer_cache):
        if entry == top or entry.startswith(top + os.sep):
            sys.path_importer_cache.pop(entry, None)


def _prepare_after_import(loader: Any, prepare: Prepare) -> None:
    """Have *prepare* called with the module once *loader* has executed it."""
    execute = getattr(loader, "exec_module", None)
    if execute is None:
        return

    def exec_module(module: ModuleType) -> None:
        del loader.exec_module
        execute(module)
        prepare(module)

    loader.exec_module = exec_module


def in_interpreter(top_level: str) -> bool:
    """Tell whether a module is built into the interpreter or frozen in it."""
    return (
        top_level in sys.builtin_module_names
        or FrozenImporter.find_spec(top_level) is not None
    )


def has_module(
    top_level: str, *, folders: bool = True, but: Path | None = None
) -> bool:
    """Tell whether the process itself has a module of that name, loaded or not.

    :param folders: count folders without ``__init__.py`` (:pep:`420`).
    :param but: such a folder that does not count: the process may have been started
        where a mount has its modules.
    """
    if top_level in sys.modules:
        spec = getattr(sys.modules[top_level], "__spec__", None)
        return folders or not isinstance(getattr(spec, "loader", None), NamespaceLoader)
    for finder in list(sys.meta_path):
        spec = finder.find_spec(top_level, None)
        if spec is not None:
            places = list(spec.submodule_search_locations or ())
            return spec.loader is not None or (folders and places != [str(but)])
    return False
