"""Modules: which mounts have their own, and whether these are theirs alone."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from gateway.config.spec import CodeTarget, MountSpec
from gateway.isolation.private_names import PARENT
from gateway.mount import Mount
from gateway.proof.evidence import Misplaced, Module
from gateway.proof.identity import Identities
from gateway.proof.looks import ModuleLook

# Enough for a call to be told from those of other mounts.
_MOST_ASKED: Final = 4


class Modules:
    """Keeps account of the modules of mounts, and asks for them by name.

    :param identities: gives the modules their numbers.
    """

    def __init__(self, identities: Identities, mounts: Iterable[MountSpec]) -> None:
        self._identities = identities
        self._folders = {
            spec.name: spec.target.path or spec.home
            for spec in mounts
            if isinstance(spec.target, CodeTarget)
        }
        self._private: set[str] = set()
        self._asked: Mapping[str, tuple[str, ...]] = {}
        # By name and object: what was there before the mounts is none of theirs.
        self._before = {name: id(each) for name, each in sys.modules.copy().items()}

    def learn(self, mounts: Mapping[str, Mount]) -> None:
        """Take note of the modules that *mounts* have, for :meth:`ask`."""
        own = {name: dict(_own(mount)) for name, mount in mounts.items()}
        self._private |= {name for name, modules in own.items() if modules}
        self._asked = {name: tuple(_to_ask(modules)) for name, modules in own.items()}

    def ask(self, mount: str) -> list[ModuleLook]:
        """Import by name, as a shared library would, what *mount* has of its own."""
        looks = []
        for name in self._asked.get(mount, ()):
            try:
                module = importlib.import_module(name)
            except Exception as error:
                # Whatever it is, a library would get it in place of the module.
                failure = f"{type(error).__name__}: {error}"
                looks.append(ModuleLook(name, None, "", failure))
            else:
                number = self._identities.number(module)
                looks.append(ModuleLook(name, number, _file(module)))
        return looks

    def of(self, mounts: Mapping[str, Mount]) -> Iterator[Module]:
        """Yield every module that one of *mounts* has of its own."""
        for name, mount in mounts.items():
            for module_name, module in _own(mount):
                number, file = self._identities.number(module), _file(module)
                owner = self._other_owner(name, module_name, file)
                yield Module(name, module_name, number, file, owner)

    def _other_owner(self, mount: str, module: str, file: str) -> str | None:
        """Return another mount whose *module* that is, if it is not in its own folder.

        A library in a folder of that mount's is no module of its.
        """
        if not file or Path(file).is_relative_to(self._folders[mount]):
            return None
        for name, folder in self._folders.items():
            if _starts(module, file, folder):
                return name
        return None

    def misplaced(self) -> Iterator[Misplaced]:
        """Yield each new module of the process that is a mount's, by its file."""
        # A copy is made at once; a list may run the garbage collector meanwhile.
        for name, module in sys.modules.copy().items():
            if name.partition(".")[0] == PARENT or self._before.get(name) == id(module):
                continue
            file = _file(module)
            owner = self._owner(name, file) if file else None
            if owner is not None:
                yield Misplaced(owner, f"the whole process has {name!r}, from {file}")

    def _owner(self, module: str, file: str) -> str | None:
        """Return the mount in whose folder *module* is, if that keeps it private.

        Of folders in one another the innermost counts; nothing can be told of one that
        a mount with shared imports has too. A library in a folder of the mount's, such
        as a virtual environment, is not a module of its own.
        """
        inside = [
            (len(folder.parts), name)
            for name, folder in self._folders.items()
            if _starts(module, file, folder)
        ]
        deepest = [name for depth, name in inside if depth == max(inside)[0]]
        if deepest and self._private.issuperset(deepest):
            return deepest[0]
        return None


def _own(mount: Mount) -> Iterator[tuple[str, ModuleType]]:
    mounted: Any = mount.application.mount
    if mounted is not None and mounted.namespace is not None:
        yield from mounted.namespace.modules().items()


def _starts(module: str, file: str, folder: Path) -> bool:
    """Tell whether *module* is one that *folder* as an import root leads to."""
    path = Path(file)
    if not path.is_relative_to(folder):
        return False
    first = path.relative_to(folder).parts[0]
    return first.partition(".")[0] == module.partition(".")[0]


def _to_ask(modules: Mapping[str, ModuleType]) -> list[str]:
    """Return names that are the mount's, and nothing that the process can import."""
    names = (name for name in modules if "." not in name and name not in sys.modules)
    return [name for name in names if PathFinder.find_spec(name) is None][:_MOST_ASKED]


def _file(module: object) -> str:
    # An application may put anything there.
    file = getattr(module, "__file__", None)
    return file if isinstance(file, str) else ""
