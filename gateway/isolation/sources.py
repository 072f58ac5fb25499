"""Loads the modules of a namespace from their files, by content alone.

Python takes a cached compilation for current when the source's size and its time of
change, in whole seconds, are the recorded ones; an edit within that second which keeps
the size goes unseen. Here a compilation counts only if it was made from the very bytes
that the source has now: it is kept in ``__pycache__`` as a hash-based file
(:pep:`552`), which an ordinary Python understands too. A file of the ordinary kind is
not believed and, unless Python was told to write no bytecode, replaced.

Compiling always would be the alternative: for Flask's own 6,300 lines it took 18 ms,
reading and comparing 1.1 ms, and the ordinary kind of file 0.95 ms (CPython 3.11).

Installed libraries are not edited, and their folder may serve others too, so for them
the ordinary kind is used.
"""

from __future__ import annotations

import marshal
import sys
from importlib.machinery import ModuleSpec, SourceFileLoader, SourcelessFileLoader
from importlib.util import MAGIC_NUMBER, cache_from_source, source_hash
from types import CodeType, ModuleType
from typing import Any, Final, cast

from gateway.isolation.builtins import NamespaceBuiltins

# PEP 552: the file is based on a hash, and the hash is to be checked.
_CHECKED_HASH: Final = (0b11).to_bytes(4, "little")


class _PrivateBuiltins:
    """Gives a module its namespace's builtins before it is executed.

    That happens where the module is made and not where it is executed, so that the
    interpreter still hides the import system's frames in tracebacks.
    """

    _code: CodeType | None = None

    def __init__(
        self, fullname: str, path: str, module_builtins: NamespaceBuiltins
    ) -> None:
        # The loader that this is mixed into.
        base: Any = super()
        base.__init__(fullname, path)
        self._builtins = module_builtins

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Return an empty module that has the builtins its code needs."""
        code = self._load_code(spec.name)
        module = ModuleType(spec.name)
        vars(module)["__builtins__"] = self._builtins.for_code(code)
        self._code = code
        return module

    def get_code(self, fullname: str) -> CodeType:
        """Return the module's code; the first time, what it was made for."""
        code, self._code = self._code, None
        return self._load_code(fullname) if code is None else code

    def _load_code(self, fullname: str) -> CodeType:
        base: Any = super()
        return cast(CodeType, base.get_code(fullname))


# typeshed's own base classes of SourceFileLoader disagree, and mypy reports it here.
class NamespaceSourceLoader(_PrivateBuiltins, SourceFileLoader):  # type: ignore[misc]
    """Loads a module of a namespace from its source.

    :param fullname: the module's name.
    :param path: its file.
    :param module_builtins: the builtins of its namespace.
    """

    def get_filename(self, name: str | None = None) -> str:
        """Return the module's file, by whichever of its names it is asked for.

        ``Flask("app")`` asks for that of ``app``, as the mount calls its module.
        """
        return str(self.path)

    def _load_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        source = self.get_data(path)
        header = MAGIC_NUMBER + _CHECKED_HASH + source_hash(source)
        cached = _cache_path(path)
        code = self._cached(cached, header, path)
        if code is None:
            code = self.source_to_code(source, path)
            if cached is not None and not sys.dont_write_bytecode:
                self._write(path, cached, header + marshal.dumps(code))
        return code

    def _cached(self, cached: str | None, header: bytes, path: str) -> CodeType | None:
        if cached is None:
            return None
        try:
            data = self.get_data(cached)
            if not data.startswith(header):
                return None
            code = marshal.loads(memoryview(data)[len(header) :])
        except (OSError, EOFError, ValueError, TypeError):
            return None
        # A folder that was moved since: tracebacks must name the files where they are.
        if not isinstance(code, CodeType) or code.co_filename != path:
            return None
        return code

    def _write(self, path: str, cached: str, data: bytes) -> None:
        # The standard loader's own way: atomic, with the permissions of the source,
        # and a folder that cannot be written is no error.
        loader: Any = self
        loader._cache_bytecode(path, cached, data)


class LibraryLoader(_PrivateBuiltins, SourceFileLoader):  # type: ignore[misc]
    """Loads a module of an installed library that a mount has for itself.

    :param fullname: the module's name.
    :param path: its file.
    :param module_builtins: the builtins of its namespace.
    """


class NamespaceBytecodeLoader(_PrivateBuiltins, SourcelessFileLoader):
    """Loads a module of a namespace that comes as bytecode without a source.

    :param fullname: the module's name.
    :param path: its file.
    :param module_builtins: the builtins of its namespace.
    """


def _cache_path(path: str) -> str | None:
    """Return where the compilation of *path* is kept; ``None`` if nothing is kept."""
    try:
        return cache_from_source(path)
    except NotImplementedError:
        return None
