"""The module namespaces of a process: which are open, and who answers for a name."""

from __future__ import annotations

import importlib.util
import os
import sys
import typing
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from importlib.machinery import ModuleSpec
from pathlib import Path
from threading import RLock
from types import FrameType, ModuleType
from typing import Any, Final

from gateway.isolation.environ_overlay import current_overlay
from gateway.isolation.finder import NamespaceFinder, Prepare, has_module
from gateway.isolation.pickles import StandIn, StandIns
from gateway.isolation.private_member import (
    Member,
    NamespaceError,
    current,
    namespace_of,
    owner_of,
)
from gateway.isolation.private_names import PARENT, base_of, package_name, split
from gateway.isolation.spawned import Recipe
from gateway.isolation.strings import StringHooks


class Process:
    """What all namespaces have in common."""

    def __init__(self) -> None:
        self.lock = RLock()
        self._open: dict[str, Member] = {}
        self._set_aside: Counter[str] = Counter()
        self._stand_ins = StandIns(self)
        self._hooks = StringHooks(self)
        self._finder = NamespaceFinder(
            self._open,
            self._hooks.prepared,
            self._hooks.copies,
            self._stand_ins.find,
            namespace_of,
        )

    def install(self) -> None:
        """Prepare the import system; repeated calls do nothing.

        :raises NamespaceError: there is a module ``mounts`` already.
        """
        with self.lock:
            if self._finder in sys.meta_path:
                return
            if PARENT in sys.modules:
                place = getattr(sys.modules[PARENT], "__file__", None) or "somewhere"
                raise NamespaceError(
                    f"a module {PARENT!r} was imported from {place}; the modules of "
                    "mounts are in a package of this name, so it must be renamed"
                )
            spec = ModuleSpec(PARENT, None, origin="gateway", is_package=True)
            sys.modules[PARENT] = importlib.util.module_from_spec(spec)
            sys.meta_path.insert(0, self._finder)
            self._hooks.install()

    def uninstall(self) -> None:
        """Close every namespace and leave the import system as it was."""
        with self.lock:
            for member in list(self._open.values()):
                member.close()
            if self._finder in sys.meta_path:
                self._stand_ins.drop_all()
                self._hooks.uninstall()
                sys.meta_path.remove(self._finder)
                del sys.modules[PARENT]

    def when_imported(self, name: str, prepare: Prepare) -> Callable[[], None]:
        """Have *prepare* called with the module *name* once it is executed.

        It is called for the process's module and for each mount's private copy, and
        at once for those that are loaded.

        :param name: as the module's own code has it, such as ``flask.app``.
        :returns: what undoes it.
        """
        with self.lock:
            self.install()
            undo = self._hooks.add(name, prepare)
            for member in list(self._open.values()):
                module = sys.modules.get(f"{member.package}.{name}")
                if module is not None and type(module) is not StandIn:
                    prepare(module)
            return undo

    def is_open(self, package: str) -> bool:
        """Tell whether a namespace has *package* now."""
        return package in self._open

    def enter(self, member: Member, modules: dict[str, ModuleType]) -> None:
        """Put *member* and its *modules* where imports find them.

        :raises NamespaceError: another namespace has its package.
        """
        with self.lock:
            self.install()
            if self._open.setdefault(member.package, member) is not member:
                raise NamespaceError(
                    f"the package {member.package!r} is in use by another namespace; "
                    "give each a generation of its own"
                )
            self._stand_ins.drop(member.package)
            sys.modules.update(modules)
            attribute = member.package.rpartition(".")[2]
            setattr(sys.modules[PARENT], attribute, modules[member.package])
            member.hooks.put_back()

    def leave(self, member: Member, *, stand_in: bool = False) -> dict[str, ModuleType]:
        """Undo :meth:`enter`; return the modules that *member* has by now.

        :param stand_in: leave stand-ins in their places.
        """
        with self.lock:
            member.hooks.take_out()
            del self._open[member.package]
            vars(sys.modules[PARENT]).pop(member.package.rpartition(".")[2], None)
            below = f"{member.package}."
            # A copy: the code of its requests imports meanwhile, and takes modules out.
            modules = {
                name: module
                for name, module in sys.modules.copy().items()
                if name == member.package or name.startswith(below)
            }
            for name in modules:
                sys.modules.pop(name, None)
            _forget_in_typing(modules)
            # Not by isinstance: that would load a module which is loaded lazily.
            modules = {
                name: module
                for name, module in modules.items()
                if type(module) is not StandIn
            }
            if stand_in:
                self._stand_ins.put(member.package, modules)
            return modules

    def forget_stand_ins(self, member: Member) -> None:
        """Remove what stands in for *member* and for generations before it."""
        with self.lock:
            self._stand_ins.drop(member.package, member.base)

    def set_aside(self, folder: Path) -> Callable[[], None]:
        """Have the modules in *folder* count as one mount's, not as the process's.

        They do not keep another mount from the modules that strings name.

        :param folder: of a mount whose modules are imported as the process's.
        :returns: what undoes it.
        """
        self._count_aside(str(folder), 1)
        return partial(self._count_aside, str(folder), -1)

    def _count_aside(self, folder: str, uses: int) -> None:
        with self.lock:
            self._set_aside[folder] += uses

    def answering(self, name: str, asker: FrameType | None) -> Member | None:
        """Return the namespace that answers for a name in a string, if one does."""
        top_level = name.replace(":", ".").partition(".")[0]
        if not top_level or top_level == PARENT:
            return None
        member = namespace_of(asker)
        if member is not None:
            return member.home_by_name(top_level)
        member = current()
        home = None if member is None else member.home_by_name(top_level)
        if home is None or self._has(top_level):
            return None
        return home

    def _has(self, top_level: str) -> bool:
        """Tell whether the process has a module that comes before a mount's.

        A mere folder is none, and neither is what is in the working directory or
        belongs to one mount.
        """
        # A copy: requests ask, while a reload sets another folder aside.
        aside = self._set_aside.copy()
        roots = {folder for folder, uses in aside.items() if uses > 0}
        with suppress(OSError):
            roots.add(os.getcwd())
        return has_module(top_level, folders=False, but=roots)

    def stand_in(self, fullname: str) -> ModuleSpec | None:
        """Return what makes a module that stands for one of another package."""
        return self._stand_ins.find(fullname)

    def answering_code(self, name: str, asker: FrameType | None) -> Member | None:
        """Return whose module an extension module gets that imports *name*.

        :param asker: the frame of the Python code that runs the extension's.
        """
        owner = owner_of(asker)
        return None if owner is None else owner.home(name.partition(".")[0])

    def adopt(self, spec: ModuleSpec, asker: FrameType | None) -> None:
        """Have a module that is executed by its file import like a mount's, if it is.

        :param asker: who has it executed.
        """
        member = self.executing(str(spec.origin), asker)
        if member is not None:
            member.adopt(spec)

    def executing(self, file: str, asker: FrameType | None) -> Member | None:
        """Return whose code is executed, if it is a mount's.

        It is if the mount's own code has asked for it, or if the file is in the folder
        of the mount that is being loaded or served.
        """
        member = namespace_of(asker)
        if member is not None:
            return member
        member = current()
        if member is None or not file.startswith(f"{member.path}{os.sep}"):
            return None
        return member

    def recipe(self) -> Recipe | None:
        """Return what opens the modules of the mount at hand in a child process."""
        member = current()
        overlay = current_overlay()
        if member is None and overlay is not None and overlay.name:
            # A thread that the mount has started, such as one of a process pool.
            member = self.heir(package_name(overlay.name), None)
        return None if member is None else member.recipe()

    def heir(self, package: str, asker: FrameType | None) -> Member | None:
        """Return what *package*, or the generation that follows it, is for *asker*."""
        member = self._open.get(package)
        if member is not None:
            return member
        base = base_of(package)
        for user in (namespace_of(asker), current()):
            sibling = None if user is None else user.sibling(base)
            if sibling is not None:
                return sibling
        generations = [each for each in list(self._open.values()) if each.base == base]
        return max(generations, key=lambda each: each.generation, default=None)

    def folder_for(self, module_name: str, asker: FrameType | None) -> str | None:
        """Return the folder of the asking mount for a name that no module has."""
        top_level = module_name.partition(".")[0]
        member = namespace_of(asker) or current()
        if member is None or top_level == PARENT or has_module(top_level):
            return None
        return str(member.mount_folder())

    def folder_of(self, module_name: str) -> str | None:
        """Return the folder of the open namespace that the module is in, if any."""
        member = self._open.get(split(module_name)[0])
        return None if member is None else member.folder_of(module_name)


def _forget_in_typing(module_names: Iterable[str]) -> None:
    """Have :mod:`typing` forget modules that are gone, and what was made of theirs.

    It keeps overloads by the modules' names, and in caches the types that were last
    put together: an ``Optional[User]`` would keep its generation, and a hundred more.
    """
    overloads: dict[str, Any] = getattr(typing, "_overload_registry", {})
    for name in module_names:
        overloads.pop(name, None)
    for clear in getattr(typing, "_cleanups", ()):
        clear()


process: Final = Process()
