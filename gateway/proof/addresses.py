"""Where each mount answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from gateway.config.spec import MountSpec
from gateway.dispatch.names import table_of_names
from gateway.dispatch.reach import hosts_of, leading_host
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
    prefix, probe = from_text(mount.prefix), mount.probe or "/"
    inner = unquote_to_bytes(probe.partition("?")[0]).decode("latin-1")
    hosts = hosts_of(mount.host, "gateway-prove")
    host = leading_host(table, mount.name, hosts, prefix + inner)
    return Address(host, quote_path(prefix) + probe)
