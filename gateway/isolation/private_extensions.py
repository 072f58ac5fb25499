"""Extension modules that a mount has for itself.

An extension module is loaded once for each mount, under a name of its own, and from a
copy of its file if the same file may be loaded for others. So what C code keeps in
static variables is the mount's too. Most extensions allow that; some refuse, for which
each process is one place.

What C code imports does not pass through ``import`` statements, so it is led here:

- ``PyImport_Import`` calls the ``__import__`` of the Python code that is running, and
  then takes the module out of ``sys.modules`` by the plain name. It is shown there for
  that moment.
- Cython's import statements look into ``sys.modules`` at once, and only if they find
  nothing they go on to :mod:`importlib`, where ``strings`` waits for them. So while an
  extension is initialized, the process's copies of the mount's libraries are out of
  ``sys.modules``; others who import them are given them in the same place.

What an extension imports only when it is used, Cython's way, is not led.
"""

from __future__ import annotations

import _imp
import shutil
import sys
import weakref
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.machinery import ExtensionFileLoader, ModuleSpec
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import RLock
from types import FunctionType, ModuleType
from typing import Any, Final, Protocol

from gateway.errors import GatewayError, chain
from gateway.isolation.builtins import NamespaceBuiltins

# Who has loaded an extension module of that name so far. They stay in the process.
_loaded: Final[dict[str, str]] = {}

# The files that extensions were loaded from, by device and number.
_files: Final[set[tuple[int, int]]] = set()

# Modules of the process that are out of sys.modules while an extension is initialized.
# Each with how many initializations it is in the way of.
_hidden: Final[dict[str, list[Any]]] = {}
_lock: Final = RLock()


class ExtensionRefusedError(GatewayError, ImportError):
    """An extension module cannot be loaded once more, for one mount alone.

    :param library: the top-level name that is to be shared.
    """

    def __init__(self, library: str, message: str, name: str, path: str) -> None:
        super().__init__(message, name=name, path=path)
        self.library = library


def refusal_in(error: BaseException | None) -> ExtensionRefusedError | None:
    """Return the refusal that led to *error*, if one did.

    Libraries such as NumPy raise an error of their own instead.
    """
    for each in chain(error):
        if isinstance(each, ExtensionRefusedError):
            return each
    return None


class Owner(Protocol):
    """What the loader needs of a package of private modules."""

    name: str
    package: str
    builtins: NamespaceBuiltins

    def home(self, top_level: str) -> Any:
        """Return whose module *top_level* is; ``None`` for the process."""


