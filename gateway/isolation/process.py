"""The module namespaces of a process: which are open, and which one is asked.

Who asks decides. The code that runs in a frame is known by the import function among
its builtins, so what a mount runs with ``exec`` is its own code too. Functions that
only look a name up for their caller are passed over.
"""

from __future__ import annotations

import importlib.util
import sys
from abc import ABC, abstractmethod
from contextvars import ContextVar
from importlib.machinery import ModuleSpec
from pathlib import Path
from threading import RLock
from types import FrameType, ModuleType
from typing import Final

from gateway.context import current_app_context
from gateway.errors import GatewayError
from gateway.isolation.builtins import ImportFunction, NamespaceBuiltins
from gateway.isolation.finder import (
    PARENT,
    NamespaceFinder,
    has_module,
    package_of,
)
from gateway.isolation.strings import StringHooks

_MESSENGERS: Final = frozenset(
    {
        "contextlib",
        "functools",
        "jinja2.utils",
        "logging.config",
        "pkgutil",
        "unittest.mock",
        "werkzeug.utils",
    }
)


class NamespaceError(GatewayError, ImportError):
    """A namespace cannot be opened: its name, or ``mounts``, is taken."""


class Member(ABC):
    """What the process knows of a namespace."""

    path: Path
    package: str
    builtins: NamespaceBuiltins

    @property
    def import_function(self) -> ImportFunction:
        """What the ``import`` statements of the namespace's modules call."""
        return self.builtins.import_function

    @abstractmethod
    def import_module(self, name: str) -> ModuleType:
        """Import a module by the name that the mount's own code has for it."""

    @abstractmethod
    def owns(self, top_level: str) -> bool:
        """Tell whether the mount's own code gets *top_level* from the namespace."""

    @abstractmethod
    def forget(self) -> None:
        """Decide anew, with the next import, which names are the namespace's own."""

    @abstractmethod
    def close(self) -> None:
        """Take the namespace's modules out of ``sys.modules``."""


current_namespace: Final[ContextVar[Member | None]] = ContextVar(
    "gateway.namespace", default=None
)


class Process:
    """What all namespaces have in common."""

    def __init__(self) -> None:
        self.lock = RLock()
        self._open: dict[str, Member] = {}
        self._hooks = StringHooks(self)
        self._finder = NamespaceFinder(self._open, self._hooks.prepared)

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
                self._hooks.uninstall()
                sys.meta_path.remove(self._finder)
                del sys.modules[PARENT]

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
            sys.modules.update(modules)
            attribute = member.package.rpartition(".")[2]
            setattr(sys.modules[PARENT], attribute, modules[member.package])

    def leave(self, member: Member) -> dict[str, ModuleType]:
        """Undo :meth:`enter`; return the modules that *member* has by now."""
        with self.lock:
            del self._open[member.package]
            vars(sys.modules[PARENT]).pop(member.package.rpartition(".")[2], None)
            return {
                name: sys.modules.pop(name)
                for name in list(sys.modules)
                if package_of(name) == member.package
            }

    def answering(self, name: str, asker: FrameType | None) -> Member | None:
        """Return the namespace that answers for a name in a string, if one does."""
        top_level = name.replace(":", ".").partition(".")[0]
        if not top_level or top_level == PARENT:
            return None
        member = namespace_of(asker)
        if member is not None:
            return member if member.owns(top_level) else None
        member = current_namespace.get() or _served()
        # A mere folder of the process, such as one of the working directory, is no
        # reason to keep the mount from its module.
        if member is None or has_module(top_level, folders=False):
            return None
        return member if member.owns(top_level) else None

    def folder_of(self, module_name: str) -> str | None:
        """Return the folder of the open namespace that the module is in, if any."""
        member = self._open.get(package_of(module_name))
        return None if member is None else str(member.path)


def _served() -> Member | None:
    """Return the namespace of the mount whose application is current."""
    context = current_app_context.get(None)
    mounted = None if context is None else getattr(context.app, "mount", None)
    return None if mounted is None else mounted.namespace


def namespace_of(frame: FrameType | None) -> Member | None:
    """Return the namespace whose code runs in *frame*, or had it look a name up."""
    while frame is not None and _is_messenger(frame.f_globals.get("__name__")):
        frame = frame.f_back
    if frame is None:
        return None
    owner = getattr(frame.f_builtins.get("__import__"), "__self__", None)
    return owner if isinstance(owner, Member) else None


def _is_messenger(module_name: object) -> bool:
    return isinstance(module_name, str) and (
        module_name in _MESSENGERS or module_name.partition(".")[0] == "importlib"
    )


process: Final = Process()
