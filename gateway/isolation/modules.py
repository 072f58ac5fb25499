"""Module namespaces: the modules that one mount has for itself.

A mount ``notes`` with ``path: apps/notes`` owns the package ``mounts.notes``, whose
``__path__`` is that folder. Its ``models.py`` is the ordinary submodule
``mounts.notes.models``, in ``sys.modules`` under that name, and has that ``__name__``.
Relative imports work by themselves; for absolute ones the namespace's modules have an
import function of their own, which takes ``import models`` for ``mounts.notes.models``
if the namespace owns ``models``. Import statements elsewhere in the process are not
touched.

A namespace owns a name if its folder has a module or package of that name, be there
one of the standard library too or an installed one. Then come the libraries of its
virtual environment, if it has one, but for names of the standard library; then the
copies that it has of the process's libraries. It does not own

- ``gateway``, ``mounts`` and ``__main__``, which are shared by all, and whatever else
  it is told to share;
- the modules that are built into or frozen in the interpreter (``sys``, ``time``,
  ``os``), which no folder can replace for an application that runs alone either;
- a folder without ``__init__.py`` (:pep:`420`), if there is anything else of the name:
  a folder ``redis`` with data does not hide the library.

Names in strings (``importlib.import_module("models")``): who asks decides. Code of a
namespace gets what its import statement would get. Any other code, such as a library
that was given the string, gets the process's module, and only if there is none of that
top-level name, the one of the mount that is being loaded or served. What is in the
working directory, or belongs to a mount with shared imports, does not count as the
process's there.

What differs from running alone:

- ``__name__`` begins with the package. A logger made by ``getLogger(__name__)`` is
  below ``mounts.notes``. A pickle names the package too, so it is for this process, or
  for one that mounts the application under the same name.
- A library that looks names up in a thread of its own finds the mount's modules only
  if the mount was made current there.
- ``builtins.__import__``, as an attribute, is the process's, and so is the import
  function of code that is executed with builtins of its own.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager, ExitStack
from importlib.machinery import ModuleSpec, PathFinder
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Final

from gateway.isolation.finder import forget_folder, has_module
from gateway.isolation.private_copies import check_private, check_shared
from gateway.isolation.private_member import (
    NamespaceError,
    activate,
    current_namespace,
)
from gateway.isolation.private_names import libraries_name, package_name, split
from gateway.isolation.private_package import NEVER_OWNED, PrivatePackage
from gateway.isolation.process import process
from gateway.isolation.spawned import Recipe
from gateway.isolation.venv import Environment, read_environment
from gateway.isolation.venv_libraries import Libraries

__all__ = [
    "Namespace",
    "NamespaceError",
    "current_namespace",
    "install",
    "package_name",
    "set_aside",
    "uninstall",
    "when_imported",
]


class Namespace(PrivatePackage):
    """The private modules of one mount.

    :param name: the mount's name.
    :param path: the folder in which its modules are.
    :param generation: which one of those with this name it is; by default the lowest
        that no open namespace has. A closed namespace goes on answering its old code
        best if its generation is never used again.
    :param environment: the mount's own virtual environment.
    :param private: libraries, of the environment or the process, of which the
        namespace has a copy that no other generation uses.
    :param shared: libraries that are the process's in any case.
    :param predecessor: the generation before; the libraries that it has loaded from
        the same environment are taken over.
    :raises NamespaceError: the generation is in use.
    :raises LibraryNameError: a library cannot be private, or shared.
    """

    def __init__(
        self,
        name: str,
        path: str | Path,
        *,
        generation: int | None = None,
        environment: Environment | None = None,
        private: Collection[str] = (),
        shared: Collection[str] = (),
        predecessor: Namespace | None = None,
    ) -> None:
        folder = Path(path).absolute()
        installed = [] if environment is None else [*map(str, environment.folders)]
        check_private(private, installed)
        check_shared(shared)
        forget_folder(folder)
        self._private = frozenset(private)
        self._installed = tuple(f"{site}{os.sep}" for site in installed)
        with process.lock:
            generation = generation or _lowest_generation(name)
            super().__init__(
                name,
                package_name(name, generation),
                generation,
                folder,
                [] if environment is None else environment.folders,
                frozenset(shared),
            )
            self.libraries = _libraries(self, environment, predecessor)
            with ExitStack() as on_failure:
                if self.libraries is not None:
                    self.libraries.attach(self)
                    on_failure.callback(self.libraries.detach, self, retire=False)
                self._enter()
                on_failure.pop_all()

    def import_module(self, name: str) -> ModuleType:
        """Import a module by the name that the mount's own code has for it.

        :param name: such as ``app`` or ``pkg.module``.
        :raises ModuleNotFoundError: there is none; its ``name`` is as the mount says.
        """
        with self.active():
            return self.import_named(name)

    def owns(self, top_level: str) -> bool:
        """Tell whether the mount's own code gets *top_level* from this namespace.

        The libraries of its environment are the namespace's too.
        """
        return self.home(top_level) is not None

    def active(self) -> AbstractContextManager[None]:
        """Make this the mount that is loaded or served: names in strings reach it."""
        return activate(self)

    def borrowed(self) -> tuple[str, ...]:
        """Return what code of a mount with its own environment has from the process's.

        They are names of libraries that the environment lacks and that are not shared
        on purpose. Run alone, the mount would not have them.
        """
        if self.libraries is None:
            return ()
        names = self.libraries.borrowed.union(
            name.partition(".")[0]
            for name, home in self._known.copy().items()
            if home is False
        )
        return tuple(sorted(names - self._shared - sys.stdlib_module_names))

    def recipe(self) -> Recipe:
        """Return what opens the same modules in a child process."""
        libraries = self.libraries
        venv = None if libraries is None else libraries.environment.folder
        shared = self._shared - NEVER_OWNED
        arguments = (self.generation, venv, self._private, shared)
        return open_in_child, (self.name, self.path, *arguments)

    def retire(self) -> None:
        """Close, but leave a stand-in for each module until :meth:`close`.

        For the namespace's own code it is what the module was, and for all other code
        the module that the mount has now.
        """
        super().retire()
        if self.libraries is not None:
            self.libraries.detach(self, retire=True)

    def close(self) -> None:
        """Take the modules out of ``sys.modules``; repeated calls do nothing.

        Code that still runs keeps its modules, and imports what it has not imported
        yet as before, unless a new namespace was given the same generation.
        """
        super().close()
        if self.libraries is not None:
            self.libraries.detach(self, retire=False)

    # What the process and the import system ask

    def find_home(self, top_level: str) -> PrivatePackage | None:
        """Find whose *top_level* is."""
        if top_level in self._private or self.is_loaded(top_level):
            return self
        own = PathFinder.find_spec(top_level, [str(self.path)])
        if own is not None and own.loader is not None:
            return self
        if self.libraries is not None:
            installed = self.libraries.installed(top_level)
            if installed is not None and (own is None or installed.loader is not None):
                return self.libraries
            if installed is not None:
                return self  # a namespace package with parts in both (PEP 420)
        if own is None or has_module(top_level, but={str(self.path)}):
            return None
        return self

    def home_by_name(self, top_level: str) -> PrivatePackage | None:
        """Return whose *top_level* a string names: the same as a statement does."""
        return self.home(top_level)

    def sibling(self, base: str) -> PrivatePackage | None:
        """Return the package called *base* that the mount's code uses, if any."""
        if base == self.base:
            return self
        is_theirs = self.libraries is not None and base == self.libraries.base
        return self.libraries if is_theirs else None

    def packages(self) -> list[str]:
        """Return the names of the packages that the mount's code has modules in."""
        if self.libraries is None:
            return [self.package]
        return [self.libraries.package, self.package]

    def find(
        self, fullname: str, path: Sequence[str], target: ModuleType | None
    ) -> ModuleSpec | None:
        """Find a module of the namespace."""
        _, relative_name = split(fullname)
        top_level = relative_name.partition(".")[0]
        home = self.home(top_level)
        if home is not None and home is not self:
            # By its full name, `mounts.notes.flask`, a library is found here too.
            return process.stand_in(fullname)
        if relative_name == top_level:
            if home is None:
                path = [str(self.path)]
            elif top_level in self._private:
                path = [*self.folders, *sys.path]
        return self.find_in(fullname, path, target)

    def is_installed(self, file: str) -> bool:
        """Tell whether a file belongs to an installed library."""
        if file.startswith(self._installed):
            return True
        entries = tuple(f"{entry}{os.sep}" for entry in sys.path if entry)
        return not file.startswith(f"{self.path}{os.sep}") and file.startswith(entries)

    def mount_folder(self) -> Path:
        """Return the mount's folder."""
        return self.path

    def folder_of(self, module_name: str) -> str:
        """Return the folder that the module's top-level package or module is in."""
        return str(self.path)

    def distributions_in(self, name: str | None) -> list[str] | None:
        """Return the folders in which the mount's code finds distributions."""
        if name is None and self.libraries is not None:
            return self.folders
        if name is not None and name.replace("-", "_").lower() in self._shared:
            return None
        return [*self.folders, *sys.path]


