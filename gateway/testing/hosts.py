"""Which host to ask, so that a mount answers."""

from __future__ import annotations

from gateway.dispatch.names import table_of_names
from gateway.dispatch.reach import hosts_of, leading_host
from gateway.lifecycle import Gateway
from gateway.paths import from_text


def host_of(gateway: Gateway, name: str) -> str:
    """Return a host on which the mount *name* answers at its prefix."""
    table = table_of_names(gateway.mounts.values())
    mount = gateway.mounts[name]
    hosts = hosts_of(mount.host, "www", "gateway-test")
    return leading_host(table, name, hosts, from_text(mount.prefix) + "/")
