"""The builtins that the modules of a namespace see.

CPython takes builtin names, and with them the function behind the ``import``
statement, from the mapping that a module's globals hold under ``__builtins__``. A
namespace has such mappings of its own, which differ from the process's in their
``__import__`` only.

They are copies, and exact dictionaries, since only those have the interpreter's fast
lookup: 5 ns for a builtin name, against 40 ns and more in a subclass of ``dict``. A
copy misses the names that a library adds later, such as the ``_`` of
``gettext.install``. So a module that reads a name which nothing defines at its import
is executed with a :class:`LiveBuiltins`, which looks in the process's builtins again.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterator
from opcode import opmap
from types import CodeType, ModuleType
from typing import Any, Final

ImportFunction = Callable[..., ModuleType]

_MODULE_ATTRIBUTES: Final = frozenset(
    {"__annotations__", "__builtins__", "__cached__", "__file__", "__path__"}
)
_EXTENDED_ARG: Final = opmap["EXTENDED_ARG"]
_LOAD_NAME: Final = tuple(
    opmap[name] for name in ("LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS") if name in opmap
)


class LiveBuiltins(dict[str, Any]):
    """Builtins among which names that were added later are found.

    :param fixed: where else to look: what the namespace's other modules have.
    """

    __slots__ = ("_fixed",)

    def __init__(self, fixed: dict[str, Any]) -> None:
        super().__init__()
        self._fixed = fixed

    def __missing__(self, name: str) -> Any:
        if name in self._fixed:
            return self._fixed[name]
        return vars(builtins)[name]


class NamespaceBuiltins:
    """The ``__builtins__`` of one namespace's modules.

    What the process replaces among its builtins after a module was imported reaches
    that module with the next import of a new module into the namespace. A name that
    is added later and read only by text that the module executes (``eval``) does too.

    :param import_function: what ``import`` statements call.
    """

    __slots__ = ("_copy", "_diverted", "import_function", "live")

    def __init__(self, import_function: ImportFunction) -> None:
        self._copy: dict[str, Any] = {}
        self._diverted: ImportFunction | None = None
        self.live = LiveBuiltins(self._copy)
        self.use(import_function)

    def use(self, import_function: ImportFunction) -> None:
        """Have the ``import`` statements of every module call *import_function*."""
        self.import_function = import_function
        self._refresh()

    def divert(self, function: ImportFunction | None) -> None:
        """Have ``import`` statements call *function* first; ``None`` ends that."""
        self._diverted = function
        self._refresh()

    def for_code(self, code: CodeType) -> dict[str, Any]:
        """Return the mapping for a module whose body is *code*."""
        self._refresh()
        unknown = undefined_names(code) - self._copy.keys()
        return self.live if unknown else self._copy

    def _refresh(self) -> None:
        # One update, so that no other thread ever sees the process's __import__ here.
        function = self._diverted or self.import_function
        current = {**vars(builtins), "__import__": function}
        self._copy.update(current)
        self.live.update(current)


def undefined_names(code: CodeType) -> set[str]:
    """Return the names that a module reads as globals and never binds as such.

    They are builtins, names of a star import, or added by somebody else. The bytecode
    is read because it is there, also where the source was not compiled again.
    """
    loads, stores = _names_in_body(code)
    stores |= _MODULE_ATTRIBUTES
    for inner in _code_within(code):
        inner_loads, bound_in_class = _names_in_body(inner)
        loads |= inner_loads - bound_in_class
        _collect(inner, (opmap["LOAD_GLOBAL"],), 1, loads)
        _collect(inner, (opmap["STORE_GLOBAL"],), 0, stores)
    return loads - stores


def _code_within(code: CodeType) -> Iterator[CodeType]:
    """Yield the code of what is defined in *code*, at any depth, and *code* itself."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _code_within(constant)


def _names_in_body(code: CodeType) -> tuple[set[str], set[str]]:
    """Return the names that the body of a module or class reads, and binds."""
    loads: set[str] = set()
    stores: set[str] = set()
    _collect(code, _LOAD_NAME, 0, loads)
    _collect(code, (opmap["STORE_NAME"],), 0, stores)
    return loads, stores


def _collect(
    code: CodeType, operations: tuple[int, ...], shift: int, names: set[str]
) -> None:
    """Add the names that *operations* in *code* refer to.

    :param shift: the low bits of the argument that are not part of the name's index.
    """
    raw = code.co_code
    opcodes = raw[::2]
    for operation in operations:
        at = opcodes.find(operation)
        while at >= 0:
            argument = raw[2 * at + 1]
            before, bits = at - 1, 8
            while before >= 0 and opcodes[before] == _EXTENDED_ARG:
                argument |= raw[2 * before + 1] << bits
                before, bits = before - 1, bits + 8
            names.add(code.co_names[argument >> shift])
            at = opcodes.find(operation, at + 1)
