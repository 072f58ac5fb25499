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
from pathlib import Path
from typing import Any, Final

from gateway.isolation.audit_values import (
    NOTHING,
    Difference,
    Ref,
    listed,
    of_entries,
)
from gateway.isolation.environ_overlay import process_data
from gateway.isolation.logs_functions import led_by, process_record_factory


def _is_ours(thing: object) -> bool:
    return type(thing).__module__.startswith("gateway.")


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


def read_finders() -> tuple[Ref, ...]:
    found = [*sys.meta_path, *sys.path_hooks]
    return tuple(Ref(finder) for finder in found if not _is_ours(finder))


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
    changed = [number for number in after if before[number] != after[number]]
    if not changed:
        return None
    return _handlers(before, changed), _handlers(after, changed)


def _handlers(handlers: dict[int, Ref], numbers: list[int]) -> str:
    return listed(
        f"{_signal_name(number)}: {_handler(handlers[number].target)}"
        for number in numbers
    )


def _signal_name(number: int) -> str:
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


def read_threads() -> tuple[threading.Thread, ...]:
    return tuple(
        thread
        for thread in threading.enumerate()
        # Those of the gateway and of its server.
        if not thread.name.startswith(("gateway-", "waitress-"))
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


def count_exit_functions() -> int:
    # The first finalizer of a process registers a function of the standard library's.
    weakref.finalize(lambda: None, int)
    count: int = getattr(atexit, "_ncallbacks", int)()
    return count


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


def read_filters() -> tuple[Any, ...]:
    return tuple(warnings.filters)


def compare_filters(before: tuple[Any, ...], after: tuple[Any, ...]) -> Difference:
    return of_entries(before, after, lambda each: f"{each[0]} {each[2].__name__}")


def set_filters(filters: tuple[Any, ...]) -> None:
    warnings.resetwarnings()  # it has the registries of what was shown forgotten, too
    warnings.filters.extend(filters)  # type: ignore[attr-defined]


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


# What libraries and applications replace, of the modules that are loaded.
_FUNCTIONS: Final = (
    ("asyncio.events", "get_event_loop"),
    ("asyncio.runners", "run"),
    ("datetime", "datetime"),
    ("http.client", "HTTPConnection"),
    ("json", "dumps"),
    ("json", "loads"),
    ("json", "JSONEncoder.default"),
    ("logging", "Logger.callHandlers"),
    ("logging", "Logger.makeRecord"),
    ("os", "fork"),
    ("select", "select"),
    ("socket", "create_connection"),
    ("socket", "getaddrinfo"),
    ("socket", "socket"),
    ("ssl", "SSLContext"),
    ("ssl", "_create_default_https_context"),
    ("ssl", "create_default_context"),
    ("subprocess", "Popen"),
    ("threading", "Event"),
    ("threading", "RLock"),
    ("threading", "Thread"),
    ("threading", "local"),
    ("time", "sleep"),
    ("time", "time"),
    ("urllib.request", "_opener"),
    ("urllib.request", "urlopen"),
)


def read_functions() -> dict[str, Ref]:
    found = {}
    for module_name, path in _FUNCTIONS:
        value: Any = sys.modules.get(module_name)
        for name in path.split("."):
            value = getattr(value, name, None)
        if module_name in sys.modules:
            found[f"{module_name}.{path}"] = Ref(value)
    found["asyncio policy"] = Ref(_loop_policy())
    return found


def _loop_policy() -> type | None:
    policy = getattr(sys.modules.get("asyncio.events"), "_event_loop_policy", None)
    # The default one comes into being when it is first asked for.
    is_default = policy is None or type(policy).__module__.startswith("asyncio.")
    return None if is_default else type(policy)
