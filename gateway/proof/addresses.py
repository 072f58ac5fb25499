"""Where each mount answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.config.spec import MountSpec
from gateway.dispatch.names import table_of_names
from gateway.dispatch.table import Table
from gateway.paths import from_text, quote_path


@dataclass(frozen=True, slots=True)
class Address:
    """Where a mount's probe, by default its root, answers.

    :param host: what stands in the Host header, without a port.
    :param path: percent-encoded; a query may follow.
    """

    host: str
    path: str


def addresses(mounts: Sequence[MountSpec]) -> Mapping[str, Address]:
    """Return an address for each mount, by name, which leads to that mount."""
    table = table_of_names(mounts)
    return {mount.name: _address(mount, table) for mount in mounts}


def _address(mount: MountSpec, table: Table[str]) -> Address:
    prefix = from_text(mount.prefix)
    hosts = _hosts(mount.host)
    for host in hosts:
        route = table.resolve(host, prefix + "/")
        if route is not None and route.target == mount.name:
            break
    else:
        # Nothing leads there; what answers instead will be seen.
        host = hosts[0]
    return Address(host, quote_path(prefix) + (mount.probe or "/"))


def _hosts(pattern: str | None) -> tuple[str, ...]:
    if pattern is None:
        # RFC 2606 keeps .invalid for names that surely do not exist.
        return "localhost", "127.0.0.1", "gateway-prove.invalid"
    if pattern.startswith("*."):
        return tuple(label + pattern[1:] for label in ("gateway-prove", "www", "a.b"))
    return (pattern,)
