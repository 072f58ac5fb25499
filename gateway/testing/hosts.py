"""Which host to ask, so that a mount answers."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.dispatch.names import table_of_names
from gateway.lifecycle import Gateway
from gateway.paths import from_text


def host_of(gateway: Gateway, name: str) -> str:
    """Return a host on which the mount *name* answers at its prefix."""
    table = table_of_names(gateway.mounts.values())
    mount = gateway.mounts[name]
    path = from_text(mount.prefix) + "/"
    hosts = list(_candidates(mount.host))
    for host in hosts:
        route = table.resolve(host, path)
        if route is not None and route.target == name:
            return host
    # Others answer in its place, which is what the test is to see.
    return hosts[0]


def _candidates(pattern: str | None) -> Iterator[str]:
    if pattern is None:
        # Some mount may have the first of them to itself; RFC 2606 keeps .invalid for
        # names that surely do not exist.
        yield from ("localhost", "gateway.invalid")
    elif pattern.startswith("*."):
        yield from (label + pattern[1:] for label in ("www", "gateway-test", "a.b"))
    else:
        yield pattern
