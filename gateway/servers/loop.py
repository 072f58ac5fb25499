"""The event loop of a server: waitress's, without a look at every connection each turn.

Waitress asks each channel, each turn, whether it is readable or writable, and tells the
system all of it anew. Here the system keeps the answers (epoll), and a channel is asked
again when something has happened to it: an event, or a worker that has left it output.
"""

from __future__ import annotations

import os
import select
import sys
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import Any, Final

from waitress import wasyncore
from waitress.trigger import trigger

# How often every channel is asked, in seconds: waitress closes silent ones by a flag.
_SWEEP: Final = 1.0

_SYSTEM_HAS_EPOLL: Final = sys.platform == "linux"


class _Waker(trigger):  # type: ignore[misc]
    """A pipe whose reading end the loop watches; a byte in it ends its wait."""

    def __init__(self, watched: dict[int, Any]) -> None:
        super().__init__(watched)
        # A full pipe wakes the loop as well as one more byte would.
        os.set_blocking(self.trigger, False)
        self.pulled = False

    def pull(self) -> None:
        """Wake the loop; from any thread. A second byte is not needed until it woke."""
        if not self.pulled:
            self.pulled = True
            with suppress(BlockingIOError):
                os.write(self.trigger, b"x")

    def handle_read(self) -> None:
        super().handle_read()
        # Only now, or the byte of a pull in between would be gone and the pull stay.
        # What was asked for without a byte is seen before the loop waits again.
        self.pulled = False


class Watched(dict[int, Any]):
    """The map of what the loop watches, as waitress fills it.

    :ivar touched: what is to be asked what it waits for, from any thread.
    :ivar forget: called with the file descriptor of what is about to be closed.
    """

    def __init__(self) -> None:
        super().__init__()
        self.touched: deque[Any] = deque()
        self.forget: Callable[[int], None] = lambda number: None

    def __setitem__(self, number: int, watched: Any) -> None:
        super().__setitem__(number, watched)
        self.touched.append(watched)

    def __delitem__(self, number: int) -> None:
        super().__delitem__(number)
        self.forget(number)


class Loop:
    """Waits for what is watched, and hands the events out."""

    def __init__(self) -> None:
        self.map = Watched()
        self._waker = _Waker(self.map)
        self._poller = _EpollPoller(self.map) if _SYSTEM_HAS_EPOLL else None
        self._next_sweep = 0.0

    @property
    def wakeup_fd(self) -> int:
        """The end of a pipe for ``signal.set_wakeup_fd``."""
        return int(self._waker.trigger)

    def wake(self) -> None:
        """End the loop's wait; from any thread."""
        self._waker.pull()

    def touch(self, channel: Any) -> None:
        """Have a channel asked again what it waits for; from any thread."""
        self.map.touched.append(channel)
        self._waker.pull()

    def turn(self, timeout: float) -> None:
        """Wait for events for *timeout* seconds at most, and hand them out."""
        if self._poller is None:
            for channel in list(self.map.values()):
                if _is_to_close(channel):
                    wasyncore.write(channel)
            wasyncore.loop(timeout=timeout, use_poll=True, map=self.map, count=1)
            self.map.touched.clear()
            return
        now = monotonic()
        if now >= self._next_sweep:
            self._next_sweep = now + _SWEEP
            self.sweep()
        self._poller.turn(timeout)

    def sweep(self) -> None:
        """Have all channels asked again in the next turn."""
        self.map.touched.extend(list(self.map.values()))

    def close(self) -> None:
        """Close whatever is watched."""
        # A worker that is late would write into what has its number next.
        self._waker.pulled = True
        wasyncore.close_all(self.map)
        if self._poller is not None:
            self._poller.close()


def _is_to_close(channel: Any) -> bool:
    """Tell whether a channel is to be closed, whether it can be written to or not.

    Of a client that reads nothing there would never be an event to do it at.
    """
    return bool(getattr(channel, "will_close", False))


if sys.platform == "linux":

    class _EpollPoller:
        """Keeps with the system what each channel waits for."""

        def __init__(self, watched: Watched) -> None:
            self._map = watched
            self._epoll = select.epoll()
            self._known: dict[int, int] = {}
            watched.forget = self._forget
            # Listeners: they look after time and numbers whenever they are asked.
            self._accepting: list[Any] = []

        def turn(self, timeout: float) -> None:
            watched = self._map
            touched = watched.touched
            for listener in self._accepting:
                self._tell(listener)
            while touched:
                self._tell(touched.popleft())
            for number, flags in self._epoll.poll(timeout):
                channel = watched.get(number)
                if channel is not None:
                    wasyncore.readwrite(channel, flags)
                    self._tell(channel)

        def close(self) -> None:
            self._epoll.close()

        def _forget(self, number: int) -> None:
            # Closing alone does not do it where a forked child has it open, too.
            if self._known.pop(number, None) is not None:
                self._epoll.unregister(number)

        def _tell(self, channel: Any) -> None:
            """Tell the system what *channel* waits for, if that has changed."""
            number = channel._fileno
            is_open = number is not None and self._map.get(number) is channel
            if not is_open:
                return
            if _is_to_close(channel):
                wasyncore.write(channel)
                return
            flags = 0
            if channel.readable():
                # Not for urgent data, too: nobody reads it, and it would stay.
                flags = select.EPOLLIN
            if channel.writable() and not channel.accepting:
                flags |= select.EPOLLOUT
            before = self._known.get(number)
            if before == flags:
                return
            self._known[number] = flags
            if before is None:
                self._epoll.register(number, flags)
                if channel.accepting:
                    self._accepting.append(channel)
            else:
                self._epoll.modify(number, flags)

else:
    _EpollPoller: Any = None
