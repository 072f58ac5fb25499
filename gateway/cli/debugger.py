"""``gateway serve --debug``: Werkzeug's debugger in each mount."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final

from werkzeug.debug import DebuggedApplication

from gateway.config.spec import MountSpec
from gateway.context import AppContext, current_app_context
from gateway.errors import ServeError
from gateway.framework.app import App
from gateway.loaders.flask import is_flask
from gateway.loaders.wrapped import innermost
from gateway.policies.client import RESOLVED, is_forwarded
from gateway.servers.listening import is_loopback
from gateway.types import StartResponse, WSGIApplication, WSGIEnvironment

# Werkzeug's name: a list of what is entered while code runs in a frame.
_PRESERVE: Final = "werkzeug.debug.preserve_context"


def require_loopback(hosts: Iterable[str]) -> None:
    """Refuse the debugger where others than the users of this machine come.

    :param hosts: the IP addresses that are listened on.
    :raises ServeError: one of them is no loopback address.
    """
    for host in hosts:
        if not is_loopback(host):
            raise ServeError(
                f"--debug runs whatever code its page is sent, and {host} can be "
                "reached from other machines: listen on 127.0.0.1, with --host or in "
                "the 'server:' section, or leave --debug out"
            )


class Debugger:
    """Puts the debugger around each mount's application."""

    def __init__(self) -> None:
        self.pin: str | None = None
        """What the debugger asks for; ``None`` if it does not ask."""

    def __call__(
        self, spec: MountSpec, application: WSGIApplication
    ) -> WSGIApplication:
        """Return *application* with its errors shown by the debugger."""
        for kind in (is_flask, _is_native):
            found: Any = innermost(application, kind)
            if found is not None:
                # Else it answers for its errors itself.
                found.debug = True
        debugged = DebuggedApplication(_Preserving(application), evalex=True)
        # The same for all: it goes by the class of what is debugged.
        self.pin = debugged.pin
        return _unless_forwarded(debugged, application)


def _is_native(application: object) -> bool:
    return isinstance(application, App)


def _unless_forwarded(
    debugged: DebuggedApplication, application: WSGIApplication
) -> WSGIApplication:
    def serve(
        environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        # From behind a proxy on this machine, anybody could come.
        if RESOLVED in environ or is_forwarded(environ):
            return application(environ, start_response)
        return debugged(environ, _restartable(start_response))

    return serve


def _restartable(start_response: StartResponse) -> StartResponse:
    """Let the debugger's page take the place of a response that has only started."""
    started = False

    def start(
        status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], object]:
        nonlocal started
        if started and exc_info is None:
            exc_info = sys.exc_info()
        started = True
        if exc_info is None:
            return start_response(status, headers)
        return start_response(status, headers, exc_info)

    return start


class _Preserving:
    """Keeps a call's context for the code that runs in one of its frames later.

    :param application: what serves the requests.
    """

    def __init__(self, application: WSGIApplication) -> None:
        self._application = application

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Serve one request."""
        preserve: Callable[[AbstractContextManager[None]], None] | None
        preserve = environ.get(_PRESERVE)
        if preserve is not None:
            preserve(_Again(current_app_context.get()))
        return self._application(environ, start_response)


class _Again:
    """Makes a context current again, as often as it is entered."""

    def __init__(self, context: AppContext) -> None:
        self._context = context
        self._entered: list[AbstractContextManager[None]] = []

    def __enter__(self) -> None:
        entered = _current(self._context)
        entered.__enter__()
        self._entered.append(entered)

    def __exit__(self, *error: Any) -> None:
        self._entered.pop().__exit__(*error)


@contextmanager
def _current(context: AppContext) -> Iterator[None]:
    token = current_app_context.set(context)
    try:
        yield
    finally:
        current_app_context.reset(token)
