"""``slow_after``: requests that take too long are told while they still run."""

from __future__ import annotations

import logging
import sys
import traceback
from collections import Counter
from collections.abc import Iterable
from contextvars import Context
from functools import partial
from threading import Event, Lock, Thread, get_ident
from time import monotonic
from typing import Final

from gateway.bodies import ClosingBody
from gateway.isolation.logs import OUTSIDE, REQUEST_ID
from gateway.paths import quote_path
from gateway.types import StartResponse, WSGIApplication, WSGIEnvironment

_log = logging.getLogger("gateway.slow")

# The least time between two looks, in seconds.
_TICK: Final = 0.005

# How long the end waits for a record that is being written, in seconds.
_PATIENCE: Final = 2.0


class _Running:
    """A request that is running."""

    __slots__ = ("due", "method", "mount", "path", "request_id", "started", "thread")

    def __init__(self, mount: str, environ: WSGIEnvironment, seconds: float) -> None:
        self.mount = mount
        self.method: str = environ["REQUEST_METHOD"]
        self.path: str = environ["SCRIPT_NAME"] + environ["PATH_INFO"]
        self.request_id: str = environ.get(REQUEST_ID, OUTSIDE)
        self.thread = get_ident()
        self.started = monotonic()
        self.due = self.started + seconds


class SlowWatch:
    """Watches the requests of all mounts from one thread, for a log record of each.

    The thread is started by the first request and looks again after the shortest time
    that any mount has set, or when a request is due. So no request has to wake it.
    """

    def __init__(self) -> None:
        self._running: set[_Running] = set()
        self._shortest = float("inf")
        self._counts: Counter[str] = Counter()
        self._lock = Lock()
        self._wake = Event()
        self._closed = False
        self._thread: Thread | None = None

    @property
    def counts(self) -> dict[str, int]:
        """How many requests of each mount have been told, by its name."""
        return self._counts.copy()

    def expect(self, seconds: float) -> None:
        """Prepare for requests that are due after *seconds*."""
        if seconds < self._shortest:
            self._shortest = seconds
            self._wake.set()

    def enter(self, running: _Running) -> None:
        """Watch a request from now on."""
        self._running.add(running)
        thread = self._thread
        # One that a fork has left behind is not alive.
        if thread is None or not thread.is_alive():
            self._start()

    def leave(self, running: _Running) -> None:
        """Watch a request no more."""
        self._running.discard(running)

    def close(self) -> None:
        """End the thread."""
        with self._lock:
            self._closed = True
            thread = self._thread
        self._wake.set()
        if thread is not None:
            thread.join(_PATIENCE)

    def _start(self) -> None:
        with self._lock:
            thread = self._thread
            if self._closed or (thread is not None and thread.is_alive()):
                return
            self._thread = Thread(
                target=self._watch, name="gateway-slow-requests", daemon=True
            )
            # Outside of the mount whose request happens to be the first.
            Context().run(self._thread.start)

    def _watch(self) -> None:
        while not self._closed:
            now = monotonic()
            until = now + self._shortest
            for running in list(self._running):
                if running.due <= now:
                    self._tell(running, now)
                else:
                    until = min(until, running.due)
            self._wake.wait(max(until - monotonic(), _TICK))
            # Before the next look, so that nothing set meanwhile is lost.
            self._wake.clear()

    def _tell(self, running: _Running, now: float) -> None:
        stack = _stack(running.thread)
        if running not in self._running:
            return  # It is done, and its thread at something else.
        running.due = float("inf")
        self._counts[running.mount] += 1
        # Without the query, which may hold secrets.
        _log.warning(
            "mount %s: %s %s is still running after %.2fs; its thread is at\n%s",
            running.mount,
            quote_path(running.method),
            quote_path(running.path),
            now - running.started,
            stack,
            extra={"mount": running.mount, "request_id": running.request_id},
        )


def _stack(thread: int) -> str:
    """Return where a thread is, from the mount's application on."""
    frame = sys._current_frames().get(thread)
    if frame is None:
        return "  (a greenlet, or a thread of which nothing is known)"
    stack = traceback.extract_stack(frame)
    del frame
    ours = [at for at, each in enumerate(stack) if each.filename == __file__]
    shown = stack[ours[0] + 1 :] if ours else stack
    return "".join(traceback.format_list(shown)).rstrip()


class SlowPolicy:
    """Has the requests of one mount watched (PEP 3333 middleware).

    :param application: what serves the requests.
    :param mount: the mount's name.
    :param seconds: how long a request may take, until its body is closed.
    :param watch: who watches.
    """

    __slots__ = ("_application", "_mount", "_seconds", "_watch")

    def __init__(
        self,
        application: WSGIApplication,
        mount: str,
        seconds: float,
        watch: SlowWatch,
    ) -> None:
        self._application = application
        self._mount = mount
        self._seconds = seconds
        self._watch = watch
        watch.expect(seconds)

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Serve one request."""
        running = _Running(self._mount, environ, self._seconds)
        watch = self._watch
        watch.enter(running)
        try:
            body = self._application(environ, start_response)
            if type(body) is not list and type(body) is not tuple:
                return _Body(body, running, watch)
        except BaseException:
            watch.leave(running)
            raise
        watch.leave(running)
        return body


class _Body(ClosingBody):
    """A body whose request runs until it is closed."""

    __slots__ = ("_running",)

    def __init__(
        self, body: Iterable[bytes], running: _Running, watch: SlowWatch
    ) -> None:
        super().__init__(body, partial(watch.leave, running))
        self._running = running

    # A server may go on in another thread. And by a frame of this file the stack tells
    # where the application begins.

    def __next__(self) -> bytes:
        self._running.thread = get_ident()
        return next(self._iterator)

    def close(self) -> None:
        """Close the application's body; the request is over."""
        self._running.thread = get_ident()
        super().close()
