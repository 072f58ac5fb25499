"""The server of ``gateway serve``: it listens before there is anything to serve.

An address that is taken is told at once then, and what connects while the mounts are
loaded waits for them instead of being refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Final

from gateway.config.spec import ServerSpec
from gateway.lifecycle import Gateway
from gateway.servers.waitress import Fairness, WaitressServer
from gateway.shares import NOBODY, Share, refuse
from gateway.types import StartResponse, WSGIApplication, WSGIEnvironment

# What the applications get for their shutdown even when requests have used up all of
# the drain timeout, in seconds.
_LEAST: Final = 1.0


class Late:
    """A WSGI application that takes the place of one which is yet to be loaded."""

    def __init__(self) -> None:
        self.loaded: WSGIApplication | None = None
        self.gateway: Gateway | None = None

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Serve one request."""
        if self.loaded is None:  # Loading has failed; whoever waited is told.
            start_response("503 Service Unavailable", [("Content-Length", "0")])
            return []
        return self.loaded(environ, start_response)

    def share_of(self, environ: WSGIEnvironment) -> Share:
        """Return whose a request is."""
        return NOBODY if self.gateway is None else self.gateway.shares(environ)

    def refuse(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Answer a request that its share has no room for."""
        application = refuse if self.gateway is None else self.gateway.refuse
        return application(environ, start_response)


class Server(WaitressServer):
    """A server that knows how much of the drain timeout is left."""

    def __init__(
        self,
        application: WSGIApplication,
        spec: ServerSpec,
        reload: Callable[[], None] | None = None,
        fairness: Fairness | None = None,
    ) -> None:
        super().__init__(application, spec, reload, fairness)
        self._drain_timeout = spec.drain_timeout
        self.stopped_at: float | None = None

    def stop(self) -> None:
        """Tell :meth:`run` to drain and return; from any thread."""
        if self.stopped_at is None:
            self.stopped_at = monotonic()
        super().stop()

    def time_left(self) -> float:
        """Return how long closing the applications may take, in seconds."""
        stopped_at = monotonic() if self.stopped_at is None else self.stopped_at
        return max(stopped_at + self._drain_timeout - monotonic(), _LEAST)


@contextmanager
def listening(
    application: Late,
    spec: ServerSpec,
    reload: Callable[[], None] | None = None,
) -> Iterator[Server]:
    """Listen, for ``with``; a server that was not run by its end is closed.

    :param reload: what a SIGHUP asks for.
    :raises ServeError: the address cannot be listened on.
    """
    fairness = Fairness(application.share_of, application.refuse)
    server = Server(application, spec, reload, fairness)
    try:
        yield server
    finally:
        if server.stopped_at is None:
            server.stop()
            server.run()
