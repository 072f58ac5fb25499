"""Whom the gateway answers about itself."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from http import HTTPStatus
from ipaddress import IPv6Address, ip_address
from typing import Final

from gateway.config.address import Network
from gateway.pages import answer
from gateway.servers.forwarded import WAS_FORWARDED
from gateway.types import StartResponse, WSGIApplication, WSGIEnvironment

# What proxies add, besides all of X-Forwarded-*: RFC 7239, RFC 9110 (7.6.3), nginx.
_PROXIED: Final = frozenset({WAS_FORWARDED, "HTTP_FORWARDED", "HTTP_VIA"})
_PREFIXES: Final = ("HTTP_X_FORWARDED", "HTTP_X_REAL_IP")


def is_forwarded(environ: WSGIEnvironment) -> bool:
    """Tell whether a proxy may have sent the request for somebody else."""
    return any(name in _PROXIED or name.startswith(_PREFIXES) for name in environ)


def is_allowed(environ: WSGIEnvironment, allow: Iterable[Network]) -> bool:
    """Tell whether the client of a request is in one of the networks.

    A request that was forwarded never is: a proxy on this machine has its address.
    """
    if is_forwarded(environ):
        return False
    try:
        address = ip_address(environ.get("REMOTE_ADDR", ""))
    except ValueError:
        return False  # No address at all, as behind a Unix socket.
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        # RFC 4291, 2.5.5.2: how an IPv6 socket sees IPv4 clients.
        address = address.ipv4_mapped
    return any(address in network for network in allow)


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
