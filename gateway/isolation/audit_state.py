"""Reads the state that all code of a process shares, tells it apart, and puts it back.

Reading changes nothing, and the gateway's own doings are left out.
"""

from __future__ import annotations

import atexit
import builtins
import decimal
import gc
import locale
import logging
import os
import signal
import sys
import threading
import time
import warnings
import weakref
from contextlib import suppress
from contextvars import Context
from pathlib import Path
from typing import Any, Final, TypeAlias

from gateway.isolation.audit_values import (
    NOTHING,
    Difference,
    Ref,
    listed,
    name_of,
    of_entries,
)
from gateway.isolation.begun_functions import is_global, is_installed
from gateway.isolation.environ_overlay import process_data
from gateway.isolation.import_hooks import origins
from gateway.isolation.logs_functions import led_by, process_record_factory
from gateway.isolation.private_names import PARENT


def _is_ours(thing: object) -> bool:
    return type(thing).__module__.startswith("gateway.")


def _is_gateways(function: Ref) -> bool:
    return str(getattr(function.target, "__module__", "")).startswith("gateway.")


# Files and variables


def read_environment() -> dict[str, int]:
    # Hashes tell a change, and a snapshot that is shown somewhere shows no secret.
    return {os.fsdecode(name): hash(value) for name, value in process_data().items()}


def read_cwd() -> str:
    try:
        return os.getcwd()
    except OSError:
        return NOTHING  # it was removed


def read_umask() -> int | None:
    """Return the umask where it can be read without being set: on Linux."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="ignore")
    except OSError:
        return None
    for line in status.splitlines():
        if line.startswith("Umask:"):
            return int(line.split()[1], 8)
    return None


def set_umask(umask: int | None) -> None:
    if umask is not None:
        os.umask(umask)


def show_umask(umask: int | None) -> str:
    return NOTHING if umask is None else f"{umask:04o}"


# Imports


def read_path() -> tuple[object, ...]:
    return tuple(sys.path)


# Libraries add these when they are imported, and they answer for the library's own
# names alone (``bottle.ext``, ``six.moves``): no other import notices.
_HARMLESS_FINDERS: Final = frozenset(
    {"_ImportRedirect", "_SixMetaPathImporter", "VendorImporter", "DistutilsMetaFinder"}
)


def read_finders() -> tuple[Ref, ...]:
    found = [*sys.meta_path, *sys.path_hooks]
    return tuple(
        Ref(finder)
        for finder in found
        if not _is_ours(finder) and type(finder).__name__ not in _HARMLESS_FINDERS
    )


def compare_finders(before: tuple[Ref, ...], after: tuple[Ref, ...]) -> Difference:
    # What comes from a mount's own modules is taken out when the mount is closed.
    still = [ref for ref in before if ref in after or not _is_a_mounts(ref.target)]
    return of_entries(still, list(after))


def _is_a_mounts(thing: object) -> bool:
    return any(name.startswith(f"{PARENT}.") for name in origins(thing))


def read_standard_modules() -> dict[str, Ref]:
    return {
        name: Ref(module)
        for name, module in sys.modules.copy().items()
        if name in sys.stdlib_module_names
    }


# Signals and threads


def read_signals() -> dict[int, Ref]:
    return {int(n): Ref(signal.getsignal(n)) for n in signal.valid_signals()}


def compare_signals(before: dict[int, Ref], after: dict[int, Ref]) -> Difference:
    changed = [
        number
        for number in after
        if before[number] != after[number]
        # The server sets its own when it begins to serve.
        and not (_is_gateways(before[number]) and _is_gateways(after[number]))
    ]
    if not changed:
        return None
    return _handlers(before, changed), _handlers(after, changed)


def _handlers(handlers: dict[int, Ref], numbers: list[int]) -> str:
    return listed(
        f"{signal_name(number)}: {_handler(handlers[number].target)}"
        for number in numbers
    )


def signal_name(number: int) -> str:
    """Return what a signal is called."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"  # a real-time one


def _handler(handler: Any) -> str:
    special = {signal.SIG_DFL: "default", signal.SIG_IGN: "ignored"}
    try:
        return special[handler]
    except (KeyError, TypeError):
        return str(Ref(handler))


def set_signals(handlers: dict[int, Ref]) -> None:
    for number, handler in handlers.items():
        # None was installed by C code, which Python cannot repeat.
        if handler.target not in (None, signal.getsignal(number)):
            signal.signal(number, handler.target)


# Those of the gateway and of its server; and the workers of an asyncio loop, which end
# with it: an ASGI application has one for every plain function that it serves with.
_KNOWN_THREADS: Final = ("gateway-", "waitress-", "asyncio_", "AnyIO worker thread")


def read_threads() -> tuple[threading.Thread, ...]:
    return tuple(
        thread
        for thread in threading.enumerate()
        if not thread.name.startswith(_KNOWN_THREADS)
    )


def compare_threads(
    before: tuple[threading.Thread, ...], after: tuple[threading.Thread, ...]
) -> Difference:
    new = [
        f"{thread.name} (daemon)" if thread.daemon else thread.name
        for thread in after
        if thread not in before
    ]
    return (NOTHING, listed(new)) if new else None


class _Listener:
    """Is equal to nothing, and notes what it was compared with."""

    def __init__(self) -> None:
        self.heard: list[Any] = []

    def __eq__(self, other: object) -> bool:
        self.heard.append(other)
        return False

    __hash__ = None  # type: ignore[assignment]


ExitFunctions: TypeAlias = "tuple[tuple[Ref, ...], frozenset[str]]"


