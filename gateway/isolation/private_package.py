"""A package of modules that a mount has for itself, and how its code imports."""

from __future__ import annotations

import builtins
import importlib.util
import sys
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.machinery import (
    ExtensionFileLoader,
    ModuleSpec,
    PathFinder,
    SourceFileLoader,
    SourcelessFileLoader,
)
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any, Final

from gateway.isolation.builtins import ImportFunction, NamespaceBuiltins
from gateway.isolation.finder import in_interpreter
from gateway.isolation.import_hooks import ImportHooks
from gateway.isolation.private_extensions import NamespaceExtensionLoader, show
from gateway.isolation.private_member import Member
from gateway.isolation.private_names import PARENT, base_of, split
from gateway.isolation.private_sys import (
    BuiltinsFace,
    Face,
    PrivateModules,
    speaks_of,
)
from gateway.isolation.process import process
from gateway.isolation.sources import (
    LibraryLoader,
    NamespaceBytecodeLoader,
    NamespaceSourceLoader,
)

NEVER_OWNED: Final = frozenset({"gateway", PARENT, "__main__"})


class PrivatePackage(Member):
    """A package below ``mounts``, with an import function for its modules.

    :param name: the mount's name.
    :param package: the name of the package.
    :param generation: which one of those with this name it is.
    :param path: the folder in which its modules are.
    :param further: other folders that may have some.
    :param shared: names that are the process's in any case.
    """

    def __init__(
        self,
        name: str,
        package: str,
        generation: int,
        path: Path,
        further: Sequence[Path],
        shared: frozenset[str],
    ) -> None:
        self.name = name
        self.package = package
        self.base = base_of(package)
        self.generation = generation
        self.path = path
        self.folders = [str(path), *map(str, further)]
        self.closed = False
        self._shared = NEVER_OWNED | shared
        # By names that were imported: whose they are. The process stands as False.
        self._known: dict[str, PrivatePackage | bool] = {}
        self._homes: dict[str, PrivatePackage | None] = {}
        self._kept: dict[str, ModuleType] = {}
        self._retired = False
        self._visits = 0
        self.hooks = ImportHooks(package)
        self._anchor = {"__package__": package}
        self._replaced: ImportFunction | None = None
        self.builtins = NamespaceBuiltins(self._import)
        self._faces = {
            "sys": ("modules", Face(sys, "modules", PrivateModules(self))),
            "builtins": ("__import__", BuiltinsFace(builtins, self)),
        }

    @abstractmethod
    def find_home(self, top_level: str) -> PrivatePackage | None:
        """Find whose *top_level* is; it is not one that nobody can own."""

    def home(self, top_level: str) -> PrivatePackage | None:
        """Return whose *top_level* the package's ``import`` statements get."""
        try:
            return self._homes[top_level]
        except KeyError:
            pass
        home = None
        if top_level not in self._shared and not in_interpreter(top_level):
            home = self.find_home(top_level)
        # What nobody has may still be written.
        is_there = home is not None or self.is_known(top_level)
        if is_there and self.is_settled(top_level, home):
            self._homes[top_level] = home
        return home

    def is_known(self, top_level: str) -> bool:
        """Tell whether the process has *top_level* for certain."""
        return top_level in sys.modules or top_level in self._shared

    def is_settled(self, top_level: str, home: PrivatePackage | None) -> bool:
        """Tell whether *home* is the answer for every code of the package."""
        return True

    def is_loaded(self, top_level: str) -> bool:
        """Tell whether the package itself has loaded *top_level*."""
        fullname = f"{self.package}.{top_level}"
        return fullname in (self._kept if self.closed else sys.modules)

    def packages(self) -> list[str]:
        """Return the names of the packages that the mount's code has modules in."""
        return [self.package]

    def kept(self, fullname: str) -> ModuleType | None:
        """Return a module that the package had when it was closed."""
        return self._kept.get(fullname) if self.closed else None

    def module(self, relative_name: str) -> ModuleType:
        """Import a module by its name within the package; empty for the package."""
        if relative_name:
            return self.import_named(relative_name)
        kept = self.kept(self.package)
        return sys.modules[self.package] if kept is None else kept

    def modules(self) -> dict[str, ModuleType]:
        """Return what is loaded, by the names that the mount's own code has for it."""
        below = f"{self.package}."
        everything = self._kept if self.closed else dict(sys.modules)
        return {
            name.removeprefix(below): module
            for name, module in everything.items()
            if name.startswith(below)
        }

    def forget(self) -> None:
        """Decide anew, with the next import, which names are the package's own."""
        self._known.clear()
        self._homes.clear()

    def __repr__(self) -> str:
        state = " closed" if self.closed else ""
        return f"<{type(self).__name__} {self.package!r} of {str(self.path)!r}{state}>"

    # Opening, finding and closing

    def find_in(
        self, fullname: str, path: Sequence[str], target: ModuleType | None
    ) -> ModuleSpec | None:
        """Find a module in the folders of *path*, to be executed as the package's."""
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None:
            self.adopt(spec)
        return spec

    def adopt(self, spec: ModuleSpec) -> None:
        """Have a module be executed as the package's are."""
        # Exact types: a loader that somebody else made for its files is left alone.
        kind, name, file = type(spec.loader), spec.name, spec.origin
        if not isinstance(file, str):
            return
        if kind is SourceFileLoader:
            installed = self.is_installed(file)
            loader = LibraryLoader if installed else NamespaceSourceLoader
            spec.loader = loader(name, file, self.builtins)
        elif kind is SourcelessFileLoader:
            spec.loader = NamespaceBytecodeLoader(name, file, self.builtins)
        elif kind is ExtensionFileLoader:
            spec.loader = NamespaceExtensionLoader(name, file, self)

    @abstractmethod
    def is_installed(self, file: str) -> bool:
        """Tell whether a file belongs to an installed library."""

    def retire(self) -> None:
        """Close, but have what is looked up by a full name still find something.

        Each module leaves a stand-in, which is for the package's own code what the
        module was, and for all other code the module that the mount has now.
        """
        with process.lock:
            if not self.closed:
                self._retired = True
                self._leave()

    def close(self) -> None:
        """Take the modules out of ``sys.modules``; repeated calls do nothing.

        Code that still runs keeps its modules, and imports what it has not imported
        yet as before, unless a new namespace was given the same generation.
        """
        with process.lock:
            if not self.closed:
                self._leave()
            self._retired = False
            process.forget_stand_ins(self)

    def _enter(self) -> None:
        spec = ModuleSpec(self.package, None, is_package=True)
        spec.submodule_search_locations = self.folders
        package = importlib.util.module_from_spec(spec)
        process.enter(self, {self.package: package})

    def _leave(self) -> None:
        self.closed = True
        self.builtins.use(self._import_late)
        self._kept = process.leave(self, stand_in=self._retired)

    # The way of an import statement

    def _import(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,
        locals: Mapping[str, Any] | None = None,
        fromlist: Any = (),
        level: int = 0,
    ) -> ModuleType:
        """Import for the package's own code; the parameters are ``__import__``'s."""
        if level == 0:
            home = self._known.get(name)
            if home is None:
                return self._import_first(name, globals, locals, fromlist)
            if home is not False:
                return home.import_own(name, fromlist)  # type: ignore[union-attr]
        return builtins.__import__(name, globals, locals, fromlist, level)

    def import_own(self, name: str, fromlist: Any) -> ModuleType:
        """Import a module of this package, which is open."""
        if fromlist:
            fullname = f"{self.package}.{name}"
            return builtins.__import__(fullname, None, None, fromlist, 0)
        # The result is to be the first module of the name as the mount says it. Seen
        # from the package itself the name is relative, and then it is.
        module = builtins.__import__(name, self._anchor, None, (), 1)
        if type(fromlist) is list:
            # An extension module asks. Nothing may be called after this.
            show(name, sys.modules[f"{self.package}.{name}"], fromlist)
        return module

    def _import_first(
        self, name: str, globals: Any, locals: Any, fromlist: Any
    ) -> ModuleType:
        """Import a name for which it is not known yet whose it is."""
        if name in self._faces:
            return self._import_face(name, globals, sys._getframe(2))
        top_level = name.partition(".")[0] if isinstance(name, str) else ""
        home = self.home(top_level) if top_level else None
        if home is None:
            return self._import_shared(name, top_level, globals, locals, fromlist)
        settled = self.is_settled(top_level, home)
        try:
            if home.closed and home is not self:
                return home.import_function(name, None, None, fromlist, 0)
            module = home.import_own(name, fromlist)
        except ModuleNotFoundError as error:
            home.say_as_asked(name, error)
            raise
        if settled:
            self._known[name] = home
        return module

    def _import_shared(
        self, name: str, top_level: str, globals: Any, locals: Any, fromlist: Any
    ) -> ModuleType:
        if top_level == PARENT:
            return self._import_generation(name, globals, locals, fromlist)
        module = builtins.__import__(name, globals, locals, fromlist, 0)
        if self.is_settled(top_level, None):
            self._known[name] = False
        return module

    def _import_face(self, name: str, globals: Any, asker: FrameType) -> ModuleType:
        """Import a module of which the asking code may see something else."""
        word, face = self._faces[name]
        return face if speaks_of(word, globals, asker) else sys.modules[name]

    def _dunder(self, *args: Any, **kwargs: Any) -> ModuleType:
        return self.import_function(*args, **kwargs)

    @property
    def statement(self) -> ImportFunction:
        """What ``import`` statements call, as the package's own code sees it."""
        return self._replaced or self._dunder

    @statement.setter
    def statement(self, function: ImportFunction) -> None:
        # Equal, not the same: a bound method is made anew each time.
        self._replaced = None if function == self._dunder else function
        self.builtins.divert(None if self._replaced is None else self._import_replaced)

    def _import_replaced(self, *args: Any, **kwargs: Any) -> ModuleType:
        # A method of the package's: by that is known whose code asks.
        return self.statement(*args, **kwargs)

    def _import_generation(
        self, name: str, globals: Any, locals: Any, fromlist: Any
    ) -> ModuleType:
        """Import by a full name; a pickle may have that of another generation."""
        package, relative_name = split(name)
        sibling = self.sibling(base_of(package))
        if (
            sibling is None
            or (sibling.package == package and not sibling.closed)
            or type(fromlist) is not list
            or fromlist
        ):
            return builtins.__import__(name, globals, locals, fromlist, 0)
        module = sibling.module(relative_name)
        show(name, module, fromlist)
        return module

    def say_as_asked(self, name: str, error: ModuleNotFoundError) -> None:
        """Have the error say ``pkg.missing``, as it was asked for.

        Applications compare the name with the one that they imported.
        """
        if error.name and f"{self.package}.{name}.".startswith(f"{error.name}."):
            below = f"{self.package}."
            error.name = error.name.removeprefix(below)
            error.msg = error.msg.replace(below, "")
            error.args = (error.msg,)

    # After the package was closed

    def _import_late(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,
        locals: Mapping[str, Any] | None = None,
        fromlist: Any = (),
        level: int = 0,
    ) -> ModuleType:
        """Import for code that still runs although the package is closed."""
        if level == 0:
            top_level = name.partition(".")[0] if isinstance(name, str) else ""
            home = self.home(top_level) if top_level else None
            if home is None:
                return self._import_first(name, globals, locals, fromlist)
            if home is not self:
                return home.import_function(name, globals, locals, fromlist, 0)
        module = self._find_kept(name, globals or {}, fromlist, level)
        if module is None:
            with self._visiting():
                module = self._import(name, globals, locals, fromlist or (), level)
        if type(fromlist) is list and not fromlist and level == 0:
            fullname = f"{self.package}.{name}"
            show(name, self._kept.get(fullname) or sys.modules[fullname], fromlist)
        return module

    def _find_kept(
        self, name: str, globals: Mapping[str, Any], fromlist: Any, level: int
    ) -> ModuleType | None:
        """Return what an import results in, if it needs nothing that is not loaded."""
        package = globals.get("__package__") if level else self.package
        if not package or not (name or level):
            return None
        fullname = importlib.util.resolve_name("." * (level or 1) + name, package)
        module = self._kept.get(fullname)
        if fromlist:
            complete = all(hasattr(module, item) for item in fromlist)
            return module if complete else None
        top = fullname.removesuffix(name) + name.partition(".")[0]
        return None if module is None else self._kept.get(top)

    @contextmanager
    def _visiting(self) -> Iterator[None]:
        """Be open again while at least one thread is in here."""
        with process.lock:
            if self._visits == 0:
                process.enter(self, self._kept)
            self._visits += 1
        try:
            yield
        finally:
            with process.lock:
                self._visits -= 1
                if self._visits == 0:
                    self._kept = process.leave(self, stand_in=self._retired)
