"""Modules that are named by strings.

An ``import`` statement reaches its namespace by itself. A name in a string goes through
a function of the process, so each of these functions is led to ask first whether a
namespace answers:

- :func:`importlib.import_module`, at ``importlib._bootstrap._gcd_import`` below it, so
  that libraries which took the function earlier are reached too;
- functions which look the module's name up in ``sys.modules`` by themselves
  (:func:`importlib.util.find_spec`, :func:`pkgutil.get_data`, Werkzeug's
  ``import_string``): their code is exchanged, for the same reason;
- libraries which call ``__import__`` with what they were given: they get a global of
  that name. Their ``import`` statements do not look there.

Flask and the native framework are told where the folders of a private module are. They
look for the instance folder beside the top package, which here is ``mounts``; and, for
an application that is named otherwise than its module, ``Flask("shop")``, in the
working directory.

A library that is not loaded yet is prepared when it is imported. A mount's private copy
of a library asks for the mount by itself; only Flask's is prepared too.

More functions are led here although no strings are looked up: those that execute code
for a mount (see ``executed``);
:func:`importlib.util.spec_from_file_location`, so that files of a mount which are
executed by their path, such as Alembic's ``env.py``, import like its modules;
``importlib._bootstrap._find_and_load``, where the import statements of Cython arrive;
and what prepares a child process that is sent pickles (see ``spawned``).
"""

from __future__ import annotations

import builtins
import importlib
import importlib.util
import sys
from collections.abc import Callable
from functools import partial, wraps
from importlib.machinery import ModuleSpec
from types import FrameType, FunctionType, ModuleType
from typing import Any, Final, Protocol

from gateway.isolation.builtins import ImportFunction, NamespaceBuiltins
from gateway.isolation.executed import EXECUTORS, TopLevel, executor
from gateway.isolation.finder import Prepare
from gateway.isolation.private_extensions import hidden
from gateway.isolation.private_names import PARENT
from gateway.isolation.spawned import Recipe, preparing

_HOOK: Final = "__gateway_by_name__"

_FUNCTIONS: Final = {
    "importlib.util": "find_spec",
    "pkgutil": "get_data",
    "runpy": "_get_module_details",
    "werkzeug.utils": "import_string",
}
_IMPORTERS: Final = ("jinja2.utils", "logging.config", "pyramid.path")
_SCAFFOLD: Final = ("flask.sansio.scaffold", "flask.scaffold")
_NATIVE: Final = "gateway.framework.paths"
_SPAWNING: Final = "multiprocessing.spawn"


class Answer(Protocol):
    """What a namespace does for a name in a string."""

    builtins: NamespaceBuiltins

    @property
    def package(self) -> str:
        """The package that its modules are in."""

    def import_module(self, name: str) -> ModuleType:
        """Import the module that the mount calls *name*."""

    @property
    def import_function(self) -> ImportFunction:
        """What the mount's ``import`` statements call."""

    def import_named(self, name: str) -> ModuleType:
        """Import the module that they call *name*."""


class Resolver(Protocol):
    """Decides whether a namespace answers, and which; and where its folder is."""

    def answering(self, name: str, asker: FrameType | None) -> Answer | None:
        """Return the namespace in which to look for *name*."""

    def answering_code(self, name: str, asker: FrameType | None) -> Answer | None:
        """Return the namespace whose *name* an extension module imports."""

    def adopt(self, spec: ModuleSpec, asker: FrameType | None) -> None:
        """Have the module of a file that is a mount's import like the mount's."""

    def executing(self, file: str, asker: FrameType | None) -> Answer | None:
        """Return the namespace that has code from *file* executed, if one has."""

    def recipe(self) -> Recipe | None:
        """Return what opens the modules of the mount at hand in a child process."""

    def folder_of(self, module_name: str) -> str | None:
        """Return the folder of the namespace that the module is in."""

    def folder_for(self, module_name: str, asker: FrameType | None) -> str | None:
        """Return the mount's folder, if nobody has a module of that name."""


