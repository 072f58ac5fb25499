"""The gateway's own log lines, on standard error."""

from __future__ import annotations

import logging
from collections import deque
from threading import Lock


class LineHandler(logging.StreamHandler):  # type: ignore[type-arg]
    """Writes records to standard error, without a thread waiting for another's.

    Whoever comes while a line is written leaves its own to the one that writes, who
    writes all of them at once: with a line for each request, the worker threads would
    else spend their time waiting for each other here.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lines: deque[str] = deque()
        self._writing = Lock()

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
            # Looked at again after each release: whoever came before it has gone on.
            while self._lines and self._writing.acquire(blocking=False):
                try:
                    self._write_all()
                finally:
                    self._writing.release()
        except Exception:
            self.handleError(record)

    def _write_all(self) -> None:
        lines = []
        while self._lines:
            lines.append(self._lines.popleft())
        self.stream.write("".join(lines))
        self.stream.flush()
