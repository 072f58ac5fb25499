"""Accepting connections: all that wait, also when the process can open no more."""

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

# How many connections are accepted at a time, at most: they are read in the next turn.
_MANY: Final = 32

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


def accept_several(listener: Any) -> None:
    """Let a listener of waitress's accept all that wait, and not one a turn.

    A turn may have requests to answer: the last of many clients would wait for long.
    """
    accept_one: Callable[[], None] = listener.handle_accept

    def handle_accept() -> None:
        for _ in range(_MANY):
            before = len(listener.active_channels)
            accept_one()
            # It is not readable either when there are too many connections.
            if len(listener.active_channels) == before or not listener.readable():
                return

    listener.handle_accept = handle_accept
