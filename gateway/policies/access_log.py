"""The access log: one line for each request, naming the mount that served it."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, Protocol
from urllib.parse import quote

from gateway.isolation.logs import OUTSIDE, REQUEST_ID
from gateway.paths import quote_path, quote_query
from gateway.policies.record import Recorder, RequestRecord, Sink
from gateway.policies.trace_context import trace_id_of
from gateway.types import StartResponse, WSGIApplication, WSGIEnvironment

ACCESS: Final = "gateway.access"
"""The logger's name."""

_log = logging.getLogger(ACCESS)
_above = logging.getLogger("gateway")

# What an address is made of (RFC 4291, 2.2; RFC 4007, 11), and a protocol's version.
_OF_ADDRESSES: Final = ":.%[]/"


class LineWriter(Protocol):
    """A handler that writes lines which are formatted already."""

    def write_access(self, message: str) -> None:
        """Write the line of a request."""


@lru_cache(maxsize=256)
def _quoted(text: str) -> str:
    return quote(text, _OF_ADDRESSES)


def write_text(record: RequestRecord) -> None:
    """Log a request as a line of text; what the client chose is percent-encoded."""
    if not _is_wanted():
        return
    environ = record.environ
    request_id = environ.get(REQUEST_ID, OUTSIDE)
    message = (
        f'{_client(environ)} "{_quoted(environ["REQUEST_METHOD"])} {_url(environ)} '
        f'{_quoted(environ.get("SERVER_PROTOCOL") or "-")}" {record.status} '
        f"{record.sent} {record.mount} {record.seconds * 1000:.1f}ms {request_id}"
    )
    _write(message, record.mount, request_id)


def write_json(record: RequestRecord) -> None:
    """Log a request as one JSON object (RFC 8259) in ASCII, without line breaks."""
    if not _is_wanted():
        return
    environ = record.environ
    request_id = environ.get(REQUEST_ID, OUTSIDE)
    fields: dict[str, Any] = {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "level": "INFO",
        "logger": ACCESS,
        "client": _client(environ),
        "method": _quoted(environ["REQUEST_METHOD"]),
        "url": _url(environ),
        "protocol": _quoted(environ.get("SERVER_PROTOCOL") or "-"),
        "status": int(record.status) if record.status.isdigit() else None,
        "bytes": record.sent,
        "mount": record.mount,
        "duration_ms": round(record.seconds * 1000, 3),
        "request_id": request_id,
    }
    trace_id = record.trace_id or trace_id_of(environ)
    if trace_id is not None:
        fields["trace_id"] = trace_id
    if record.error is not None:
        fields["error"] = type(record.error).__name__
    _write(json.dumps(fields), record.mount, request_id)


def _is_wanted() -> bool:
    # The logger's own cache, which is emptied when the answer may change.
    wanted: bool | None = _log._cache.get(logging.INFO)  # type: ignore[attr-defined]
    return _log.isEnabledFor(logging.INFO) if wanted is None else wanted


def _write(message: str, mount: str, request_id: str) -> None:
    writer = _only_writer()
    if writer is not None:
        writer.write_access(message)
        return
    # What _log.info() does, without its search of the stack for whoever has called it.
    extra = {"mount": mount, "request_id": request_id}
    _log.handle(
        _log.makeRecord(
            ACCESS, logging.INFO, __file__, 0, "%s", (message,), None, extra=extra
        )
    )


def _only_writer() -> LineWriter | None:
    """Return what writes the lines, if all of logging would come to that.

    A record takes three times as long as its line. It is made where somebody may want
    it: another handler, or a filter.
    """
    # What the process has set, for the gateway's loggers are no mount's.
    own: dict[str, Any] = _log.__dict__
    above: dict[str, Any] = _above.__dict__
    handlers: list[Any] = above["handlers"]
    if (
        own["handlers"]
        or own["filters"]
        or own["disabled"]
        or not own["propagate"]
        or above["propagate"]
        or len(handlers) != 1
    ):
        return None
    handler = handlers[0]
    if not hasattr(handler, "write_access") or handler.filters or handler.level:
        return None
    writer: LineWriter = handler
    return writer


class AccessLog(Recorder):
    """Logs each request to the logger ``gateway.access`` when its body is closed.

    A line has the client's address, the request line, the status, the body's bytes, the
    mount, the time taken and the request id. A request costs nothing while that logger
    is off.

    :param application: what serves the requests.
    :param write: writes the line.
    """

    __slots__ = ()

    def __init__(self, application: WSGIApplication, write: Sink = write_text) -> None:
        super().__init__(application, (write,))

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Serve one request."""
        if not _is_wanted():
            return self._application(environ, start_response)
        return super().__call__(environ, start_response)


def _client(environ: WSGIEnvironment) -> str:
    return _quoted(environ.get("REMOTE_ADDR") or "-")


def _url(environ: WSGIEnvironment) -> str:
    path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    query = environ.get("QUERY_STRING", "")
    return quote_path(path) + ("?" + quote_query(query) if query else "")
