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

Flask is told where a private module's top folder is: it looks for the instance folder
beside the top package, which here is ``mounts``.

A library that is not loaded yet is prepared when it is imported.
"""

from __future__ import annotations

import builtins
import importlib
import importlib.util
import sys
from collections.abc import Callable, Mapping
from functools import partial
from types import FrameType, FunctionType, ModuleType
from typing import Any, Final, Protocol

from gateway.isolation.builtins import ImportFunction
from gateway.isolation.finder import Prepare

_HOOK: Final = "__gateway_by_name__"

_FUNCTIONS: Final = {
    "importlib.util": "find_spec",
    "pkgutil": "get_data",
    "werkzeug.utils": "import_string",
}
_IMPORTERS: Final = ("jinja2.utils", "logging.config", "pyramid.path")
_FLASK: Final = ("flask.sansio.scaffold", "flask.scaffold")


class Answer(Protocol):
    """What a namespace does for a name in a string."""

    package: str

    def import_module(self, name: str) -> ModuleType:
        """Import the module that the mount calls *name*."""

    @property
    def import_function(self) -> ImportFunction:
        """What the mount's ``import`` statements call."""


class Resolver(Protocol):
    """Decides whether a namespace answers, and which; and where its folder is."""

    def answering(self, name: str, asker: FrameType | None) -> Answer | None:
        """Return the namespace in which to look for *name*."""

    def folder_of(self, module_name: str) -> str | None:
        """Return the folder of the namespace that the module is in."""


class StringHooks:
    """Everything of the process that is led to ask *resolver*; all can be undone."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self._undo: list[Callable[[], None]] = []
        self.prepared: Mapping[str, Prepare] = {
            **dict.fromkeys(_FUNCTIONS, self._lead_function),
            **dict.fromkeys(_IMPORTERS, self._lead_import_calls),
            **dict.fromkeys(_FLASK, self._lead_flask),
        }

    def install(self) -> None:
        """Prepare what is loaded already; the finder prepares what comes later."""
        self._lead_import_module()
        for name, prepare in self.prepared.items():
            if name in sys.modules:
                prepare(sys.modules[name])

    def uninstall(self) -> None:
        """Leave the process as it was."""
        while self._undo:
            self._undo.pop()()

    def _set(self, owner: Any, name: str, value: Any) -> None:
        """Set an attribute until :meth:`uninstall`."""
        if name in vars(owner):
            self._undo.append(partial(setattr, owner, name, vars(owner)[name]))
        else:
            self._undo.append(partial(delattr, owner, name))
        setattr(owner, name, value)

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

    def _lead_function(self, module: ModuleType) -> None:
        function = getattr(module, _FUNCTIONS[module.__name__], None)
        if not isinstance(function, FunctionType) or function.__closure__:
            return  # Some other version of the library, whose code cannot be exchanged.
        original = FunctionType(
            function.__code__,
            function.__globals__,
            function.__name__,
            function.__defaults__,
        )
        first = function.__code__.co_varnames[0]
        answering = self._resolver.answering

        def by_name(*args: Any, **kwargs: Any) -> Any:
            name = args[0] if args else kwargs.get(first)
            if isinstance(name, str):
                answer = answering(name, sys._getframe(2))
                if answer is not None:
                    kwargs.pop(first, None)
                    args = (f"{answer.package}.{name}", *args[1:])
            return original(*args, **kwargs)

        self._set(module, _HOOK, by_name)
        self._set(function, "__wrapped__", original)
        self._undo.append(partial(setattr, function, "__code__", original.__code__))
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

    def _lead_flask(self, module: ModuleType) -> None:
        original: Callable[[str], str] | None
        original = getattr(module, "_find_package_path", None)
        if original is None:
            return
        look_up = original

        def _find_package_path(import_name: str) -> str:
            folder = self._resolver.folder_of(import_name)
            return look_up(import_name) if folder is None else folder

        self._set(module, "_find_package_path", _find_package_path)


def _through_hook(*args: Any, **kwargs: Any) -> Any:
    # Only the code is used, in the globals of the function that it is given to.
    return __gateway_by_name__(*args, **kwargs)  # type: ignore[name-defined]  # noqa: F821
