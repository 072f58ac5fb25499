"""Finds the modules beside a script as those of the mount that it works on."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

from gateway.isolation.modules import Namespace


class _Beside(MetaPathFinder):
    """Finds modules in one folder, whose imports find the mount's modules.

    :param folder: where the script is.
    :param namespace: the modules of the mount.
    """

    def __init__(self, folder: str, namespace: Namespace) -> None:
        self._folder = folder
        self._namespace = namespace
        self.found: set[str] = set()

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """Find a module of the folder, or of a package in it."""
        if path is None:
            path = [self._folder]
        elif fullname.rpartition(".")[0] not in self.found:
            return None
        spec = self._namespace.find_in(fullname, path, target)
        # A folder without __init__.py gives way to any other module (PEP 420).
        if spec is None or spec.loader is None:
            return None
        self.found.add(fullname)
        return spec


@contextmanager
def modules_beside(folder: str, namespace: Namespace | None) -> Iterator[None]:
    """Have *folder* searched before all other folders, as that of a script is.

    :param namespace: the modules of the mount, if it has any of its own.
    """
    path = list(sys.path)
    sys.path.insert(0, folder)
    if namespace is None:
        try:
            yield
        finally:
            sys.path[:] = path
        return
    finder = _Beside(folder, namespace)
    # Behind the modules that are built into the interpreter, as folders are.
    at = sys.meta_path.index(PathFinder) if PathFinder in sys.meta_path else 0
    sys.meta_path.insert(at, finder)
    try:
        yield
    finally:
        sys.path[:] = path
        sys.meta_path.remove(finder)
        for name in finder.found:
            sys.modules.pop(name, None)
