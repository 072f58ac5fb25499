"""What of a process is looked at: one table, a row for each kind of state."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from gateway.isolation import audit_state as state
from gateway.isolation.audit_functions import read_functions
from gateway.isolation.audit_values import (
    Difference,
    of_entries,
    of_names,
    of_objects,
    of_replaced,
    of_value,
)


@dataclass(frozen=True, slots=True)
class Aspect:
    """One kind of state that all code of a process shares.

    :param what: its name.
    :param read: returns what can be compared and kept.
    :param compare: tells two of these apart.
    :param cure: what an application should do instead.
    :param put_back: makes it what it was; ``None`` where that is not safe, or takes
        from the application what it cannot do without.
    """

    what: str
    read: Callable[[], Any]
    compare: Callable[[Any, Any], Difference]
    cure: str
    put_back: Callable[[Any], None] | None = None


def _seconds(timeout: float | None) -> str:
    return "none" if timeout is None else f"{timeout:g} s"


ASPECTS: Final[tuple[Aspect, ...]] = (
    Aspect(
        "working directory",
        state.read_cwd,
        of_value(),
        "build paths from __file__ instead",
        os.chdir,
    ),
    Aspect(
        "umask",
        state.read_umask,
        of_value(state.show_umask),
        "give each file its mode when it is made",
        state.set_umask,
    ),
    Aspect(
        "environment",
        state.read_environment,
        of_names,
        "set variables with 'env:'",
    ),
    Aspect(
        "sys.path",
        state.read_path,
        of_entries,
        "name one folder with 'path:', or install the package",
    ),
    Aspect(
        "import hooks",
        state.read_finders,
        state.compare_finders,
        "import what adds them in every process that needs it, before the gateway",
    ),
    Aspect(
        "standard modules",
        state.read_standard_modules,
        of_replaced,
        "import the substitute by its own name",
    ),
    Aspect(
        "signal handlers",
        state.read_signals,
        state.compare_signals,
        "end what is running in the function that 'shutdown:' names",
        state.set_signals,
    ),
    Aspect(
        "threads",
        state.read_threads,
        state.compare_threads,
        "end them in the function that 'shutdown:' names",
    ),
    Aspect(
        "atexit functions",
        state.read_exit_functions,
        state.compare_exit_functions,
        "do it in the function that 'shutdown:' names: a mount may be closed long "
        "before the process ends",
    ),
    Aspect(
        "root logger",
        state.read_root_logging,
        of_objects,
        "configure it where only the mount's own code runs",
    ),
    Aspect(
        "logging module",
        state.read_logging,
        of_objects,
        "configure handlers and formatters of its own instead",
    ),
    Aspect(
        "warnings filters",
        state.read_filters,
        state.compare_filters,
        "use warnings.catch_warnings around the code in question",
        state.set_filters,
    ),
    Aspect(
        "locale",
        state.read_locale,
        of_value(),
        "format with a library that takes the locale as an argument, such as Babel",
        state.set_locale,
    ),
    Aspect(
        "time zone",
        state.read_time_zone,
        of_value(lambda zone: "/".join(map(str, zone[:2]))),
        "use zoneinfo and aware datetimes",
    ),
    Aspect(
        "default socket timeout",
        socket.getdefaulttimeout,
        of_value(_seconds),
        "give each client its own timeout",
        socket.setdefaulttimeout,
    ),
    Aspect(
        "default decimal context",
        state.read_decimal,
        of_value(state.show_decimal),
        "use decimal.localcontext around the calculation",
        state.set_decimal,
    ),
    Aspect(
        "builtins",
        state.read_builtins,
        of_objects,
        "import the name where it is used",
    ),
    Aspect(
        "standard functions",
        read_functions,
        of_replaced,
        "serve it from a process of its own, or have all mounts patched on purpose, "
        "before the gateway is imported",
    ),
    Aspect(
        "streams and hooks",
        state.read_hooks,
        of_objects,
        "write to a logger of its own",
    ),
    Aspect(
        "interpreter limits",
        state.read_limits,
        of_objects,
        "leave them to whoever runs the process",
    ),
)

ASPECT_OF: Final = {aspect.what: aspect for aspect in ASPECTS}
