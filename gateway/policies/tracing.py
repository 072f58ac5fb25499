"""OpenTelemetry: a span for each request (extra ``otel``).

Only the API is used. What becomes of the spans is for the SDK to say, which whoever
runs the gateway sets up; without one they cost little and go nowhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from gateway._version import __version__
from gateway.errors import MissingExtraError
from gateway.paths import MOUNT_STACK, quote_path
from gateway.policies.record import RECORD, RequestRecord
from gateway.types import StartResponse, WSGIApplication, WSGIEnvironment

if TYPE_CHECKING:
    from opentelemetry.trace import Span

# RFC 9110, 9; RFC 5789. Others become one, so that clients cannot name spans.
_METHODS: Final = frozenset(
    ("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH")
)


class _Headers:
    """Reads and writes the headers of an environ, for propagators."""

    def get(self, carrier: WSGIEnvironment, key: str) -> list[str] | None:
        value = carrier.get(_environ_key(key))
        return None if value is None else [value]

    def keys(self, carrier: WSGIEnvironment) -> list[str]:
        return [
            key[5:].replace("_", "-").lower() for key in carrier if key[:5] == "HTTP_"
        ]

    def set(self, carrier: WSGIEnvironment, key: str, value: str) -> None:
        carrier[_environ_key(key)] = value


def _environ_key(header: str) -> str:
    return "HTTP_" + header.upper().replace("-", "_")


class TracingPolicy:
    """Makes a span for each request, current while it is served (PEP 3333 middleware).

    It is a child of the span that the request names, by the propagators that are set
    up; one of a subrequest is a child of the current one. The headers then name the
    span itself, so that applications and proxied servers go on from there. Names and
    attributes are those of OpenTelemetry's semantic conventions for HTTP.

    :param application: what serves the requests; a :class:`Recorder` is around this.
    :raises MissingExtraError: opentelemetry-api is not installed.
    """

    def __init__(self, application: WSGIApplication) -> None:
        try:
            from opentelemetry import context, propagate, trace
        except ImportError as error:
            raise MissingExtraError("server.tracing", "otel") from error
        self._application = application
        self._context: Any = context
        self._propagate: Any = propagate
        self._trace: Any = trace
        self._headers: Any = _Headers()
        self._tracer = trace.get_tracer("gateway", __version__)

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Serve one request."""
        within = MOUNT_STACK in environ
        kinds = self._trace.SpanKind
        parent = (
            self._context.get_current()
            if within
            else self._propagate.extract(environ, getter=self._headers)
        )
        span = self._tracer.start_span(
            _method(environ["REQUEST_METHOD"]),
            context=parent,
            kind=kinds.INTERNAL if within else kinds.SERVER,
            attributes=_attributes(environ),
        )
        record: RequestRecord = environ[RECORD]
        record.sinks = (*record.sinks, partial(self._end, span))
        current = self._trace.set_span_in_context(span, parent)
        if span.get_span_context().is_valid:
            record.trace_id = self._trace.format_trace_id(
                span.get_span_context().trace_id
            )
            self._propagate.inject(environ, context=current, setter=self._headers)
        token = self._context.attach(current)
        try:
            return self._application(environ, start_response)
        finally:
            self._context.detach(token)

    def _end(self, span: Span, record: RequestRecord) -> None:
        """End the span of a request that is over."""
        status = record.status
        if record.prefix is not None:
            route = record.prefix or "/"
            method = _method(record.environ["REQUEST_METHOD"])
            span.update_name(f"{method} {route}")
            span.set_attribute("http.route", route)
            span.set_attribute("gateway.mount", record.mount)
        if status.isdigit():
            span.set_attribute("http.response.status_code", int(status))
        if record.error is not None:
            span.record_exception(record.error)
            span.set_attribute("error.type", type(record.error).__qualname__)
        elif status[0] == "5":
            span.set_attribute("error.type", status)
        if record.error is not None or status[0] == "5":
            span.set_status(self._trace.StatusCode.ERROR)
        span.end()


def _method(method: str) -> str:
    """Return what stands for *method* in the name of a span."""
    return method if method in _METHODS else "HTTP"


def _attributes(environ: WSGIEnvironment) -> dict[str, str | int]:
    """Return what is known at the beginning; the query may hold secrets, and is not."""
    method = environ["REQUEST_METHOD"]
    path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    found: dict[str, str | int] = {
        "http.request.method": method if method in _METHODS else "_OTHER",
        "url.scheme": environ.get("wsgi.url_scheme", "http"),
        "url.path": quote_path(path),
        "server.address": environ.get("SERVER_NAME", ""),
        "network.protocol.version": _version(environ.get("SERVER_PROTOCOL", "")),
        "client.address": environ.get("REMOTE_ADDR", ""),
        "user_agent.original": environ.get("HTTP_USER_AGENT", ""),
    }
    port = environ.get("SERVER_PORT", "")
    if port.isdigit():
        found["server.port"] = int(port)
    return {name: value for name, value in found.items() if value != ""}


def _version(protocol: str) -> str:
    return protocol.removeprefix("HTTP/")
