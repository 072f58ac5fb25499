"""Finds the modules of every namespace, below the package ``mounts``.

The folders are searched by the standard path-based finder, so packages, namespace
packages (:pep:`420`), extension modules and ``importlib.invalidate_caches`` behave as
ever; only the loaders are exchanged.
"""

from __future__ import annotations

import os
import sys
from collections.abc import (
    Callable,
    Collection,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from importlib.abc import MetaPathFinder
from importlib.machinery import FrozenImporter, ModuleSpec, NamespaceLoader
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any, Final, Protocol

from gateway.isolation.private_names import PARENT

_BELOW: Final = f"{PARENT}."

Prepare = Callable[[ModuleType], None]
FindSpec = Callable[..., ModuleSpec | None]


class Owner(Protocol):
    """What the finder needs of a package of private modules."""

    package: str

    def find(
        self, fullname: str, path: Sequence[str], target: ModuleType | None
    ) -> ModuleSpec | None:
        """Find a module of the package."""

    def distributions_in(self, name: str | None) -> list[str] | None:
        """Return where the package's code finds distributions, if it is told."""

    def forget(self) -> None:
        """Decide anew which names the package owns."""


class NamespaceFinder(MetaPathFinder):
    """The entry of ``sys.meta_path`` for every namespace.

    :param owners: the open packages by their names; read whenever a module is looked
        for.
    :param prepared: what to do with a module of the process, by its name, as soon as
        it was executed.
    :param copies: the same for private modules, by the names that mounts have for
        them.
    :param stand_in: finds a module of a package that is not open.
    :param owner_of: tells whose code runs in a frame.
    """

    def __init__(
        self,
        owners: Mapping[str, Owner],
        prepared: Mapping[str, Prepare],
        copies: Mapping[str, Prepare],
        stand_in: Callable[[str], ModuleSpec | None],
        owner_of: Callable[[FrameType | None], Owner | None],
    ) -> None:
        self._owners = owners
        self._prepared = prepared
        self._copies = copies
        self._stand_in = stand_in
        self._owner_of = owner_of

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """Find a module of a namespace, or one that is to be prepared."""
        if fullname.startswith(_BELOW):
            return self._find_private(fullname, path, target)
        prepare = self._prepared.get(fullname)
        if prepare is None:
            return None
        return self._find_prepared(fullname, path, target, prepare)

    def find_distributions(self, context: Any = None) -> Iterable[Any]:
        """Have :mod:`importlib.metadata` look where the asker's libraries are.

        Nothing is found here. But the context goes on to the finder of the process
        (:class:`importlib.metadata.DistributionFinder`), which then searches there.
        """
        if context is not None and "path" not in vars(context):
            owner = self._owner_of(sys._getframe(1))
            path = None if owner is None else owner.distributions_in(context.name)
            if path is not None:
                vars(context)["path"] = path
        return ()

    def invalidate_caches(self) -> None:
        """Called by :func:`importlib.invalidate_caches`: files may be new."""
        for owner in list(self._owners.values()):
            owner.forget()

    def _find_private(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None
    ) -> ModuleSpec | None:
        _, child, *rest = fullname.split(".", 2)
        owner = self._owners.get(_BELOW + child)
        if owner is None:
            return self._stand_in(fullname)
        if path is None or not rest:
            return None
        spec = owner.find(fullname, path, target)
        prepare = self._copies.get(rest[0])
        if spec is not None and prepare is not None:
            _prepare_after_import(spec.loader, prepare)
        return spec

    def _find_prepared(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None,
        prepare: Prepare,
    ) -> ModuleSpec | None:
        for find_spec in _find_specs(self):
            spec = find_spec(fullname, path, target)
            if spec is not None:
                _prepare_after_import(spec.loader, prepare)
                return spec
        return None


def _find_specs(but: object = None) -> Iterator[FindSpec]:
    """Yield what the finders of the process find with, but for that of one.

    Finders of before :pep:`451` have nothing to find with; importlib skips them, too.
    """
    for finder in list(sys.meta_path):
        find_spec = getattr(finder, "find_spec", None)
        if find_spec is not None and finder is not but:
            yield find_spec


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
    top_level: str, *, folders: bool = True, but: Collection[str] = ()
) -> bool:
    """Tell whether the process itself has a module of that name, loaded or not.

    :param folders: count folders without ``__init__.py`` (:pep:`420`).
    :param but: import roots whose modules do not count.
    """
    if top_level in sys.modules:
        spec = getattr(sys.modules[top_level], "__spec__", None)
        return spec is None or _counts(spec, folders, but)
    for find_spec in _find_specs():
        spec = find_spec(top_level, None)
        if spec is not None and _counts(spec, folders, but):
            return True
    return False


def _counts(spec: ModuleSpec, folders: bool, but: Collection[str]) -> bool:
    places = spec.submodule_search_locations
    if spec.loader is None or isinstance(spec.loader, NamespaceLoader):
        roots = {os.path.dirname(place) for place in places or ()}
        return folders and not roots.issubset(but)
    if not spec.has_location or spec.origin is None:
        return True
    folder = os.path.dirname(spec.origin)
    return (folder if places is None else os.path.dirname(folder)) not in but
