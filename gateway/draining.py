"""Mounts that were replaced: drained and closed in the background."""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterable
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


class Drain:
    """Closes mounts when their last requests are done."""

    def __init__(self) -> None:
        # Each thread has its mounts for only as long as they are being closed: else
        # the last ones, with their modules, would be kept until the next reload.
        self._leaving: dict[Thread, tuple[Mount, ...]] = {}
        # Not the mounts, whose modules would be kept along.
        self._left: tuple[Begun, ...] = ()
        self._lock = Lock()

    @property
    def mounts(self) -> tuple[Mount, ...]:
        """Those that are not closed yet."""
        with self._lock:
            return tuple(mount for each in self._leaving.values() for mount in each)

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
            target=self._close, args=(timeout,), name="gateway-retire", daemon=True
        )
        with self._lock:
            for ended in [each for each in self._leaving if not each.is_alive()]:
                del self._leaving[ended]
            self._leaving[thread] = leaving
            thread.start()

    def join(self, deadline: float | None) -> None:
        """Wait until all are closed, or for the *deadline* of the monotonic clock."""
        with self._lock:
            threads = [each for each in self._leaving if each is not current_thread()]
        for thread in threads:
            timeout = None if deadline is None else max(deadline - monotonic(), 0)
            thread.join(timeout)

    def _close(self, timeout: float) -> None:
        try:
            _drain(self._leaving[current_thread()], timeout)
        finally:
            self._forget(current_thread())
        # An application is full of cycles: without this, the memory of several of them
        # would be in use before Python looks for such.
        gc.collect()

    def _forget(self, thread: Thread) -> None:
        """Let go of the mounts that *thread* has closed, but for what lives on."""
        with self._lock:
            overlays = [overlay_of(each.application) for each in self._leaving[thread]]
            found = [overlay.begun for overlay in overlays if overlay is not None]
            self._left = tuple(b for b in (*self._left, *found) if b.left)
            self._leaving[thread] = ()


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
