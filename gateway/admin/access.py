"""Whom the gateway answers about itself."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from http import HTTPStatus

from gateway.config.address import Network
from gateway.pages import answer
from gateway.policies.client import is_allowed
from gateway.types import StartResponse, WSGIApplication, WSGIEnvironment


def has_token(environ: WSGIEnvironment, token: str) -> bool:
    """Tell whether a request brings *token* as its bearer (RFC 6750, 2.1)."""
    scheme, _, given = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() != "bearer":
        return False
    # In a time that does not depend on how much of it is right.
    return hmac.compare_digest(given.strip().encode("latin-1"), token.encode())


class Guard:
    """Lets clients of some networks in; for others there is nothing there.

    :param application: what serves the requests of those who may.
    :param allow: the networks.
    """

    def __init__(
        self, application: WSGIApplication, allow: tuple[Network, ...]
    ) -> None:
        self._application = application
        self._allow = allow

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Serve one request."""
        if not is_allowed(environ, self._allow):
            return answer(HTTPStatus.NOT_FOUND, environ, start_response)
        return self._application(environ, start_response)
