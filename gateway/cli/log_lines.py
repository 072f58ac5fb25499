"""How ``gateway serve`` writes what the gateway itself logs."""

from __future__ import annotations

import json
import logging
import time
from datetime import UTC, datetime
from typing import Any

from gateway.isolation.logs import OUTSIDE
from gateway.policies.access_log import ACCESS


class LogLines(logging.Formatter):
    """Formats records as text, or as JSON objects, one a line.

    :ivar as_json: which of the two.
    """

    def __init__(self, as_json: bool = False) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")
        self.as_json = as_json
        # The last second, and its text: most lines are of the same one.
        self._second = -1, ""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        """Return the local time of *record*, to the millisecond."""
        return f"{self._text_of(int(record.created))},{int(record.msecs):03d}"

    def access_line(self, message: str) -> str:
        """Return the line of a request that is just over, as :meth:`format` would."""
        if self.as_json:
            return message
        now = time.time()
        second = int(now)
        millisecond = int((now - second) * 1000)
        return f"{self._text_of(second)},{millisecond:03d} INFO {message}"

    def _text_of(self, second: int) -> str:
        # Read, and replaced, as a whole: threads format at the same time.
        last, text = self._second
        if last != second:
            text = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))
            self._second = second, text
        return text

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Format what is the line as text, without a traceback."""
        request_id = getattr(record, "request_id", OUTSIDE)
        if request_id != OUTSIDE and record.name != ACCESS:
            record.message = f"[{request_id}] {record.message}"
        return super().formatMessage(record)

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of *record*; a traceback is further lines, but in JSON."""
        if not self.as_json:
            return super().format(record)
        if record.name == ACCESS:
            return record.getMessage()
        at = datetime.fromtimestamp(record.created, UTC)
        fields: dict[str, Any] = {
            "time": at.isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "mount": str(getattr(record, "mount", OUTSIDE)),
            "request_id": str(getattr(record, "request_id", OUTSIDE)),
            "message": record.getMessage(),
        }
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return json.dumps(fields)
