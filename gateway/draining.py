"""Mounts that were replaced: drained and closed in the background."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from threading import Lock, Thread, current_thread
from time import monotonic, sleep
from typing import Final

from gateway.generation import close_within
from gateway.isolation.begun import Begun, LeftThread
from gateway.isolation.environ_overlay import overlay_of
from gateway.mount import Mount

_log = logging.getLogger("gateway.lifecycle")

# How long a request may take from the table to its mount, in seconds: until then a
# mount that was replaced may still be entered.
_GRACE: Final = 0.1

# How often a mount that was replaced is asked whether it is done, in seconds.
_TICK: Final = 0.02


@dataclass(frozen=True, slots=True)
class _Leaving:
    thread: Thread
    mounts: tuple[Mount, ...]


class Drain:
    """Closes mounts when their last requests are done."""

    def __init__(self) -> None:
        self._leaving: tuple[_Leaving, ...] = ()
        # Not the mounts, whose modules would be kept along.
        self._left: tuple[Begun, ...] = ()
        self._lock = Lock()

    @property
    def mounts(self) -> tuple[Mount, ...]:
        """Those that are not closed yet."""
        return tuple(mount for each in self._leaving for mount in each.mounts)

    @property
    def left(self) -> tuple[LeftThread, ...]:
        """The threads of mounts that are closed, which live on."""
        return tuple(thread for begun in self._left for thread in begun.left)

    def add(self, mounts: Iterable[Mount], timeout: float) -> None:
        """Close *mounts* in the background, after *timeout* seconds at the latest."""
        leaving = tuple(mounts)
        if not leaving:
            return
        thread = Thread(
            target=self._close,
            args=(leaving, timeout),
            name="gateway-retire",
            daemon=True,
        )
        with self._lock:
            self._leaving = (*self._leaving, _Leaving(thread, leaving))
        thread.start()

    def join(self, deadline: float | None) -> None:
        """Wait until all are closed, or for the *deadline* of the monotonic clock."""
        for each in self._leaving:
            if each.thread is not current_thread():
                timeout = None if deadline is None else max(deadline - monotonic(), 0)
                each.thread.join(timeout)

    def _close(self, mounts: tuple[Mount, ...], timeout: float) -> None:
        try:
            _drain(mounts, timeout)
        finally:
            overlays = [overlay_of(mount.application) for mount in mounts]
            found = [overlay.begun for overlay in overlays if overlay is not None]
            done = current_thread()
            with self._lock:
                self._left = tuple(b for b in (*self._left, *found) if b.left)
                # At once: all their code is kept along.
                self._leaving = tuple(e for e in self._leaving if e.thread is not done)


def _drain(mounts: tuple[Mount, ...], timeout: float) -> None:
    deadline = monotonic() + timeout
    sleep(_GRACE)
    while any(mount.in_flight for mount in mounts) and monotonic() < deadline:
        sleep(_TICK)
    for mount in mounts:
        if mount.in_flight:
            _log.warning(
                "mount %s: %d request(s) still running after %gs; it is closed",
                mount.name,
                mount.in_flight,
                timeout,
            )
    close_within(timeout, mounts)
