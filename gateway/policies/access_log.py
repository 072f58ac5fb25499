"""The access log: one line for each request, naming the mount that served it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from time import perf_counter
from typing import Any
from urllib.parse import quote

from gateway.paths import quote_path, quote_query
from gateway.types import StartResponse, WSGIApplication, WSGIEnvironment

_log = logging.getLogger("gateway.access")

RECORD = "gateway.access_record"
"""The environ key under which the mount finds the record to put its name in."""


class AccessRecord:
    """What is known of one request so far."""

    __slots__ = ("_environ", "_start_response", "_started", "mount", "sent", "status")

    def __init__(self, environ: WSGIEnvironment, start_response: StartResponse) -> None:
        self._environ = environ
        self._start_response = start_response
        self._started = perf_counter()
        self.mount = "-"
        self.status = "-"
        self.sent = 0

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], object]:
        """Go on to the server's ``start_response``, and note the status it took."""
        if exc_info is None:
            write = self._start_response(status, headers)
        else:
            # Raises if the headers have been sent: the client knows the first status.
            write = self._start_response(status, headers, exc_info)
        self.status = status[:3]

        def counted(data: bytes) -> object:
            self.sent += len(data)
            return write(data)

        return counted

    def write(self) -> None:
        """Write the line. What the client chose is percent-encoded in it."""
        environ = self._environ
        path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
        query = environ.get("QUERY_STRING", "")
        _log.info(
            '%s "%s %s%s %s" %s %d %s %.1fms',
            quote(environ.get("REMOTE_ADDR") or "-", ":.%[]"),
            quote(environ["REQUEST_METHOD"]),
            quote_path(path),
            "?" + quote_query(query) if query else "",
            quote(environ.get("SERVER_PROTOCOL") or "-"),
            self.status,
            self.sent,
            self.mount,
            (perf_counter() - self._started) * 1000,
            extra={"mount": self.mount},
        )


class AccessLog:
    """Logs each request to the logger ``gateway.access`` when its body is closed.

    A line has the client's address, the request line, the status, the body's bytes, the
    mount and the time taken. A request costs nothing while that logger is off.

    :param application: what serves the requests.
    """

    __slots__ = ("_application",)

    def __init__(self, application: WSGIApplication) -> None:
        self._application = application

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Serve one request."""
        if not _log.isEnabledFor(logging.INFO):
            return self._application(environ, start_response)
        record = AccessRecord(environ, start_response)
        inner = environ.copy()
        inner[RECORD] = record
        try:
            body = self._application(inner, record.start_response)
            if type(body) is not list:
                return _Counted(body, record)
            record.sent += sum(map(len, body))
        except BaseException:
            record.write()
            raise
        record.write()
        return body


class _Counted:
    """A body that counts its bytes and writes its record when it is closed."""

    __slots__ = ("_body", "_closed", "_iterator", "_record")

    def __init__(self, body: Iterable[bytes], record: AccessRecord) -> None:
        self._body = body
        self._iterator = iter(body)
        self._record = record
        self._closed = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        chunk = next(self._iterator)
        self._record.sent += len(chunk)
        return chunk

    def close(self) -> None:
        """Close the body, and write the record; once."""
        if self._closed:
            return
        self._closed = True
        try:
            close = getattr(self._body, "close", None)
            if close is not None:
                close()
        finally:
            self._record.write()
