"""The libraries that a mount has for itself, from its own virtual environment."""

from __future__ import annotations

import os
import sys
import weakref
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from gateway.isolation.private_member import current
from gateway.isolation.private_names import libraries_name
from gateway.isolation.private_package import PrivatePackage
from gateway.isolation.process import process
from gateway.isolation.venv import Environment


class Libraries(PrivatePackage):
    """What is installed in a virtual environment, for the code of one mount.

    They outlive a generation of the mount that hands them over to the next one. So
    they do not belong to a namespace: their code, if it asks for the mount's modules,
    gets those of the generation that is loaded or served.

    The names of the standard library stay the process's.

    :param name: the mount's name.
    :param environment: where they are installed.
    :param generation: the one that loads them.
    :param shared: names that are the process's in any case.
    :param private: names that each generation has for itself.
    """

    def __init__(
        self,
        name: str,
        environment: Environment,
        generation: int,
        shared: frozenset[str],
        private: frozenset[str],
    ) -> None:
        path, *further = environment.folders
        package = libraries_name(name, generation)
        super().__init__(name, package, generation, path, further, shared)
        self.environment = environment
        self.private = private
        # Whether a module of the mount is bound in a library's.
        self.is_tied = False
        self.borrowed: set[str] = set()
        self._found: dict[str, ModuleSpec | None] = {}
        self._users: list[weakref.ref[PrivatePackage]] = []
        self._installed = tuple(f"{site}{os.sep}" for site in environment.site_packages)

    def attach(self, user: PrivatePackage) -> None:
        """Be there for the code of *user*."""
        with process.lock:
            if not self._users:
                self._enter()
            self._users.append(weakref.ref(user))

    def detach(self, user: PrivatePackage, *, retire: bool) -> None:
        """Close if *user* was the last one that uses the libraries."""
        with process.lock:
            others = [each for each in self._users if each() not in (None, user)]
            # The last one stays known, for its code may still run.
            self._users = others or [weakref.ref(user)]
            if not others:
                (self.retire if retire else self.close)()

    def _user(self) -> Any:
        """Return the namespace whose code runs in the libraries now."""
        member = current()
        if member is not None and member.sibling(self.base) is self:
            return member
        return next((each() for each in reversed(self._users) if each()), None)

    def installed(self, top_level: str) -> ModuleSpec | None:
        """Return what the environment has of that name for all generations."""
        if top_level in sys.stdlib_module_names or top_level in self.private:
            return None
        if top_level not in self._found:
            self._found[top_level] = PathFinder.find_spec(top_level, self.folders)
        return self._found[top_level]

    def find_home(self, top_level: str) -> PrivatePackage | None:
        """Find whose *top_level* is."""
        if self.is_loaded(top_level) or self.installed(top_level) is not None:
            return self
        user = self._user()
        home: PrivatePackage | None = None if user is None else user.home(top_level)
        return home

    def is_settled(self, top_level: str, home: PrivatePackage | None) -> bool:
        """Tell whether *home* is the answer, whichever generation is served."""
        return (
            home is self
            or top_level in sys.stdlib_module_names
            or top_level in self._shared
        )

    def home_by_name(self, top_level: str) -> PrivatePackage | None:
        """Return whose *top_level* is: in strings, the mount's own comes first."""
        user = self._user()
        home: PrivatePackage | None
        home = self.home(top_level) if user is None else user.home(top_level)
        return home

    def sibling(self, base: str) -> Any:
        """Return the package called *base* that the mount's code uses, if any."""
        if base == self.base:
            return self
        user = self._user()
        return None if user is None else user.sibling(base)

    def packages(self) -> list[str]:
        """Return the names of the packages that the mount's code has modules in."""
        user = self._user()
        return [self.package] if user is None else [self.package, user.package]

    def forget(self) -> None:
        """Decide anew, with the next import, which names are the package's own."""
        super().forget()
        self._found.clear()

    def import_module(self, name: str) -> ModuleType:
        """Import a module by the name that the mount's own code has for it."""
        return self.import_named(name)

    def find(
        self, fullname: str, path: Sequence[str], target: ModuleType | None
    ) -> ModuleSpec | None:
        """Find a module of a library."""
        return self.find_in(fullname, path, target)

    def is_installed(self, file: str) -> bool:
        """Tell whether a file is a library's, and no source that is worked on."""
        return file.startswith(self._installed)

    def mount_folder(self) -> Path:
        """Return the folder of the mount whose code runs in the libraries now."""
        user = self._user()
        return self.path if user is None else user.path

    def folder_of(self, module_name: str) -> str:
        """Return the folder that a library is installed in."""
        top_level = module_name.removeprefix(f"{self.package}.").partition(".")[0]
        spec = PathFinder.find_spec(top_level, self.folders)
        if spec is None or spec.origin is None:
            return str(self.path)
        folder = os.path.dirname(spec.origin)
        return os.path.dirname(folder) if spec.submodule_search_locations else folder

    def distributions_in(self, name: str | None) -> list[str] | None:
        """Return the folders in which the libraries find distributions."""
        user = self._user()
        return self.folders if user is None else user.distributions_in(name)

    def _import_first(
        self, name: str, globals: Any, locals: Any, fromlist: Any
    ) -> ModuleType:
        module = super()._import_first(name, globals, locals, fromlist)
        top_level = name.partition(".")[0]
        home = self.home(top_level)
        if home is None:
            self.borrowed.add(top_level)
        elif home is not self:
            # Not where a function looks up what it is given, as import_string does.
            self.is_tied |= sys._getframe(2).f_code.co_name == "<module>"
        return module
