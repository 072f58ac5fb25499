"""Where a mount's modules are imported from: for itself alone, or shared by all.

Without a ``path:``, the folder of the file that the mount stands in is the place if it
has the module or package that the reference begins with; else that is an installed one.
"""

from __future__ import annotations

import importlib
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from importlib.machinery import PathFinder
from os.path import relpath, samefile
from pathlib import Path
from threading import Lock
from types import ModuleType
from typing import Final

from gateway.config.spec import CodeTarget
from gateway.errors import LoadError
from gateway.isolation.audit import process_audit
from gateway.isolation.finder import forget_folder
from gateway.isolation.modules import Namespace, NamespaceError, set_aside
from gateway.isolation.private_copies import LibraryNameError
from gateway.isolation.venv import VirtualEnvironmentError, read_environment
from gateway.loaders.reference import Importer


def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True)
class Modules:
    """The imports of one mount.

    :param import_module: imports a module by the name that the mount has for it.
    :param searched: the folder it is expected in, for messages.
    :param source: the folder and the reference, for people.
    :param namespace: what they are in, if they are the mount's own.
    :param active: makes this mount the one that is being loaded.
    :param close: drops what is the mount's alone.
    """

    import_module: Importer
    searched: Path | None
    source: str
    namespace: Namespace | None = None
    active: Callable[[], AbstractContextManager[None]] = nullcontext
    close: Callable[[], None] = _nothing


def modules_of(
    name: str,
    target: CodeTarget,
    beside: Path,
    home: Path,
    generation: int | None = None,
    predecessor: Namespace | None = None,
) -> Modules:
    """Return the imports of the mount *name*.

    :param beside: the folder of the file that the mount stands in, which is where its
        modules are looked for if it names no folder of its own.
    :param home: the folder of the configuration, which sources are shown relative to.
    :param generation: which one of the mount's namespaces it is, if it gets one.
    :raises LoadError: it can have no modules of its own.
    """
    folder = beside if target.path is None else target.path
    shown = relpath(folder, home)
    source = target.reference if shown == "." else f"{shown} {target.reference}"
    if target.imports == "shared":
        return _shared(name, folder, source)
    namespace = _namespace(name, folder, target, generation, predecessor)
    if target.path is None and target.imports is None:
        top_level = target.reference.partition(":")[0].partition(".")[0]
        if not namespace.owns(top_level):
            namespace.close()
            _check_effect(name, top_level, target)
            return Modules(importlib.import_module, None, target.reference)
    return _private(namespace, source)


def _namespace(
    name: str,
    folder: Path,
    target: CodeTarget,
    generation: int | None,
    predecessor: Namespace | None,
) -> Namespace:
    try:
        venv = target.venv
        return Namespace(
            name,
            folder,
            generation=generation,
            environment=None if venv is None else read_environment(venv),
            private=target.private,
            shared=target.shared,
            predecessor=predecessor,
        )
    except (NamespaceError, VirtualEnvironmentError, LibraryNameError) as error:
        raise LoadError(name, str(error)) from error


def _check_effect(mount: str, library: str, target: CodeTarget) -> None:
    """Refuse libraries of its own for an application that all mounts share.

    :raises LoadError: nothing would come of what the configuration says.
    """
    if target.venv is None and not target.private:
        return
    key = "private" if target.venv is None else "venv"
    into = "" if target.venv is None else f"install it in {target.venv}, or "
    names = ", ".join((library, *target.private))
    raise LoadError(
        mount,
        f"{key!r} is for the mount's own code, and {library!r} is installed beside the "
        f"gateway, for all mounts: {into}give this mount a copy of it, 'private: "
        f"[{names}]'",
    )


def _private(namespace: Namespace, source: str) -> Modules:
    return Modules(
        namespace.import_module,
        namespace.path,
        source,
        namespace=namespace,
        active=namespace.active,
        close=namespace.close,
    )


def _shared(name: str, folder: Path, source: str) -> Modules:
    def import_module(module_name: str) -> ModuleType:
        top_level = module_name.partition(".")[0]
        _check_not_hidden(name, top_level, folder)
        module = importlib.import_module(module_name)
        _check_not_hidden(name, top_level, folder)
        return module

    forget_folder(folder)
    leave = _shared_folders.enter(str(folder))
    return Modules(import_module, folder, source, close=leave)


def _check_not_hidden(mount: str, top_level: str, folder: Path) -> None:
    """Refuse a module of the process that hides the one in *folder*.

    :raises LoadError: another module of that name was imported before.
    """
    module = sys.modules.get(top_level)
    expected = PathFinder.find_spec(top_level, [str(folder)])
    # A folder without __init__.py gives way to any other module (PEP 420).
    if module is None or expected is None or expected.origin is None:
        return
    file = getattr(module, "__file__", None)
    if file is not None and _same(file, expected.origin):
        return
    raise LoadError(
        mount,
        f"the process already has a module {top_level!r}, "
        f"{file or 'which is built into Python'}, and it hides {expected.origin}: "
        "use 'imports: private', or rename one of them",
    )


def _same(one: str, other: str) -> bool:
    try:
        return samefile(one, other)
    except OSError:
        return one == other


class _SharedFolders:
    """The folders of mounts with shared imports, first on ``sys.path`` while in use."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._users: Counter[str] = Counter()

    def enter(self, folder: str) -> Callable[[], None]:
        """Put *folder* on ``sys.path``; return what undoes it."""
        with self._lock:
            if folder in sys.path and not self._users[folder]:
                return _nothing  # somebody else's, who may want it to stay
            self._users[folder] += 1
            if folder not in sys.path:
                with process_audit.aside():
                    sys.path.insert(0, folder)
        return partial(self._leave, folder, set_aside(Path(folder)))

    def _leave(self, folder: str, undo: Callable[[], None]) -> None:
        undo()
        with self._lock:
            self._users[folder] -= 1
            # The application may have removed it itself.
            if not self._users[folder] and folder in sys.path:
                with process_audit.aside():
                    sys.path.remove(folder)


_shared_folders: Final = _SharedFolders()
