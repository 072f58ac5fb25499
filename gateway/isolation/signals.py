"""Signal handlers that a mount sets while it is loaded by a thread.

At the start of a gateway mounts are loaded in the main thread. There a handler can be
set, and is put back when the mount is loaded (see ``audit``). A reload loads in another
thread, in which :func:`signal.signal` raises: what has loaded once could never be
reloaded. So it does there what comes of it anyway, nothing.
"""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

from gateway.isolation.audit_state import signal_name
from gateway.isolation.environ_patches import Patches

_log = logging.getLogger("gateway.isolation")

# The name of the mount that is being loaded; of no use in threads that it starts.
_loading: Final[ContextVar[str]] = ContextVar("gateway.sets_no_signals", default="")


def lead_signals(patches: Patches) -> None:
    """Have :func:`signal.signal` ask whether a mount is being loaded."""
    patches.wrap(signal, "signal", _signal)


@contextmanager
def without_handlers(mount: str) -> Iterator[None]:
    """Load *mount* within: outside of the main thread it sets no signal handlers."""
    token = _loading.set(mount)
    try:
        yield
    finally:
        _loading.reset(token)


def _signal(original: Callable[..., Any]) -> Callable[..., Any]:
    def set_handler(signalnum: Any, handler: Any) -> Any:
        mount = _loading.get()
        if not mount or threading.current_thread() is threading.main_thread():
            return original(signalnum, handler)
        if not callable(handler) and handler not in (signal.SIG_DFL, signal.SIG_IGN):
            return original(signalnum, handler)  # which says what is wrong
        before = signal.getsignal(signalnum)
        _log.warning(
            "mount %s: its handler for %s is not set: there is one for all mounts, and "
            "the server needs it",
            mount,
            signal_name(signalnum),
        )
        return before

    return set_handler
