"""The gateway's own policies: in which order they stand around the dispatcher."""

from __future__ import annotations

from gateway.config.spec import ServerSpec
from gateway.errors import MissingExtraError
from gateway.policies.access_log import AccessLog, write_json, write_text
from gateway.policies.forwarded import ForwardedPolicy
from gateway.policies.metrics import RequestMetrics
from gateway.policies.record import Recorder, Sink
from gateway.policies.request_id import RequestIdPolicy
from gateway.policies.trace_context import TraceContextPolicy
from gateway.policies.tracing import TracingPolicy
from gateway.types import WSGIApplication


class GatewayStack:
    """What is done around all mounts; built once, so that what is off costs nothing.

    :param server: says what is on.
    :param is_asked: whether there is an address at which metrics are asked for.
    :raises MissingExtraError: a package that *server* asks for is not installed.
    """

    def __init__(self, server: ServerSpec, is_asked: bool) -> None:
        self._server = server
        self.metrics = _metrics(server.metrics) if is_asked else None

    def around(self, application: WSGIApplication) -> WSGIApplication:
        """Put the policies around what serves the requests of clients."""
        # From the inside out.
        server = self._server
        wsgi = self._recorded(self._traced(application))
        if server.request_id != "off":
            wsgi = RequestIdPolicy(wsgi, accept=server.request_id == "accept")
        wsgi = TraceContextPolicy(wsgi)
        if server.trusted_hops:
            # Outermost: all others go by the client that it finds.
            wsgi = ForwardedPolicy(wsgi, server.trusted_hops)
        return wsgi

    def around_subrequests(self, application: WSGIApplication) -> WSGIApplication:
        """Put policies around what serves the requests of mounts to each other."""
        traced = self._traced(application)
        return application if traced is application else Recorder(traced, ())

    def _traced(self, application: WSGIApplication) -> WSGIApplication:
        if self._server.tracing == "off":
            return application
        return TracingPolicy(application)

    def _recorded(self, application: WSGIApplication) -> WSGIApplication:
        server, metrics = self._server, self.metrics
        write = {"text": write_text, "json": write_json, "off": None}[server.access_log]
        if metrics is None and server.tracing == "off":
            # The only one that can be switched off while it serves.
            return application if write is None else AccessLog(application, write)
        sinks: tuple[Sink, ...] = () if write is None else (write,)
        if metrics is None:
            return Recorder(application, sinks)
        entered = metrics.enter if metrics.is_multiprocess else None
        return Recorder(application, (metrics.observe, *sinks), entered)


def _metrics(wanted: bool | None) -> RequestMetrics | None:
    """Return what counts the requests.

    :param wanted: ``None`` for if it is installed.
    :raises MissingExtraError: it is wanted, and not installed.
    """
    if wanted is False:
        return None
    try:
        return RequestMetrics()
    except MissingExtraError:
        if wanted:
            raise
        return None