def read_exit_functions() -> ExitFunctions:
    """Return what is registered with :mod:`atexit`, and the modules there are."""
    listener = _Listener()
    # There is no list to be read, but it compares all of them by ==, as documented. One
    # that is no plain function may not like that. In a context of its own no mount is
    # current, with functions that are its own.
    with suppress(Exception):
        Context().run(atexit.unregister, listener)  # type: ignore[arg-type]
    functions = tuple(
        Ref(function)
        for function in listener.heard
        # The first finalizer of a process registers it.
        if getattr(function, "__self__", None) is not weakref.finalize
        and not _is_gateways(Ref(function))
    )
    return functions, frozenset(sys.modules.copy())


def compare_exit_functions(before: ExitFunctions, after: ExitFunctions) -> Difference:
    """Compare them, but for what a library has registered when it was imported.

    The library is the process's, and lives as long.
    """
    functions, modules = before
    counted = tuple(
        function
        for function in after[0]
        if function in functions or not _came_along(function.target, modules)
    )
    return of_entries(functions, counted)


def _came_along(function: Any, modules: frozenset[str]) -> bool:
    """Tell whether *function* is of an installed module that is not in *modules*."""
    name = getattr(function, "__module__", None) or ""
    file = getattr(sys.modules.get(name), "__file__", None)
    # A mount's own copy of a library may be dropped long before the process ends.
    if not is_global(function) or file is None or name.startswith(f"{PARENT}."):
        return False
    return name not in modules and is_installed(file)


# Logging, warnings, locale


def read_root_logging() -> dict[str, object]:
    # The process's, where a mount is current too.
    root = vars(logging.root)
    state: dict[str, object] = {"level": logging.getLevelName(root["level"])}
    for number, handler in enumerate(root["handlers"], 1):
        state[f"handler {number}"] = Ref(handler)
        state[f"its level ({number})"] = logging.getLevelName(handler.level)
        state[f"its formatter ({number})"] = Ref(handler.formatter)
    return state


def read_logging() -> dict[str, object]:
    return {
        "logger class": Ref(logging.getLoggerClass()),
        "record factory": Ref(process_record_factory()),
        "lastResort": Ref(logging.lastResort),
        "raiseExceptions": bool(logging.raiseExceptions),
        "Formatter.converter": Ref(logging.Formatter.converter),
    }


Filters: TypeAlias = "tuple[Ref, tuple[Any, ...]]"


def read_filters() -> Filters:
    """Return the list of filters and its entries.

    Those for a warning that a library has defined are left out: many add them for their
    own warnings when they are imported, and have to keep them.
    """
    entries = warnings.filters
    return Ref(entries), tuple(each for each in entries if _is_builtin(each[2]))


def _is_builtin(category: Any) -> bool:
    # It may also be a tuple of classes.
    return getattr(category, "__module__", "builtins") == "builtins"


def compare_filters(before: Filters, after: Filters) -> Difference:
    if before[0] != after[0]:
        return None  # some thread is in catch_warnings, which exchanges the list
    return of_entries(before[1], after[1], lambda each: f"{each[0]} {name_of(each[2])}")


def set_filters(filters: Filters) -> None:
    special = [each for each in warnings.filters if not _is_builtin(each[2])]
    warnings.resetwarnings()  # it has the registries of what was shown forgotten, too
    # In front: they are about nothing that the others are to hide.
    warnings.filters.extend([*special, *filters[1]])  # type: ignore[attr-defined]


def read_locale() -> str:
    return locale.setlocale(locale.LC_ALL)


def set_locale(value: str) -> None:
    locale.setlocale(locale.LC_ALL, value)


def read_time_zone() -> tuple[object, ...]:
    return (*time.tzname, time.timezone)


# The interpreter

_DECIMAL: Final = ("prec", "rounding", "Emin", "Emax", "capitals", "clamp")


def read_decimal() -> tuple[tuple[Any, ...], dict[Any, bool]]:
    default = decimal.DefaultContext
    return tuple(getattr(default, name) for name in _DECIMAL), dict(default.traps)


def show_decimal(state: tuple[tuple[Any, ...], dict[Any, bool]]) -> str:
    traps = ", ".join(sorted(trap.__name__ for trap, on in state[1].items() if on))
    return f"precision {state[0][0]}, {state[0][1]}, traps {traps}"


def set_decimal(state: tuple[tuple[Any, ...], dict[Any, bool]]) -> None:
    for name, value in zip(_DECIMAL, state[0], strict=True):
        setattr(decimal.DefaultContext, name, value)
    decimal.DefaultContext.traps.update(state[1])


def read_hooks() -> dict[str, Ref]:
    return {
        "sys.stdin": Ref(sys.stdin),
        "sys.stdout": Ref(sys.stdout),
        "sys.stderr": Ref(sys.stderr),
        "sys.excepthook": Ref(sys.excepthook),
        "sys.displayhook": Ref(sys.displayhook),
        "sys.unraisablehook": Ref(sys.unraisablehook),
        "threading.excepthook": Ref(threading.excepthook),
        "warnings.showwarning": Ref(led_by(warnings.showwarning)),
    }


def read_limits() -> dict[str, object]:
    return {
        "recursion limit": sys.getrecursionlimit(),
        "switch interval": sys.getswitchinterval(),
        "garbage collector": "on" if gc.isenabled() else "off",
        "gc thresholds": gc.get_threshold(),
    }


def read_builtins() -> dict[str, Ref]:
    return {name: Ref(value) for name, value in vars(builtins).copy().items()}
