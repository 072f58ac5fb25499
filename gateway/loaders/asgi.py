"""Serves an ASGI 3 application as a WSGI application.

The application runs on an event loop of its own, in a thread of its own, and each of
its requests in a copy of the execution context of the WSGI call (:pep:`567`): what is
current for the caller is current for the endpoint, for the function that a framework
runs in its thread pool, and for a streamed body.

WSGI has no place for some of what ASGI can do: there are no WebSockets (a request to
upgrade is an ordinary GET, and finds no route), no trailers and no other extensions;
the headers of a response go out with the first bytes of its body.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from http import HTTPStatus
from threading import Lock
from typing import Any

from gateway.loaders.asgi_body import RequestBody
from gateway.loaders.asgi_protocol import AsgiError, UndecodableRequest
from gateway.loaders.asgi_response import AsgiResponse
from gateway.loaders.asgi_runner import Runner
from gateway.loaders.asgi_scope import build_scope
from gateway.pages import answer
from gateway.types import StartResponse, WSGIEnvironment


class AsgiBridge:
    """One ASGI 3 application as a WSGI application (PEP 3333).

    :param app: the ASGI application.
    :param name: the mount's name, for messages and for the thread.
    :param close_timeout: how long the server's thread waits for an application whose
        client has gone, in seconds.
    :ivar app: what is called with each request; something may be put around it.
    """

    def __init__(self, app: Any, *, name: str, close_timeout: float = 2.0) -> None:
        self.app = app
        self._name = name
        self._close_timeout = close_timeout
        self._lock = Lock()
        self._runner: Runner | None = None
        self._closed = False
        # After a fork the thread is in the parent only, and the application starts
        # anew. What came along must not be closed, not even by the garbage collector:
        # the two processes share the loop's selector.
        self._forked_from: Runner | None = None

    def startup(self, timeout: float | None = None) -> None:
        """Start the event loop, and run the application's lifespan start-up.

        It sees the caller's execution context, and so does its shutdown.

        :param timeout: how long it may take, in seconds; ``None`` is as long as needed.
        :raises LoadError: the start-up failed, or took longer.
        :raises AsgiError: the application has been shut down.
        """
        with self._lock:
            runner = self._runner
            if self._closed:
                raise AsgiError(f"mount {self._name!r} has been shut down")
            if runner is not None and runner.pid == os.getpid():
                return
            self._forked_from = runner
            runner = Runner(self.app, self._name)
            runner.start(timeout)
            self._runner = runner

    def shutdown(self, timeout: float) -> None:
        """Finish or cancel what still runs, run the lifespan's shutdown, end the loop.

        A second call does nothing.

        :param timeout: how long all of it may take, in seconds.
        :raises AsgiError: the lifespan's shutdown failed; all the rest is done.
        """
        with self._lock:
            self._closed = True
            runner, self._runner = self._runner, None
            if runner is not None and runner.pid != os.getpid():
                self._forked_from = runner
                return
        if runner is not None:
            runner.stop(timeout)

    def rest(self, timeout: float) -> None:
        """End as :meth:`shutdown` does, until :meth:`startup` or the next request.

        So there is no thread of its own when processes are forked.

        :param timeout: how long it may take, in seconds.
        :raises AsgiError: the lifespan's shutdown failed; all the rest is done.
        """
        with self._lock:
            runner, self._runner = self._runner, None
        if runner is not None and runner.pid == os.getpid():
            runner.stop(timeout)

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Serve one request."""
        runner = self._runner
        while runner is None or runner.pid != os.getpid():
            self.startup()
            runner = self._runner
        try:
            scope = build_scope(environ, runner.state)
            body = RequestBody(environ)
        except UndecodableRequest:
            return answer(HTTPStatus.BAD_REQUEST, environ, start_response)
        response = AsgiResponse(
            runner.submit(self.app, scope, body),
            self._name,
            environ,
            self._close_timeout,
        )
        return response.start(start_response)
