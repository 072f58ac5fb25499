"""Modules of generations that are gone, for what still names them.

A pickle names the module of a class, and with it the generation of the mount that made
the pickle: ``mounts.notes@2.models``. Once that generation is gone a stand-in has the
name in ``sys.modules``. It takes each attribute from the module that the mount has
now, and decides anew for each which one that is: the same pickle may be read for the
new generation, and at the same time for the last requests of the one before.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from types import FrameType, ModuleType
from typing import Any, Protocol

from gateway.isolation.private_names import base_of, split


class Heir(Protocol):
    """A package whose modules take the place of others."""

    def module(self, relative_name: str) -> ModuleType:
        """Import a module by its name within the package; empty for the package."""


class Heirs(Protocol):
    """Knows which packages there are now."""

    def heir(self, package: str, asker: FrameType | None) -> Heir | None:
        """Return what *package*, or the generation that follows it, is for *asker*."""


class StandIn(ModuleType):
    """Takes each attribute from the module that has succeeded this one."""

    def __init__(self, fullname: str, heirs: Heirs) -> None:
        super().__init__(fullname)
        self.__heirs = heirs

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__module(sys._getframe(1)), name)

    @property
    def __dict__(self) -> Any:  # type: ignore[override]
        """What the successor has; :func:`typing.get_type_hints` looks there."""
        return vars(self.__module(sys._getframe(1)))

    def __module(self, asker: FrameType) -> ModuleType:
        package, relative_name = split(self.__name__)
        heir = self.__heirs.heir(package, asker)
        if heir is None:
            raise AttributeError(f"no module stands behind {self.__name__!r} any more")
        return heir.module(relative_name)


class StandIns(Loader):
    """All stand-ins, by the packages that they are in.

    :param heirs: knows what they stand for.
    """

    def __init__(self, heirs: Heirs) -> None:
        self._heirs = heirs
        self._names: defaultdict[str, set[str]] = defaultdict(set)
        self._kept: set[str] = set()

    def find(self, fullname: str) -> ModuleSpec | None:
        """Return what makes a stand-in for *fullname*, if its package has an heir."""
        package, _ = split(fullname)
        heir = self._heirs.heir(package, None)
        return None if heir is None else ModuleSpec(fullname, self)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Return the stand-in."""
        return StandIn(spec.name, self._heirs)

    def exec_module(self, module: ModuleType) -> None:
        """Import what the stand-in stands for.

        :raises ModuleNotFoundError: the package's heir has no such module.
        """
        package, relative_name = split(module.__name__)
        heir = self._heirs.heir(package, None)
        if heir is not None:
            heir.module(relative_name)
            self._names[package].add(module.__name__)

    def put(self, package: str, fullnames: Iterable[str]) -> None:
        """Put stand-ins for modules of *package*; they stay until it is dropped."""
        self._kept.add(package)
        for fullname in fullnames:
            sys.modules[fullname] = StandIn(fullname, self._heirs)
            self._names[package].add(fullname)

    def drop(self, package: str, base: str = "") -> None:
        """Remove the stand-ins of *package*.

        :param base: remove those of its other generations too, but for what was put;
            they come back when they are asked for.
        """
        self._kept.discard(package)
        self._remove(package)
        for other in list(self._names):
            if base_of(other) == base and other not in self._kept:
                self._remove(other)

    def drop_all(self) -> None:
        """Remove every stand-in."""
        for package in list(self._names):
            self.drop(package)

    def _remove(self, package: str) -> None:
        for fullname in self._names.pop(package, ()):
            if type(sys.modules.get(fullname)) is StandIn:
                del sys.modules[fullname]
        parent, _, child = package.partition(".")
        if type(getattr(sys.modules.get(parent), child, None)) is StandIn:
            delattr(sys.modules[parent], child)
