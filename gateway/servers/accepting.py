"""Accepting connections when the process can open nothing more."""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable
from time import monotonic
from typing import Any, Final

_log = logging.getLogger("gateway.server")

# How long no connection is accepted then, and how often it is told, in seconds.
_PAUSE: Final = 0.5
_TELL: Final = 60.0

_NO_ROOM: Final = frozenset(
    (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM),
)


def pause_without_room(listener: Any) -> None:
    """Let a listener of waitress's wait when the system has no descriptor for a client.

    The client stays in the system's queue, so that the loop would be told of it again
    at once, and spin.
    """
    accept: Callable[[], Any] = listener.accept
    readable: Callable[[], bool] = listener.readable
    paused_until = told_until = 0.0

    def accept_or_pause() -> Any:
        nonlocal paused_until, told_until
        try:
            return accept()
        except OSError as error:
            if error.errno in _NO_ROOM:
                now = monotonic()
                paused_until = now + _PAUSE
                if now > told_until:
                    told_until = now + _TELL
                    _log.warning(
                        "a client has to wait: %s. Raise the limit of open files "
                        "(ulimit -n), or lower 'connection_limit'",
                        error.strerror,
                    )
            raise

    listener.accept = accept_or_pause
    listener.readable = lambda: readable() and monotonic() >= paused_until
