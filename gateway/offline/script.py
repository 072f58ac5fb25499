"""Scripts and modules that run as the mount's own, in its namespace."""

from __future__ import annotations

import importlib.util
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, Final, TextIO

from gateway.errors import GatewayError
from gateway.isolation.modules import Namespace
from gateway.isolation.sources import NamespaceSourceLoader
from gateway.offline.finder import modules_beside

_STDIN: Final = "<stdin>"
_MAIN: Final = "__main__"


class ScriptError(GatewayError):
    """There is no such script, or no such module to run."""


@dataclass(frozen=True, slots=True)
class Source:
    """What to run, before anything of it is.

    :param name: what ``sys.argv`` begins with.
    :param folder: what ``sys.path`` begins with.
    :param text: the source, undecoded; ``None`` for a module, which is found later.
    """

    name: str
    folder: str
    text: bytes | None

    @property
    def file(self) -> str:
        """The file, as its code and tracebacks name it."""
        return _STDIN if self.name == "-" else str(Path(self.name).absolute())


def script_source(name: str, stdin: TextIO) -> Source:
    """Read a script.

    :param name: its file; ``-`` reads *stdin*.
    :raises ScriptError: it cannot be read.
    """
    if name == "-":
        return Source(name, "", stdin.buffer.read())
    path = Path(name)
    try:
        # Python, too, goes by the folder that a link leads to.
        return Source(name, str(path.resolve().parent), path.read_bytes())
    except OSError as error:
        raise ScriptError(
            f"the script {name!r} cannot be read: {error.strerror}. A module of the "
            "mount is run with -m"
        ) from error


def module_source(name: str) -> Source:
    """Return what runs the module *name*, by the name that the mount has for it."""
    return Source(name, str(Path.cwd()), None)


@dataclass(frozen=True, slots=True)
class Program:
    """Code that is ready to run as ``__main__``.

    :param name: what ``sys.argv`` begins with.
    :param attributes: the module attributes that tell where the code is from.
    """

    name: str
    code: CodeType
    attributes: dict[str, Any]


def run_source(
    source: Source, arguments: Sequence[str], namespace: Namespace | None
) -> None:
    """Run *source* as ``__main__``, and wait for the threads that it has started.

    Its imports, and those of the modules beside it, find the modules of *namespace*
    first.

    :raises ScriptError: there is no such module.
    """
    before = set(threading.enumerate())
    with modules_beside(source.folder, namespace):
        program = _program(source, namespace)
        main = ModuleType(_MAIN)
        variables = vars(main)
        variables.update(program.attributes)
        if namespace is not None:
            variables["__builtins__"] = namespace.builtins.for_code(program.code)
        with _as_main(main, [program.name, *arguments]):
            end = _run(program.code, variables)
            _wait_for(set(threading.enumerate()) - before)
    if end is not None:
        raise end


def _run(code: CodeType, variables: dict[str, Any]) -> SystemExit | None:
    try:
        exec(code, variables)
    except SystemExit as end:
        return end
    return None


@contextmanager
def _as_main(main: ModuleType, arguments: list[str]) -> Iterator[None]:
    before, sys.argv = sys.argv, arguments
    outer, sys.modules[_MAIN] = sys.modules[_MAIN], main
    try:
        yield
    finally:
        sys.argv, sys.modules[_MAIN] = before, outer


def _program(source: Source, namespace: Namespace | None) -> Program:
    if source.text is None:
        return _module_program(source.name, namespace)
    attributes: dict[str, Any] = {"__package__": None, "__spec__": None}
    if source.name != "-":
        attributes |= {
            "__file__": source.file,
            "__cached__": None,
            "__loader__": _loader(source.file, namespace),
        }
    # Not with the __future__ flags of this file.
    code = compile(source.text, source.file, "exec", dont_inherit=True)
    return Program(source.name, code, attributes)


def _loader(file: str, namespace: Namespace | None) -> SourceFileLoader:
    if namespace is None:
        return SourceFileLoader(_MAIN, file)
    return NamespaceSourceLoader(_MAIN, file, namespace.builtins)


def _module_program(name: str, namespace: Namespace | None) -> Program:
    spec = _find(name, namespace)
    if spec is not None and spec.submodule_search_locations is not None:
        spec = _find(f"{name}.{_MAIN}", namespace)
        if spec is None:
            raise ScriptError(
                f"{name!r} is a package without a {_MAIN} module, so it cannot be run"
            )
    loader: Any = None if spec is None else spec.loader
    code = loader.get_code(spec.name) if spec and hasattr(loader, "get_code") else None
    if spec is None or code is None:
        raise ScriptError(
            f"there is no module {name!r} to run: name one of the mount, or one that "
            "is installed, as an import statement would"
        )
    attributes = {
        "__package__": spec.parent,
        "__spec__": spec,
        "__file__": spec.origin,
        "__cached__": spec.cached,
        "__loader__": loader,
    }
    return Program(str(spec.origin), code, attributes)


def _find(name: str, namespace: Namespace | None) -> ModuleSpec | None:
    """Find a module by the mount's name for it; its packages are imported."""
    if name.startswith(".") or name == _MAIN:
        return None  # Relative to nothing; the gateway's own command, a second time.
    home = None if namespace is None else namespace.home(name.partition(".")[0])
    full = name if home is None else f"{home.package}.{name}"
    try:
        return importlib.util.find_spec(full)
    except ModuleNotFoundError as error:
        # One of its packages, and not something that they import.
        if error.name is not None and f"{full}.".startswith(f"{error.name}."):
            return None
        raise
    except ValueError:
        return None  # What is loaded already, and from nowhere.


def _wait_for(threads: set[threading.Thread]) -> None:
    """Wait for what Python waits for at the end of a script."""
    futures = sys.modules.get("concurrent.futures.thread")
    # Workers of pools go on forever; a pool that was not shut down is no script's end.
    workers = getattr(futures, "_threads_queues", ())
    for thread in threads:
        if not thread.daemon and thread not in workers:
            thread.join()
