"""The gateway's own log lines, on standard error."""

from __future__ import annotations

import logging
import os
import threading
import weakref
from collections import deque
from contextlib import suppress
from typing import Any, Final

# How long a line of :meth:`LineHandler.write_access` waits for others, in seconds.
_DELAY: Final = 0.1

# How many lines are written at once, by whoever has the last of them: under load the
# thread that is to do so may wait long for its turn.
_MANY: Final = 500

# How many lines wait at most, where nobody reads what is written.
_MOST: Final = 10_000


class LineHandler(logging.StreamHandler):  # type: ignore[type-arg]
    """Writes records to standard error, without a thread waiting for another's.

    Whoever comes while a line is written leaves its own to the one that writes, who
    writes all of them at once: with a line for each request, the worker threads would
    else spend their time waiting for each other here.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lines: deque[str] = deque()
        # Not from `threading` by name: greenlets may take the place of threads later.
        self._writing = threading.Lock()
        self._scheduling = threading.Lock()
        self._timer: threading.Timer | None = None
        # How many lines of requests found no room. A lost count does no harm.
        self._lost = 0
        _handlers.add(self)

    def handle(self, record: logging.LogRecord) -> bool:
        """Emit a record, without the lock that a handler usually has."""
        passed = self.filter(record)
        if passed:
            self.emit(passed if isinstance(passed, logging.LogRecord) else record)
        return bool(passed)

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, or leave it to the thread that is writing."""
        try:
            self._lines.append(self.format(record) + self.terminator)
            self._write()
        except Exception:
            self.handleError(record)

    def write_access(self, message: str) -> None:
        """Write the line of a request soon, together with those that come until then.

        Writing lets another thread take over in the middle of a request, which costs
        more than all else that is done for a line.

        :param message: what the request's record would say.
        """
        if len(self._lines) >= _MOST:
            self._lost += 1
            return
        formatter: Any = self.formatter
        self._lines.append(formatter.access_line(message) + self.terminator)
        if len(self._lines) >= _MANY:
            self._write_what_waits()
        elif self._timer is None and self._scheduling.acquire(blocking=False):
            try:
                if self._timer is None:
                    self._schedule()
            finally:
                self._scheduling.release()

    def flush(self) -> None:
        """Write what waits."""
        with suppress(OSError, ValueError):  # There is no standard error any more.
            self._write()
            super().flush()

    def close(self) -> None:
        """Write what waits, and end."""
        timer = self._timer
        if timer is not None:
            timer.cancel()
            if timer is not threading.current_thread():
                timer.join()
        self.flush()
        super().close()

    def _schedule(self) -> None:
        timer = threading.Timer(_DELAY, self._write_scheduled)
        timer.name, timer.daemon = "gateway-log", True
        self._timer = timer
        try:
            timer.start()
        except RuntimeError:  # The interpreter ends, or there are no threads left.
            self._timer = None
            self.flush()

    def _write_scheduled(self) -> None:
        # First: whoever comes from here on has another one for its line.
        self._timer = None
        self._write_what_waits()

    def _write_what_waits(self) -> None:
        # Not flush(): that waits for whoever is stuck in a write, and there would be
        # another thread that waits each time.
        with suppress(OSError, ValueError):
            self._write()

    def _write(self) -> None:
        # Looked at again after each release: whoever came before it has gone on.
        while self._lines and self._writing.acquire(blocking=False):
            try:
                self._write_all()
            finally:
                self._writing.release()

    def _write_all(self) -> None:
        lines = []
        while self._lines:
            lines.append(self._lines.popleft())
        if self._lost:
            lost, self._lost = self._lost, 0
            lines.append(self._told(lost) + self.terminator)
        self.stream.write("".join(lines))
        self.stream.flush()

    def _told(self, lost: int) -> str:
        """Return the line that tells of lines that are missing."""
        message = "%d requests have no line: standard error was not read"
        return self.format(
            logging.LogRecord(
                "gateway.log", logging.WARNING, "", 0, message, (lost,), None
            )
        )

    def _begin_in_child(self) -> None:
        # Those lines are the parent's, and so are the threads that would release these.
        self._lines.clear()
        self._writing, self._scheduling = threading.Lock(), threading.Lock()
        self._timer = None


_handlers: Final[weakref.WeakSet[LineHandler]] = weakref.WeakSet()


def _begin_in_child() -> None:
    for handler in _handlers:
        handler._begin_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_in_child)
