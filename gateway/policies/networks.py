"""``allow`` and ``deny``: which networks' clients may enter (403)."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus

from gateway.config.address import Network
from gateway.pages import answer
from gateway.policies.client import client_address, is_allowed
from gateway.types import StartResponse, WSGIApplication, WSGIEnvironment


class NetworkPolicy:
    """Lets clients of some networks in (PEP 3333 middleware).

    A client without an address, as behind a Unix socket, may not enter.

    :param application: what serves the requests of those who may.
    :param allow: the networks of those who may; ``None`` for all.
    :param deny: the networks of those who may not, and whom *allow* does not help.
    """

    __slots__ = ("_allow", "_application", "_deny")

    def __init__(
        self,
        application: WSGIApplication,
        allow: tuple[Network, ...] | None,
        deny: tuple[Network, ...],
    ) -> None:
        self._application = application
        self._allow = allow
        self._deny = deny

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Serve one request."""
        if not self._may_enter(environ):
            return answer(HTTPStatus.FORBIDDEN, environ, start_response)
        return self._application(environ, start_response)

    def _may_enter(self, environ: WSGIEnvironment) -> bool:
        address = client_address(environ)
        if address is None or any(address in network for network in self._deny):
            return False
        return self._allow is None or is_allowed(environ, self._allow)
