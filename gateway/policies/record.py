"""What is known of a request when it is over: for the log, the metrics, the spans."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from time import perf_counter
from typing import Any, Final, TypeAlias

from gateway.bodies import ClosingBody
from gateway.types import StartResponse, WSGIApplication, WSGIEnvironment

_log = logging.getLogger("gateway.policies")

RECORD: Final = "gateway.access_record"
"""The environ key under which a mount finds the record to enter itself in."""


class RequestRecord:
    """What is known of one request so far.

    :ivar environ: the request's, as the gateway got it.
    :ivar mount: the name of the mount that serves it; a dash for none.
    :ivar prefix: that mount's; ``None`` while no mount serves the request.
    :ivar status: three digits; a dash until there is one.
    :ivar sent: the body's bytes.
    :ivar error: what the application has raised.
    :ivar seconds: how long it took, once it is over.
    :ivar trace_id: the trace that its span belongs to; ``None`` without one.
    :ivar sinks: what is told when it is over.
    """

    __slots__ = (
        "_entered",
        "_start_response",
        "_started",
        "_write",
        "environ",
        "error",
        "mount",
        "prefix",
        "seconds",
        "sent",
        "sinks",
        "status",
        "trace_id",
    )

    # The server's, once the response is started.
    _write: Callable[[bytes], object]

    def __init__(
        self,
        environ: WSGIEnvironment,
        start_response: StartResponse,
        sinks: tuple[Sink, ...],
        entered: Callable[[str], None] | None,
    ) -> None:
        self.environ = environ
        self._start_response = start_response
        self._entered = entered
        self._started = perf_counter()
        self.mount = "-"
        self.prefix: str | None = None
        self.status = "-"
        self.sent = 0
        self.error: BaseException | None = None
        self.seconds = 0.0
        self.trace_id: str | None = None
        self.sinks = sinks

    def enter(self, mount: str, prefix: str) -> None:
        """Note which mount serves the request."""
        self.mount, self.prefix = mount, prefix
        if self._entered is not None:
            self._entered(mount)

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], object]:
        """Go on to the server's ``start_response``, and note the status it took."""
        if exc_info is None:
            self._write = self._start_response(status, headers)
        else:
            # Raises if the headers have been sent: the client knows the first status.
            self._write = self._start_response(status, headers, exc_info)
        self.status = status[:3]
        return self._counted

    def _counted(self, data: bytes) -> object:
        """Go on to the server's ``write``."""
        self.sent += len(data)
        return self._write(data)

    def end(self) -> None:
        """Tell the sinks that the request is over."""
        self.seconds = perf_counter() - self._started
        for sink in self.sinks:
            try:
                sink(self)
            except Exception:
                _log.exception("a request was not recorded")
        # Its traceback leads back here, and to all that the request has held.
        self.error = None


Sink: TypeAlias = Callable[[RequestRecord], None]


class Recorder:
    """Sees each request to the end of its body, and tells of it (PEP 3333 middleware).

    :param application: what serves the requests.
    :param sinks: what is told of each when it is over.
    :param entered: called with the name of the mount that begins to serve one.
    """

    __slots__ = ("_application", "_entered", "_sinks")

    def __init__(
        self,
        application: WSGIApplication,
        sinks: tuple[Sink, ...],
        entered: Callable[[str], None] | None = None,
    ) -> None:
        self._application = application
        self._sinks = sinks
        self._entered = entered

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Serve one request."""
        record = RequestRecord(environ, start_response, self._sinks, self._entered)
        inner = environ.copy()
        inner[RECORD] = record
        try:
            body = self._application(inner, record.start_response)
            if type(body) is not list:
                return _Counted(body, record)
            record.sent += sum(map(len, body))
        except BaseException as error:
            record.error = error
            record.end()
            raise
        record.end()
        return body


class _Counted(ClosingBody):
    """A body that counts its bytes, and ends its record when it is closed."""

    __slots__ = ("_record",)

    def __init__(self, body: Iterable[bytes], record: RequestRecord) -> None:
        # By its name: super() takes as long as all of the rest, for each response.
        ClosingBody.__init__(self, body, record.end)
        self._record = record

    def __next__(self) -> bytes:
        chunk = next(self._iterator)
        self._record.sent += len(chunk)
        return chunk
