"""Forwarding headers of clients that nobody trusts: out of sight, but not forgotten."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from gateway.policies.client import WAS_FORWARDED
from gateway.types import StartResponse, WSGIApplication, WSGIEnvironment

# RFC 7239 and what was there before it.
_UNTRUSTED: Final = (
    "HTTP_FORWARDED",
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_FORWARDED_PORT",
    "HTTP_X_FORWARDED_BY",
)


class DropForwarded:
    """Takes away the headers by which a proxy, or a liar, names another client.

    Applications do not see them. That there were some is noted in the environ: a
    request from this machine that has any may come from anywhere.

    :param application: what serves the requests.
    """

    __slots__ = ("_application",)

    def __init__(self, application: WSGIApplication) -> None:
        self._application = application

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Serve one request."""
        for name in _UNTRUSTED:
            if name in environ:
                del environ[name]
                environ[WAS_FORWARDED] = True
        return self._application(environ, start_response)
