"""One mount's configuration of logging, and which one is current.

What a mount sets on a logger is kept here, by logger and attribute; what it has not
set is that of the process, live. A list (``handlers``, ``filters``) is a copy of the
process's one to begin with, which follows it: what the process adds or removes later is
added or removed here too.

The mount is found where it is needed: the application whose context is on top, the
mount that is being loaded, or the one that has started the thread.
"""

from __future__ import annotations

import logging
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import RLock
from typing import Any, Final, NamedTuple

from gateway.context import AppContext, current_app_context
from gateway.isolation.environ_overlay import claimed, current_overlay

_log = logging.getLogger("gateway.logs")

OUTSIDE: Final = "-"
"""What stands for the mount, or the request id, where there is none."""

_UNSET: Final = object()
_lock: Final = RLock()


class _OwnList:
    """A list of a mount's own that follows the process's one.

    The object stays the same, for applications hold on to it and change it in place.
    """

    __slots__ = ("items", "process")

    def __init__(self, items: list[Any], process: list[Any]) -> None:
        self.items = items
        self.process = process.copy()

    def follow(self, process: list[Any]) -> None:
        """Do what was done to *process* since it was last looked at."""
        with _lock:
            before, self.process = self.process, process.copy()
            gone = [item for item in before if item not in self.process]
            new = [item for item in self.process if item not in before]
            kept = [item for item in self.items if item not in gone]
            self.items[:] = kept + [item for item in new if item not in kept]


class LogOverlay:
    """What one mount has set in :mod:`logging`.

    :param mount: the mount's name.
    """

    __slots__ = ("_lists", "_values", "captures_warnings", "mount", "record_factory")

    def __init__(self, mount: str) -> None:
        self.mount = mount
        #: What it makes its records with; ``None`` for what the process does.
        self.record_factory: Callable[..., logging.LogRecord] | None = None
        #: Whether its warnings are logged.
        self.captures_warnings = False
        # By owner (a logger, or the manager of all) and name of the attribute.
        self._values: dict[tuple[object, str], Any] = {}
        self._lists: dict[tuple[object, str], _OwnList] = {}

    @contextmanager
    def active(self) -> Iterator[None]:
        """Make this the current one; a mount entered meanwhile has its own."""
        with _claiming(Where(self.mount, self)):
            yield

    def open(self) -> None:
        """Count among those whose handlers nobody else closes, until :meth:`close`."""
        with _lock:
            _open.append(self)

    def close(self) -> None:
        """Close the mount's handlers and forget what it has set; repeatedly is fine."""
        with _lock:
            if self in _open:
                _open.remove(self)
        self.close_handlers()
        self.record_factory = None
        self.captures_warnings = False
        self._values.clear()
        self._lists.clear()
        with as_process():
            # Empties the caches of all loggers, which know this overlay.
            logging.root.setLevel(logging.root.level)

    def close_handlers(self) -> None:
        """Flush and close the handlers that only this mount has."""
        for handler in self._handlers() - _handlers_of_others(self):
            try:
                logging.shutdown([weakref.ref(handler)])
            except Exception:
                _log.exception("mount %s: a log handler failed to close", self.mount)

    # What the attributes of loggers ask

    def value(self, owner: object, name: str, default: Any) -> Any:
        """Return what the mount has set, or *default*."""
        return self._values.get((owner, name), default)

    def set_value(self, owner: object, name: str, value: Any) -> None:
        """Keep what the mount sets."""
        self._values[owner, name] = value

    def own_list(self, owner: object, name: str, process: list[Any]) -> list[Any]:
        """Return the list that the mount has in the place of *process*."""
        own = self._lists.get((owner, name))
        if own is None:
            own = _OwnList(process.copy(), process)
            return self._lists.setdefault((owner, name), own).items
        if own.process != process:
            own.follow(process)
        return own.items

    def set_list(
        self, owner: object, name: str, process: list[Any], value: list[Any]
    ) -> None:
        """Keep the list that the mount sets in the place of *process*."""
        self._lists[owner, name] = _OwnList(value, process)

    def is_process(self, handler: logging.Handler) -> bool:
        """Tell whether the mount has a handler of the root logger from the process."""
        own = self._lists.get((logging.root, "handlers"))
        return own is not None and handler in own.process

    def _handlers(self) -> set[logging.Handler]:
        """Return the handlers that the mount has added anywhere."""
        return {
            handler
            for (_, name), own in self._lists.copy().items()
            if name == "handlers"
            for handler in own.items
            if handler not in own.process
        }

    def __repr__(self) -> str:
        return f"<LogOverlay of {self.mount!r}>"


def _handlers_of_others(overlay: LogOverlay) -> set[logging.Handler]:
    """Return the handlers of other mounts: a library may give all the same one."""
    others = [other for other in _open.copy() if other is not overlay]
    return {handler for other in others for handler in other._handlers()}


# Which one is current


class Where(NamedTuple):
    """Whose code runs: a mount's name, and what it has set."""

    mount: str
    overlay: LogOverlay | None


class _Claim(NamedTuple):
    """Where the code is while *context* is on top, or one that no mount has."""

    where: Where
    context: AppContext | None


_NOWHERE: Final = Where(OUTSIDE, None)
_claim: Final[ContextVar[_Claim | None]] = ContextVar("gateway.logs", default=None)

# The overlays of mounts that are loaded, or being loaded.
_open: Final[list[LogOverlay]] = []

# Bound once, for every log call asks them.
_claimed: Final = _claim.get
_app_context: Final = current_app_context.get


@contextmanager
def _claiming(where: Where) -> Iterator[None]:
    token = _claim.set(_Claim(where, _app_context(None)))
    try:
        yield
    finally:
        _claim.reset(token)


@contextmanager
def as_process() -> Iterator[None]:
    """Have the configuration of the process for a while, inside of a mount too."""
    with _claiming(Where(whereabouts().mount, None)):
        yield


def whereabouts() -> Where:
    """Return whose code runs here."""
    claim = _claimed()
    context = _app_context(None)
    if context is None and claim is None and claimed() is None:
        return _NOWHERE
    while context is not None:
        if claim is not None and claim.context is context:
            return claim.where
        mounted = getattr(context.app, "mount", None)
        if mounted is not None:
            # Each generation's own: one that is loaded beside it changes nothing here.
            environ = mounted.environ
            own = None if environ is None else environ.records
            return own or Where(mounted.point.name, None)
        # An application that no gateway has mounted, inside of one that is.
        context = context.below
    if claim is not None:
        return claim.where
    environ = current_overlay()
    if environ is None or not environ.name:
        return _NOWHERE
    return environ.records or Where(environ.name, None)