def open_in_child(
    search_path: list[str],
    name: str,
    path: Path,
    generation: int,
    venv: Path | None,
    private: frozenset[str],
    shared: frozenset[str],
) -> None:
    """Open a namespace for as long as this process lives, as the current one.

    :param search_path: what ``sys.path`` is going to be.
    """
    sys.path[:] = search_path
    namespace = Namespace(
        name,
        path,
        generation=generation,
        environment=None if venv is None else read_environment(venv),
        private=private,
        shared=shared,
    )
    current_namespace.set(namespace)


def _libraries(
    namespace: Namespace, environment: Environment | None, before: Namespace | None
) -> Libraries | None:
    """Return the libraries for a new namespace: those of the one before if they fit."""
    if environment is None:
        return None
    private, shared = namespace._private, namespace._shared
    theirs = None if before is None or before.closed else before.libraries
    if (
        theirs is not None
        and theirs.environment == environment
        and (theirs.private, theirs._shared) == (private, shared)
        and not theirs.is_tied
    ):
        return theirs
    return Libraries(namespace.name, environment, namespace.generation, shared, private)


def _lowest_generation(name: str) -> int:
    for generation in count(1):
        packages = package_name(name, generation), libraries_name(name, generation)
        if not any(map(process.is_open, packages)):
            break
    return generation


install: Final = process.install
uninstall: Final = process.uninstall
when_imported: Final = process.when_imported
set_aside: Final = process.set_aside
