"""Module namespaces: the modules that one mount has for itself.

A mount ``notes`` with ``path: apps/notes`` owns the package ``mounts.notes``, whose
``__path__`` is that folder. Its ``models.py`` is the ordinary submodule
``mounts.notes.models``, in ``sys.modules`` under that name, and has that ``__name__``.
Relative imports work by themselves; for absolute ones the namespace's modules have an
import function of their own, which takes ``import models`` for ``mounts.notes.models``
if the namespace owns ``models``. Import statements elsewhere in the process are not
touched.

A namespace owns a name if its folder has a module or package of that name, be there
one of the standard library too or an installed one. It does not own

- ``gateway``, ``mounts`` and ``__main__``, which are shared by all;
- the modules that are built into or frozen in the interpreter (``sys``, ``time``,
  ``os``), which no folder can replace for an application that runs alone either;
- a folder without ``__init__.py`` (:pep:`420`), if there is anything else of the name:
  a folder ``redis`` with data does not hide the library.

Names in strings (``importlib.import_module("models")``): who asks decides. Code of a
namespace gets what its import statement would get. Any other code, such as a library
that was given the string, gets the process's module, and only if there is none of that
top-level name, the one of the mount that is being loaded or served.

What differs from running alone:

- ``__name__`` begins with the package. ``sys.modules[__name__]`` is the module, but
  ``sys.modules.get("models")`` finds nothing, and what is put there under that name
  does not replace the mount's own. A logger made by ``getLogger(__name__)`` is below
  ``mounts.notes``. A pickle names the package too, so it is for this process, or for
  one that mounts the application under the same name.
- A library that looks names up in a thread of its own finds the mount's modules only
  if the mount was made current there.
- ``builtins.__import__``, as an attribute, is the process's, and so is the import
  function of code that is executed with builtins of its own.
"""

from __future__ import annotations

import builtins
import importlib.util
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any, Final
from urllib.parse import quote

from gateway.isolation.builtins import NamespaceBuiltins
from gateway.isolation.finder import (
    PARENT,
    forget_folder,
    has_module,
    in_interpreter,
)
from gateway.isolation.process import (
    Member,
    NamespaceError,
    current_namespace,
    process,
)

__all__ = [
    "Namespace",
    "NamespaceError",
    "current_namespace",
    "install",
    "package_name",
    "uninstall",
]

_SHARED: Final = frozenset({"gateway", PARENT, "__main__"})


def package_name(mount: str, generation: int = 1) -> str:
    """Return the name of the package that a mount's modules are in.

    What cannot stand in a module's name is percent-encoded (:rfc:`3986`), and so is
    the dot, which separates modules: mount ``v1.2`` has ``mounts.v1%2E2``.

    :param mount: the mount's name.
    :param generation: from the second on it is part of the name: ``mounts.notes@2``.
    """
    spelled = quote(mount, safe="").replace(".", "%2E")
    suffix = "" if generation == 1 else f"@{generation}"
    return f"{PARENT}.{spelled}{suffix}"


