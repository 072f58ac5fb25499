"""Logging as each mount has it: marked records, and a configuration of its own.

Every record that is logged while a mount's code runs has the attributes ``mount`` and
``request_id``, for formatters and filters anywhere; ``-`` stands for none. They are set
when a logger handles the record, after the application's ``extra``, for that may have a
``request_id`` too, which the standard library would refuse if there was one before.

Whatever a mount configures, it configures for its own records: levels, handlers and
filters of any logger, the root one included, and what ``dictConfig`` disables or
removes. See :mod:`gateway.isolation.logs_settings`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import RLock
from typing import Any, Final

from gateway.context import current_app_context, current_request_context
from gateway.isolation.environ_overlay import Overlay
from gateway.isolation.environ_patches import Patches
from gateway.isolation.logs_functions import lead_functions, leave_functions
from gateway.isolation.logs_overlay import (
    OUTSIDE,
    LogOverlay,
    Where,
    as_process,
    whereabouts,
)
from gateway.isolation.logs_settings import (
    is_gateways,
    lead_settings,
    leave_settings,
)
from gateway.types import WSGIEnvironment

__all__ = [
    "OUTSIDE",
    "REQUEST_ID",
    "LogOverlay",
    "call_environ",
    "forget_loggers",
    "install",
    "logging_kept_apart",
    "request_id",
    "uninstall",
]

REQUEST_ID: Final = "gateway.request_id"
"""The environ key under which a request's id is looked for."""

call_environ: Final[ContextVar[WSGIEnvironment | None]] = ContextVar(
    "gateway.call_environ", default=None
)
"""The environ of the mount's call, for where no context knows it.

A native application's request context ends before its response body does.
"""


class _Installation:
    """What is done to the process once, for all mounts."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._patches: Patches | None = None

    def install(self) -> None:
        with self._lock:
            if self._patches is None:
                self._patches = patches = Patches()
                lead_settings(patches)
                lead_functions(patches)
                patches.wrap(logging.Logger, "handle", _handle)

    def uninstall(self) -> None:
        with self._lock:
            if self._patches is not None:
                self._patches.undo()
                self._patches = None
                leave_functions()
                leave_settings()


_installation: Final = _Installation()


def install() -> None:
    """Mark records, and keep what mounts configure apart; repeated calls do nothing."""
    _installation.install()


def uninstall() -> None:
    """Leave :mod:`logging` as it was."""
    _installation.uninstall()


@contextmanager
def logging_kept_apart(variables: Overlay) -> Iterator[LogOverlay]:
    """Load a mount within: what it configures is for its own records.

    It has that configuration wherever its code runs, and so have its threads. If
    loading fails, its handlers are closed; else the caller closes what this yields,
    together with the mount.

    :param variables: what tells whose code runs; it is given the configuration.
    """
    install()
    overlay = LogOverlay(variables.name)
    overlay.open()
    variables.records = Where(overlay.mount, overlay)
    try:
        with overlay.active():
            yield overlay
    except BaseException:
        overlay.close()
        raise


def request_id() -> str:
    """Return the id of the request that is being served; ``-`` if there is none."""
    environ = _environ()
    found = None if environ is None else environ.get(REQUEST_ID)
    return OUTSIDE if found is None else str(found)


def _environ() -> WSGIEnvironment | None:
    context = current_app_context.get(None)
    if context is not None and context.environ is not None:
        return context.environ
    request = current_request_context.get(None)
    return call_environ.get() if request is None else request.environ


def forget_loggers(package: str) -> None:
    """Let go of the loggers *package* and below, which else live as long as Python.

    Code that still has one logs on. For a generation's package of modules, when it is
    closed.
    """
    with logging._lock:  # type: ignore[attr-defined]
        known: dict[str, Any] = logging.root.manager.loggerDict
        gone = {
            known.pop(name)
            for name in list(known)
            if f"{name}.".startswith(f"{package}.")
        }
        for keeper in known.values():
            if isinstance(keeper, logging.PlaceHolder):
                for logger in gone:
                    keeper.loggerMap.pop(logger, None)


def _handle(original: Callable[[Any, logging.LogRecord], None]) -> Callable[..., None]:
    def handle(self: logging.Logger, record: logging.LogRecord) -> None:
        where = whereabouts()
        fields = record.__dict__
        if "mount" not in fields:
            fields["mount"] = where.mount
        if "request_id" not in fields:
            fields["request_id"] = request_id()
        if where.overlay is not None and is_gateways(self.name):
            with as_process():
                return original(self, record)
        return original(self, record)

    return handle
