"""Who sent a request: the address that limits and lists of networks go by."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final, TypeAlias

from gateway.config.address import Network
from gateway.types import WSGIEnvironment

Address: TypeAlias = IPv4Address | IPv6Address

WAS_FORWARDED: Final = "gateway.forwarded"
"""The environ key that tells of forwarding headers which were taken away."""

RESOLVED: Final = "gateway.client_resolved"
"""The environ key that tells that trusted proxies have named the client."""

# What proxies add, besides all of X-Forwarded-*: RFC 7239, RFC 9110 (7.6.3), nginx.
_PROXIED: Final = frozenset({WAS_FORWARDED, "HTTP_FORWARDED", "HTTP_VIA"})
_PREFIXES: Final = ("HTTP_X_FORWARDED", "HTTP_X_REAL_IP")


def is_forwarded(environ: WSGIEnvironment) -> bool:
    """Tell whether a proxy may have sent the request for somebody that nobody named.

    The address is the proxy's then, and may be one of this machine.
    """
    if RESOLVED in environ:
        return False
    return any(name in _PROXIED or name.startswith(_PREFIXES) for name in environ)


def client_address(environ: WSGIEnvironment) -> Address | None:
    """Return the address of a request's client; ``None`` where there is none."""
    return _parsed(environ.get("REMOTE_ADDR", ""))


# A client asks more than once, and parsing takes longer than many an answer.
@lru_cache(maxsize=1024)
def _parsed(text: str) -> Address | None:
    try:
        return unmapped(ip_address(text))
    except ValueError:
        return None  # No address at all, as behind a Unix socket.


def unmapped(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 socket has shown as its own."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped  # RFC 4291, 2.5.5.2
    return address


def is_allowed(environ: WSGIEnvironment, allow: Iterable[Network]) -> bool:
    """Tell whether the client of a request is in one of the networks.

    A request that was forwarded for nobody knows whom never is.
    """
    if is_forwarded(environ):
        return False
    address = client_address(environ)
    return address is not None and any(address in network for network in allow)
