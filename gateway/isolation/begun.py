"""What the code of one mount has begun, and how it ends when the mount is closed.

A process ends what an application leaves behind: it waits for thread pools, and calls
the functions of :mod:`atexit`. A mount may be closed long before, and again and again,
so all of that is done for each mount by itself.
"""

from __future__ import annotations

import atexit
import logging
import threading
from asyncio import CancelledError
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from contextvars import Context
from dataclasses import dataclass, field
from functools import partial
from threading import Lock, Thread, current_thread
from time import monotonic
from typing import Any, Final
from weakref import ref

from gateway.isolation.audit_values import name_of, short

_log = logging.getLogger("gateway.lifecycle")

# Before anything stands in for them.
_register: Final = atexit.register
_unregister: Final = atexit.unregister

# How long threads may take to end once they are told to, in seconds.
_PATIENCE: Final = 0.5

# What the gateway itself runs for a mount, such as an event loop, ends with the mount.
_GATEWAYS: Final = "gateway-"


@dataclass(frozen=True, slots=True, eq=False)
class ExitFunction:
    """A function and what it is called with."""

    function: Callable[..., object]
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LeftThread:
    """A thread that lives on though its mount is closed.

    :param function: what it runs, by where that is defined.
    """

    mount: str
    thread: str
    function: str
    daemon: bool

    def __str__(self) -> str:
        return f"{self.thread} ({self.function}{', daemon' if self.daemon else ''})"


class Begun:
    """What one mount's code has begun: exit functions, threads, thread pools.

    :param name: the mount's name.
    :param private: whether the mount's modules are its own.
    """

    def __init__(self, name: str = "", private: bool = False) -> None:
        self.name = name
        self.private = private
        self._within: Callable[[], AbstractContextManager[object]] = nullcontext
        self._lock = Lock()
        self._ended = False
        self._functions: list[ExitFunction] = []
        # Those of threading, which come before the threads are waited for.
        self._hooks: list[ExitFunction] = []
        # By identity: an application's own classes may compare as they like.
        self._threads: list[ref[Thread]] = []
        self._pools: list[ref[ThreadPoolExecutor]] = []

    def ends_within(self, within: Callable[[], AbstractContextManager[object]]) -> None:
        """Have what is called at the end run in what *within* returns."""
        self._within = within

    def add_function(self, function: ExitFunction) -> bool:
        """Call *function* when the mount is closed, the last one first.

        :returns: whether it will be: from the end on nobody would call it.
        """
        return self._add(self._functions, function)

    def add_hook(self, function: ExitFunction) -> bool:
        """Call *function* before :meth:`add_function`'s, and before pools end."""
        return self._add(self._hooks, function)

    def _add(self, functions: list[ExitFunction], function: ExitFunction) -> bool:
        with self._lock:
            if self._ended:
                return False
            functions.append(function)
            if id(self) not in _open:
                # Last, so as to be called before the libraries that the mount uses.
                _unregister(_end_all)
                _register(_end_all)
            _open[id(self)] = self
        return True

    def remove_function(self, function: object) -> None:
        """Do not call *function*, however often it was added."""
        with self._lock:
            found = list(self._functions)
        # Outside the lock: what is compared may be an application's own object.
        gone = [each for each in found if each.function == function]
        with self._lock:
            self._functions[:] = [e for e in self._functions if e not in gone]

    def add_thread(self, thread: Thread) -> None:
        """Note a thread that is about to be started."""
        with self._lock:
            self._threads = [*(each for each in self._threads if _counts(each))]
            self._threads.append(ref(thread))

    def add_pool(self, pool: ThreadPoolExecutor) -> None:
        """Note a pool that the mount has made, for itself."""
        with self._lock:
            self._pools = [each for each in self._pools if each() is not None]
            self._pools.append(ref(pool))

    def has_pool(self, pool: object) -> bool:
        """Tell whether the mount has made *pool*."""
        return any(each() is pool for each in self._pools)

    @property
    def left(self) -> tuple[LeftThread, ...]:
        """The threads that live."""
        return tuple(
            LeftThread(
                self.name, short(thread.name), _function_of(thread), thread.daemon
            )
            for thread in self._alive()
        )

    def end(self) -> None:
        """End it all, in the order of a process's end; a second call does nothing.

        What a function raises is logged and keeps no other from being called. Threads
        that do not end in time are named in the log.
        """
        with self._lock:
            ended, self._ended = self._ended, True
        if ended:
            return
        _open.pop(id(self), None)
        try:
            with self._within() if self._hooks or self._functions else nullcontext():
                self._call(self._hooks)
                self._end_pools()
                self._call(self._functions)
        finally:
            self._within = nullcontext
            _join(self._alive())
            if left := self.left:
                _log.warning(
                    "mount %s: it is closed, but threads of it live on with its code: "
                    "%s. End them in the function that 'shutdown:' names",
                    self.name,
                    ", ".join(map(str, left)),
                )

    def _end_pools(self) -> None:
        """Let the pools take no more work, and finish what they have if it is short."""
        pools = [pool for each in self._pools if (pool := each()) is not None]
        for pool in pools:
            pool.shutdown(wait=False)
        if pools:
            _join(thread for thread in self._alive() if not thread.daemon)

    def _call(self, functions: list[ExitFunction]) -> None:
        while True:
            with self._lock:  # One of them may remove others.
                if not functions:
                    return
                function = functions.pop()
            try:
                function.function(*function.args, **function.kwargs)
            except (Exception, SystemExit, CancelledError):
                _log.exception(
                    "mount %s: an exit function failed: %s",
                    self.name,
                    short(name_of(function.function)),
                )

    def _alive(self) -> list[Thread]:
        with self._lock:
            threads = [each() for each in self._threads if _counts(each)]
        return [
            thread
            for thread in threads
            if thread is not None
            and thread is not current_thread()
            and thread.is_alive()
            and not thread.name.startswith(_GATEWAYS)
        ]


# Those that have functions to call.
_open: Final[dict[int, Begun]] = {}


def _end_all() -> None:
    """End what nobody has closed when the process ends, the last mount first."""
    for begun in reversed(list(_open.values())):
        Context().run(begun.end)


def _counts(thread: ref[Thread]) -> bool:
    found = thread()
    return found is not None and (found.ident is None or found.is_alive())


def _join(threads: Iterable[Thread]) -> None:
    deadline = monotonic() + _PATIENCE
    for thread in threads:
        thread.join(max(deadline - monotonic(), 0))


def _function_of(thread: Thread) -> str:
    """Return what *thread* runs; its class, if that is all there is to know."""
    function: Any = getattr(thread, "_target", None)
    if isinstance(thread, threading.Timer):
        function = thread.function
    while isinstance(function, partial):
        function = function.func
    return short(name_of(type(thread) if function is None else function))
