"""``methods``: what a mount answers to (405)."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus

from gateway.pages import answer
from gateway.types import StartResponse, WSGIApplication, WSGIEnvironment


class MethodsPolicy:
    """Lets some request methods through (PEP 3333 middleware).

    An OPTIONS request that is not one of them is answered here, with the methods that
    are (RFC 9110, 9.3.7): it asks for nothing else.

    :param application: what serves the requests.
    :param methods: in capitals; GET brings HEAD along (RFC 9110, 9.1).
    """

    __slots__ = ("_allow", "_application", "_methods")

    def __init__(self, application: WSGIApplication, methods: tuple[str, ...]) -> None:
        self._application = application
        allowed = dict.fromkeys(methods)
        if "GET" in allowed:
            allowed["HEAD"] = None
        self._methods = frozenset(allowed)
        # OPTIONS is answered in any case.
        self._allow = ", ".join(dict.fromkeys((*allowed, "OPTIONS")))

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Serve one request."""
        method = environ["REQUEST_METHOD"]
        if method in self._methods:
            return self._application(environ, start_response)
        allow = [("Allow", self._allow)]
        if method == "OPTIONS":
            start_response("204 No Content", allow)
            return []
        status = HTTPStatus.METHOD_NOT_ALLOWED
        return answer(status, environ, start_response, allow)
