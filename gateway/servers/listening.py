"""The addresses that engines listen on, taken before anything is loaded."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from ipaddress import ip_address
from typing import Final

from gateway.config.spec import ServerSpec
from gateway.errors import ServeError

# Addresses to listen on that are none to connect to.
_REPLACES: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def cannot_listen(spec: ServerSpec, error: Exception) -> ServeError:
    """Return what tells that the address of *spec* cannot be listened on."""
    if isinstance(error, OSError) and not isinstance(error, socket.gaierror):
        reason = os.strerror(error.errno) if error.errno else str(error)
    else:
        reason = "the host is not known"
    return ServeError(
        f"cannot listen on {authority(spec.host, spec.port)}: {reason}. Choose another "
        "address with --host and --port, or in the 'server:' section."
    )


def connectable(host: str) -> str:
    """Return the host to connect to for what listens on *host*."""
    return _REPLACES.get(host, host)


def is_loopback(host: str) -> bool:
    """Tell whether only this machine reaches what listens on *host*, an IP address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def authority(host: str, port: int) -> str:
    """Return host and port as in a URL (RFC 3986, 3.2), IPv6 in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def url_of(host: str, port: int) -> str:
    """Return the root of a server, for people and tests."""
    return f"http://{authority(connectable(host), port)}"


def is_listening(address: tuple[str, int]) -> bool:
    """Tell whether a connection to *address* can be made."""
    host, port = address
    try:
        socket.create_connection((connectable(host), port), timeout=1).close()
    except OSError:
        return False
    return True


@contextmanager
def listening_sockets(spec: ServerSpec) -> Iterator[list[socket.socket]]:
    """Listen on each address that the host of *spec* stands for, for ``with``.

    :raises ServeError: one of them cannot be listened on.
    """
    with ExitStack() as stack:
        sockets = []
        port = spec.port
        for family, address in _addresses(spec):
            try:
                bound = stack.enter_context(_bound(family, address, port))
                bound.listen(spec.backlog)
            except OSError as error:
                raise cannot_listen(spec, error) from error
            # Port 0 is a free one, and the same for all.
            port = bound.getsockname()[1]
            sockets.append(bound)
        yield sockets


@contextmanager
def reserved_address(spec: ServerSpec) -> Iterator[tuple[str, int]]:
    """Keep an address for a server that binds it by itself, for ``with``.

    That server has to use ``SO_REUSEPORT``. The socket here does not listen, so no
    connection goes astray.

    :returns: the address, an IP address, and the port.
    :raises ServeError: it cannot be listened on.
    """
    family, address = _addresses(spec)[0]
    try:
        # Without the option first: who has the port already is noticed so.
        with _bound(family, address, spec.port) as trial:
            trial.listen()
            port: int = trial.getsockname()[1]
        reserved = _bound(family, address, port, shared=True)
    except OSError as error:
        raise cannot_listen(spec, error) from error
    with reserved:
        yield address, port


def _addresses(spec: ServerSpec) -> list[tuple[socket.AddressFamily, str]]:
    try:
        found = socket.getaddrinfo(
            spec.host, spec.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except OSError as error:
        raise cannot_listen(spec, error) from error
    addresses = [(family, str(address[0])) for family, _, _, _, address in found]
    return list(dict.fromkeys(addresses))


def _bound(
    family: socket.AddressFamily, address: str, port: int, shared: bool = False
) -> socket.socket:
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            # Two families, two sockets.
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind((address, port))
    except BaseException:
        bound.close()
        raise
    return bound