class NamespaceExtensionLoader(ExtensionFileLoader):
    """Loads an extension module for one mount.

    :param fullname: the module's name.
    :param path: its file.
    :param owner: the package that it is in.
    """

    def __init__(self, fullname: str, path: str, owner: Owner) -> None:
        super().__init__(fullname, path)
        self._owner = owner
        self._known_as = fullname.removeprefix(f"{owner.package}.")

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Return the module, initialized if it is of the kind that is at once.

        :raises ExtensionRefusedError: a process can have it once only.
        """
        with _file_for(self.path, self._known_as) as file:
            if file == self.path:
                return self._run(_imp.create_dynamic, spec)  # type: ignore[no-any-return]
            copied = ModuleSpec(spec.name, self, origin=file)
            module: ModuleType = self._run(_imp.create_dynamic, copied)
            module.__file__ = self.path
            return module

    def exec_module(self, module: ModuleType) -> None:
        """Initialize the module.

        :raises ExtensionRefusedError: a process can have it once only.
        """
        self._run(_imp.exec_dynamic, module)
        _loaded.setdefault(self._known_as, self._owner.package)

    def _run(self, function: Callable[[Any], Any], argument: Any) -> Any:
        known_as = self._known_as
        before = _loaded.get(known_as)
        if known_as in sys.modules:
            before = "the process"
        call = FunctionType(
            _call.__code__, {"__builtins__": self._owner.builtins.live}, "call"
        )
        try:
            with _hiding(self._competitors()):
                return call(function, argument)
        except ModuleNotFoundError:
            raise
        except Exception as error:
            if before in (None, self._owner.package):
                raise
            raise self._refused(before, error) from error
        finally:
            # Cython's modules enter themselves by the name they were compiled with.
            spec = getattr(sys.modules.get(known_as), "__spec__", None)
            if spec is not None and spec.name == self.name:
                del sys.modules[known_as]

    def _competitors(self) -> set[str]:
        """Return the libraries of the process that the extension could mix up."""
        loaded = {name.partition(".")[0] for name in list(sys.modules)}
        owned = {name for name in loaded if self._owner.home(name) is not None}
        # A name that is imported stands in the file, but it may be compressed there.
        own = self._known_as.partition(".")[0]
        content = Path(self.path).read_bytes() if owned - {own} else b""
        return {name for name in owned if name == own or name.encode() in content}

    def _refused(self, before: str | None, error: Exception) -> ExtensionRefusedError:
        library = self._known_as.partition(".")[0]
        return ExtensionRefusedError(
            library,
            f"the extension module {self._known_as!r} of mount {self._owner.name!r} "
            f"cannot be loaded beside the one of {before!r}: {error}. Have the mounts "
            f"share the one beside the gateway: 'shared: [{library}]'",
            self.name,
            self.path,
        )


def _call(function: Any, argument: Any) -> Any:
    # Only the code is used, with the builtins of the namespace: what C code imports
    # is decided by those of the Python function that called it.
    return function(argument)


@contextmanager
def _file_for(path: str, known_as: str) -> Iterator[str]:
    """Give the file from which an extension is to be loaded: a copy where needed.

    What C code keeps in static variables exists once for each file that is loaded, and
    two mounts, or a mount and the process, would overwrite each other's.
    """
    original = Path(path)
    status = original.stat()
    identity = status.st_dev, status.st_ino
    # Where the process finds it too, it may load it later.
    root = original.parents[known_as.count(".")]
    with _lock:
        is_first = identity not in _files and str(root) not in sys.path
        _files.add(identity)
    if is_first:
        yield path
        return
    with TemporaryDirectory(prefix="gateway-", ignore_cleanup_errors=True) as folder:
        yield str(_copy(original, root, Path(folder)))


def _copy(original: Path, root: Path, folder: Path) -> Path:
    """Copy a file with links to all that it may be linked with, relative to itself."""
    source, target = root, folder
    for part in original.relative_to(root).parts:
        target.mkdir(exist_ok=True)
        for neighbour in source.iterdir():
            # On the top level these are the libraries that wheels bring along.
            if neighbour.name != part and (
                source != root or neighbour.suffix == ".libs"
            ):
                (target / neighbour.name).symlink_to(neighbour)
        source, target = source / part, target / part
    shutil.copyfile(source, target)
    return target


@contextmanager
def _hiding(top_levels: Collection[str]) -> Iterator[None]:
    """Keep modules of the process out of ``sys.modules`` for a while.

    Whoever imports them meanwhile is given them by :func:`hidden`.
    """
    with _lock:
        modules = {name: sys.modules.get(name) for name in _of(top_levels)}
        for name, module in modules.items():
            # First here and then not there, so that it is always somewhere.
            _hidden.setdefault(name, [module, 0])[1] += 1
            sys.modules.pop(name, None)
    # No lock is held meanwhile: initialization imports, and waits for other threads.
    try:
        yield
    finally:
        with _lock:
            for name in modules:
                entry = _hidden[name]
                entry[1] -= 1
                if not entry[1]:
                    sys.modules[name] = entry[0]
                    del _hidden[name]


def _of(top_levels: Collection[str]) -> list[str]:
    """Return the names of the process's modules below *top_levels*."""
    names = [*sys.modules, *_hidden]
    return [name for name in names if name.partition(".")[0] in top_levels]


def hidden(name: str) -> ModuleType | None:
    """Return a module of the process that is not in ``sys.modules`` just now."""
    entry = _hidden.get(name)
    return None if entry is None else entry[0]


class _Token:
    """Something that can be waited for to vanish."""

    __slots__ = ("__weakref__", "watch")
    watch: weakref.ref[_Token]


def show(name: str, module: ModuleType, until_gone: list[Any]) -> None:
    """Have ``sys.modules`` hold *module* under *name* until a list is gone.

    ``PyImport_Import`` gives the import function a list of its own, and drops it when
    it has taken the module. No other thread may ever see the module there, so neither
    the end of this function nor what undoes it may be Python code, between whose steps
    threads take turns: the undoing is one step of a ``map``, called when a weak
    reference dies. A debugger, which runs code after each line, takes that away.

    :param until_gone: the list; something is added to it.
    """
    modules = sys.modules
    if name in modules:
        undo: Any = map(modules.__setitem__, (name,), (modules[name],))
    else:
        undo = map(modules.pop, (name,), (None,))
    token = _Token()
    token.watch = weakref.ref(token, partial(next, undo))
    until_gone.append(token)
    del token
    modules[name] = module