class Namespace(Member):
    """The private modules of one mount.

    :param name: the mount's name.
    :param path: the folder in which its modules are.
    :param generation: which one of those with this name it is; by default the lowest
        that no open namespace has. A closed namespace goes on answering its old code
        best if its generation is never used again.
    :raises NamespaceError: the generation is in use.
    """

    def __init__(
        self, name: str, path: str | Path, *, generation: int | None = None
    ) -> None:
        self.name = name
        self.path = Path(path).absolute()
        self.closed = False
        # Names that were imported: their full names, empty for those of the process.
        self._known: dict[str, str] = {}
        self._kept: dict[str, ModuleType] = {}
        self._visits = 0
        forget_folder(self.path)
        with process.lock:
            self.generation = generation or _lowest_generation(name)
            self.package = package_name(name, self.generation)
            self._anchor = {"__package__": self.package}
            self.builtins = NamespaceBuiltins(self._import)
            process.enter(self, {self.package: _package(self.package, self.path)})

    def import_module(self, name: str) -> ModuleType:
        """Import a module by the name that the mount's own code has for it.

        :param name: such as ``app`` or ``pkg.module``.
        :raises ModuleNotFoundError: there is none; its ``name`` is as the mount says.
        """
        with self.active():
            # A name to import from the module makes it the result, not its top package.
            return self.import_function(name, None, None, ("__name__",), 0)

    def owns(self, top_level: str) -> bool:
        """Tell whether the mount's own code gets *top_level* from this namespace."""
        if top_level in _SHARED or in_interpreter(top_level):
            return False
        known = self._known.get(top_level)
        if known is not None:
            return known != ""
        if f"{self.package}.{top_level}" in sys.modules:
            return True
        spec = PathFinder.find_spec(top_level, [str(self.path)])
        if spec is None:
            return False
        own = self.path / top_level
        return spec.loader is not None or not has_module(top_level, but=own)

    def modules(self) -> dict[str, ModuleType]:
        """Return what is loaded, by the names that the mount's own code has for it."""
        below = f"{self.package}."
        everything = self._kept if self.closed else dict(sys.modules)
        return {
            name.removeprefix(below): module
            for name, module in everything.items()
            if name.startswith(below)
        }

    @contextmanager
    def active(self) -> Iterator[None]:
        """Make this the mount that is loaded or served: names in strings reach it."""
        token = current_namespace.set(self)
        try:
            yield
        finally:
            current_namespace.reset(token)

    def forget(self) -> None:
        """Decide anew, with the next import, which names are the namespace's own."""
        self._known.clear()

    def close(self) -> None:
        """Take the modules out of ``sys.modules``; repeated calls do nothing.

        Code that still runs keeps its modules, and imports what it has not imported
        yet as before, unless a new namespace was given the same generation.
        """
        with process.lock:
            if not self.closed:
                self.closed = True
                self.builtins.use(self._import_late)
                self._kept = process.leave(self)

    def __repr__(self) -> str:
        state = " closed" if self.closed else ""
        return f"<Namespace {self.package!r} of {str(self.path)!r}{state}>"

    # The way of an import statement

    def _import(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,
        locals: Mapping[str, Any] | None = None,
        fromlist: Any = (),
        level: int = 0,
    ) -> ModuleType:
        """Import for the namespace's own code; the parameters are ``__import__``'s."""
        if level == 0:
            fullname = self._known.get(name)
            if fullname is None:
                return self._import_first(name, globals, locals, fromlist)
            if fullname:
                return self._import_own(name, fullname, fromlist)
        return builtins.__import__(name, globals, locals, fromlist, level)

    def _import_first(
        self, name: str, globals: Any, locals: Any, fromlist: Any
    ) -> ModuleType:
        """Import a name for which it is not known yet whose it is."""
        fullname = ""
        if isinstance(name, str) and name and self.owns(name.partition(".")[0]):
            fullname = f"{self.package}.{name}"
            try:
                module = self._import_own(name, fullname, fromlist)
            except ModuleNotFoundError as error:
                self._say_as_asked(fullname, error)
                raise
        else:
            module = builtins.__import__(name, globals, locals, fromlist, 0)
        self._known[name] = fullname
        return module

    def _import_own(self, name: str, fullname: str, fromlist: Any) -> ModuleType:
        if fromlist:
            return builtins.__import__(fullname, None, None, fromlist, 0)
        # The result is to be the first module of the name as the mount says it. Seen
        # from the namespace's package the name is relative, and then it is.
        return builtins.__import__(name, self._anchor, None, (), 1)

    def _say_as_asked(self, fullname: str, error: ModuleNotFoundError) -> None:
        """Have the error say ``pkg.missing``, as it was asked for.

        Applications compare the name with the one that they imported.
        """
        if error.name and f"{fullname}.".startswith(f"{error.name}."):
            below = f"{self.package}."
            error.name = error.name.removeprefix(below)
            error.msg = error.msg.replace(below, "")
            error.args = (error.msg,)

    def _import_late(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,
        locals: Mapping[str, Any] | None = None,
        fromlist: Any = (),
        level: int = 0,
    ) -> ModuleType:
        """Import for code that still runs although the namespace is closed."""
        module = self._find_kept(name, globals or {}, fromlist, level)
        if module is not None:
            return module
        with self._visiting():
            return self._import(name, globals, locals, fromlist, level)

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
                    self._kept = process.leave(self)


def _package(name: str, folder: Path) -> ModuleType:
    spec = ModuleSpec(name, None, is_package=True)
    spec.submodule_search_locations = [str(folder)]
    return importlib.util.module_from_spec(spec)


def _lowest_generation(name: str) -> int:
    return next(n for n in count(1) if not process.is_open(package_name(name, n)))


install: Final = process.install
uninstall: Final = process.uninstall
