"""Threads and greenlets: they have the variables of the mount that starts them.

A thread begins with an empty execution context (:pep:`567`). Here it is given one
thing more, whose it is; never the request in which it was started, which ends without
it. What runs in a :class:`~concurrent.futures.ThreadPoolExecutor` belongs to whoever
submits it, so such a pool may be shared between mounts.

gevent's greenlets are told by the hook that gevent has for it, those that stand for
threads after monkey-patching included.
"""

from __future__ import annotations

import _thread
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import ModuleType
from typing import Any

from gateway.isolation.begun_functions import beginner
from gateway.isolation.environ_overlay import (
    Overlay,
    activate,
    bare_context,
    current_overlay,
)
from gateway.isolation.environ_patches import Patches

GREENLETS = "gevent.greenlet"

# CPython 3.13 starts threads by another function than the versions before it. Each
# module has a name of its own for the function, `start_new` is an old one.
_STARTERS = (
    (_thread, "start_new_thread"),
    (_thread, "start_new"),
    (_thread, "start_joinable_thread"),
    (threading, "_start_new_thread"),
    (threading, "_start_joinable_thread"),
)


def lead_threads(patches: Patches) -> None:
    """Have threads, and work given to thread pools, inherit the current overlay."""
    for module, name in _STARTERS:
        patches.wrap(module, name, _starter)
    patches.wrap(ThreadPoolExecutor, "submit", _submit)


def lead_greenlets(gevent_greenlet: ModuleType) -> None:
    """Have greenlets inherit the current overlay.

    :param gevent_greenlet: the module ``gevent.greenlet``.
    """
    gevent_greenlet.Greenlet.add_spawn_callback(_spawned)


def leave_greenlets() -> None:
    """Undo :func:`lead_greenlets`, if it was ever called."""
    if GREENLETS in sys.modules:
        sys.modules[GREENLETS].Greenlet.remove_spawn_callback(_spawned)


def run_as(
    overlay: Overlay | None, function: Callable[..., Any], /, *args: Any, **kwargs: Any
) -> Any:
    """Call *function* with *overlay* as the current one."""
    with activate(overlay):
        return function(*args, **kwargs)


def _starter(original: Callable[..., Any]) -> Callable[..., Any]:
    def start(function: Any, *args: Any, **kwargs: Any) -> Any:
        overlay = current_overlay()
        if overlay is not None and callable(function):
            thread = getattr(function, "__self__", None)
            if isinstance(thread, threading.Thread) and (begun := beginner()):
                begun.add_thread(thread)
            function = partial(run_as, overlay, function)
        return original(function, *args, **kwargs)

    return start


def _submit(original: Callable[..., Any]) -> Callable[..., Any]:
    def submit(
        pool: ThreadPoolExecutor, fn: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> Any:
        overlay = current_overlay()
        if overlay is None or overlay.begun.has_pool(pool):
            # Without an overlay too: the worker may have been started by a mount.
            return original(pool, run_as, overlay, fn, *args, **kwargs)
        with activate(None):
            # A worker that it starts is of the pool, which is not the mount's.
            return original(pool, run_as, overlay, fn, *args, **kwargs)

    return submit


def _spawned(greenlet: Any) -> None:
    """Called by gevent when a greenlet is about to start, where it is started."""
    if greenlet.gr_context is None and current_overlay() is not None:
        greenlet.gr_context = bare_context()