class StringHooks:
    """Everything of the process that is led to ask *resolver*; all can be undone."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self._undo: list[Callable[[], None]] = []
        self._added: dict[str, list[Prepare]] = {}
        flask = {
            **dict.fromkeys(_SCAFFOLD, self._lead_find_package),
            "flask.helpers": self._lead_root_path,
        }
        # By name, what to do with a module of the process, and with a private copy.
        self.prepared: dict[str, Prepare] = {
            **dict.fromkeys(_FUNCTIONS, self._lead_function),
            **dict.fromkeys(EXECUTORS, self._lead_exec),
            **dict.fromkeys(_IMPORTERS, self._lead_import_calls),
            **flask,
            _NATIVE: self._lead_both,
            _SPAWNING: self._lead_spawned,
        }
        self.copies: dict[str, Prepare] = dict(flask)

    def install(self) -> None:
        """Prepare what is loaded already; the finder prepares what comes later."""
        self._lead_import_module()
        self._lead_extensions()
        self._lead_files()
        for name, prepare in self.prepared.items():
            if name in sys.modules:
                prepare(sys.modules[name])

    def uninstall(self) -> None:
        """Leave the process as it was."""
        while self._undo:
            self._undo.pop()()

    def add(self, name: str, prepare: Prepare) -> Callable[[], None]:
        """Have *prepare* called with each module *name*, and with that of the process.

        :param name: as the module's own code has it.
        :returns: what undoes it.
        """
        if name not in self._added:
            self._added[name] = []
            for prepared in (self.prepared, self.copies):
                before = prepared.get(name)
                prepared[name] = partial(self._prepare, before, self._added[name])
        self._added[name].append(prepare)
        if name in sys.modules:
            prepare(sys.modules[name])
        return partial(self._added[name].remove, prepare)

    @staticmethod
    def _prepare(
        before: Prepare | None, added: list[Prepare], module: ModuleType
    ) -> None:
        for prepare in ([] if before is None else [before]) + added:
            prepare(module)

    def _set(self, owner: Any, name: str, value: Any) -> None:
        """Set an attribute until :meth:`uninstall`."""
        if name in vars(owner):
            self._later(owner, partial(setattr, owner, name, vars(owner)[name]))
        else:
            self._later(owner, partial(delattr, owner, name))
        setattr(owner, name, value)

    def _later(self, owner: Any, undo: Callable[[], None]) -> None:
        """Undo something, unless it is done to a private copy: that goes by itself."""
        if not getattr(owner, "__module__", owner.__name__).startswith(f"{PARENT}."):
            self._undo.append(undo)

    def _lead_import_module(self) -> None:
        bootstrap: Any = sys.modules["_frozen_importlib"]
        original = bootstrap._gcd_import
        answering = self._resolver.answering

        def _gcd_import(name: str, package: Any = None, level: int = 0) -> ModuleType:
            absolute = name
            if level > 0 and package and isinstance(package, str):
                absolute = importlib.util.resolve_name("." * level + name, package)
            answer = answering(absolute, sys._getframe(1))
            if answer is None:
                return original(name, package, level)  # type: ignore[no-any-return]
            return answer.import_module(absolute)

        self._set(bootstrap, "_gcd_import", _gcd_import)

    def _lead_extensions(self) -> None:
        bootstrap: Any = sys.modules["_frozen_importlib"]
        original = bootstrap._find_and_load
        answering = self._resolver.answering_code

        def _find_and_load(name: str, import_: Any) -> ModuleType:
            answer = answering(name, sys._getframe(1))
            if answer is not None:
                return answer.import_named(name)
            return hidden(name) or original(name, import_)

        # The interpreter leaves frames of this file out of the tracebacks of imports.
        code = _find_and_load.__code__
        name = original.__code__.co_filename
        _find_and_load.__code__ = code.replace(co_filename=name)
        self._set(bootstrap, "_find_and_load", _find_and_load)

    def _lead_files(self) -> None:
        original = importlib.util.spec_from_file_location
        adopt = self._resolver.adopt

        @wraps(original)
        def spec_from_file_location(*args: Any, **kwargs: Any) -> ModuleSpec | None:
            spec = original(*args, **kwargs)
            if spec is not None:
                adopt(spec, sys._getframe(1))
            return spec

        # Not in the import system itself, which calls it for each file that it finds.
        self._set(importlib.util, "spec_from_file_location", spec_from_file_location)

    def _lead_exec(self, module: ModuleType) -> None:
        self._set(module, "exec", executor(self._resolver, module))
        if module.__name__ in _FUNCTIONS:
            self._lead_function(module)

    def _lead_function(self, module: ModuleType) -> None:
        function = getattr(module, _FUNCTIONS[module.__name__], None)
        if not isinstance(function, FunctionType) or function.__closure__:
            return  # Some other version of the library, whose code cannot be exchanged.
        original = self._original(function)
        first = function.__code__.co_varnames[0]
        answering = self._resolver.answering

        def by_name(*args: Any, **kwargs: Any) -> Any:
            name = args[0] if args else kwargs.get(first)
            if isinstance(name, str):
                answer = answering(name, sys._getframe(2))
                if answer is not None:
                    kwargs.pop(first, None)
                    full = f"{answer.package}.{name}"
                    if module.__name__ == "runpy" and "." not in name:
                        full = TopLevel(full)
                    args = (full, *args[1:])
            return original(*args, **kwargs)

        self._exchange(module, function, by_name)

    def _original(self, function: FunctionType) -> FunctionType:
        return FunctionType(
            function.__code__,
            function.__globals__,
            function.__name__,
            function.__defaults__,
        )

    def _exchange(
        self, module: ModuleType, function: FunctionType, by: Callable[..., Any]
    ) -> None:
        """Have a function do what *by* does, also where it was taken before."""
        original = self._original(function)
        self._set(module, _HOOK, by)
        self._set(function, "__wrapped__", original)
        self._later(module, partial(setattr, function, "__code__", original.__code__))
        function.__code__ = _through_hook.__code__

    def _lead_import_calls(self, module: ModuleType) -> None:
        answering = self._resolver.answering

        def __import__(
            name: str,
            globals: Any = None,
            locals: Any = None,
            fromlist: Any = (),
            level: int = 0,
        ) -> ModuleType:
            answer = answering(name, sys._getframe(1)) if level == 0 else None
            function = builtins.__import__ if answer is None else answer.import_function
            return function(name, globals, locals, fromlist, level)

        self._set(module, "__import__", __import__)
        if module.__name__ == "logging.config":
            configurator: Any = module
            self._set(
                configurator.BaseConfigurator, "importer", staticmethod(__import__)
            )

    def _lead_spawned(self, module: ModuleType) -> None:
        spawning: Any = module
        prepare = preparing(spawning.get_preparation_data, self._resolver.recipe)
        self._set(module, "get_preparation_data", prepare)

    def _lead_both(self, module: ModuleType) -> None:
        self._lead_root_path(module)
        self._lead_find_package(module)

    def _lead_find_package(self, module: ModuleType) -> None:
        name = "_import_folder" if module.__name__ == _NATIVE else "_find_package_path"
        look_up: Any = getattr(module, name, None)
        if look_up is None:
            return
        resolver = self._resolver

        def find_package_path(import_name: str) -> str:
            asker = sys._getframe(1)
            answer = resolver.answering(import_name, asker)
            full = import_name if answer is None else f"{answer.package}.{import_name}"
            folder = resolver.folder_of(full) or resolver.folder_for(full, asker)
            return look_up(import_name) if folder is None else folder

        self._set(module, name, find_package_path)

    def _lead_root_path(self, module: ModuleType) -> None:
        function = getattr(module, "get_root_path", None)
        if not isinstance(function, FunctionType) or function.__closure__:
            return
        original = self._original(function)
        resolver = self._resolver

        def get_root_path(import_name: str) -> Any:
            asker = sys._getframe(2)
            answer = resolver.answering(import_name, asker)
            if answer is not None:
                return original(f"{answer.package}.{import_name}")
            return resolver.folder_for(import_name, asker) or original(import_name)

        self._exchange(module, function, get_root_path)


def _through_hook(*args: Any, **kwargs: Any) -> Any:
    # Only the code is used, in the globals of the function that it is given to.
    return __gateway_by_name__(*args, **kwargs)  # type: ignore[name-defined]  # noqa: F821
