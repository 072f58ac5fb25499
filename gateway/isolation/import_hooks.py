"""Import hooks that a mount's code adds to the process's, which end with its modules.

Without the modules that it needs such a hook fails, for whatever code imports
something: one mount's library would keep the other mounts from loading.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib.machinery import PathFinder
from typing import Any, Final

from gateway.isolation.private_names import split

# A backport of importlib.metadata takes it away, to be asked in its place.
_STANDARD: Final = vars(PathFinder).get("find_distributions")


class ImportHooks:
    """Those of ``sys.meta_path`` and ``sys.path_hooks`` that one package has added.

    :param package: the name of the package whose classes or functions they are.
    """

    __slots__ = ("_finders", "_package", "_path_hooks")

    def __init__(self, package: str) -> None:
        self._package = package
        # With the places at which they were.
        self._finders: list[tuple[int, Any]] = []
        self._path_hooks: list[tuple[int, Any]] = []

    def take_out(self) -> None:
        """Have the process ask them no more."""
        self._finders = self._taken(sys.meta_path)
        self._path_hooks = self._taken(sys.path_hooks)
        for entry, finder in sys.path_importer_cache.copy().items():
            if self._has(finder):
                sys.path_importer_cache.pop(entry, None)
        if self._path_hooks:
            # What they have answered need not be of a class of their own.
            sys.path_importer_cache.clear()
        if any(_finds_distributions(finder) for _, finder in self._finders):
            _find_distributions_again()

    def put_back(self) -> None:
        """Have the process ask those again that were taken out."""
        _insert(self._finders, sys.meta_path)
        _insert(self._path_hooks, sys.path_hooks)
        if self._path_hooks:
            sys.path_importer_cache.clear()

    def _taken(self, hooks: list[Any]) -> list[tuple[int, Any]]:
        taken = [(at, hook) for at, hook in enumerate(hooks) if self._has(hook)]
        for _, hook in taken:
            _remove(hook, hooks)
        return taken

    def _has(self, hook: Any) -> bool:
        return any(split(name)[0] == self._package for name in origins(hook))


def origins(hook: Any) -> Iterator[str]:
    """Yield the names of the modules that a hook, or what it calls, comes from."""
    for attribute in (None, "find_spec", "func"):
        with suppress(Exception):  # a hook may answer for any attribute as it likes
            thing = hook if attribute is None else getattr(hook, attribute)
            if isinstance(name := thing.__module__, str):
                yield name


def _remove(hook: Any, hooks: list[Any]) -> None:
    # By identity: hooks may compare as they like.
    at = next((at for at, each in enumerate(hooks) if each is hook), None)
    if at is not None:
        del hooks[at]


def _insert(taken: list[tuple[int, Any]], hooks: list[Any]) -> None:
    for at, hook in taken:
        if not any(each is hook for each in hooks):
            hooks.insert(at, hook)


def _find_distributions_again() -> None:
    """Have :mod:`importlib.metadata` find something, if nobody else does it now."""
    if _STANDARD is not None and not any(map(_finds_distributions, sys.meta_path)):
        PathFinder.find_distributions = _STANDARD  # type: ignore[method-assign]


def _finds_distributions(finder: object) -> bool:
    # The gateway's own finds none, but tells others where to look.
    if type(finder).__module__.startswith("gateway."):
        return False
    with suppress(Exception):
        return hasattr(finder, "find_distributions")
    return False
