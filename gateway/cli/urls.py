"""How the URLs inside the mounts look: as a tree, and as the rows of a table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from gateway.cli.render import aligned
from gateway.config.nodes import printable

if TYPE_CHECKING:
    from gateway.urlmap.endpoint import Endpoint
    from gateway.urlmap.mounts import MountMap

# What every framework adds by itself where there is another method.
_IMPLIED = frozenset({"HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class UrlRow:
    """One endpoint of a mount; or the mount, if it has none to show."""

    mount: str
    methods: str | None
    path: str
    host: str | None
    endpoint: str | None


def rows(maps: Iterable[MountMap]) -> Iterator[UrlRow]:
    """Yield a row for each endpoint."""
    for each in maps:
        for endpoint in each.endpoints:
            host = endpoint.host or each.host
            methods = _methods(endpoint)
            yield UrlRow(each.mount, methods, endpoint.path, host, endpoint.name)
        if not each.endpoints:
            yield UrlRow(each.mount, None, each.prefix, each.host, _empty(each))


def show_tree(maps: Iterable[MountMap]) -> None:
    """Print each mount, and its endpoints below it."""
    for each in maps:
        where = each.prefix if each.host is None else f"{each.host} {each.prefix}"
        click.echo(printable(f"{where}  {each.mount} ({each.kind}) {each.source}"))
        if each.policies:
            click.echo(printable("│   policies: " + " > ".join(each.policies)))
        leaves = list(aligned([_leaf(endpoint) for endpoint in each.endpoints]))
        for number, leaf in enumerate(leaves or [printable(_empty(each))], 1):
            branch = "└──" if number >= len(leaves) else "├──"
            click.echo(f"{branch} {leaf}")


def _leaf(endpoint: Endpoint) -> list[str]:
    name = endpoint.name or "-"
    if endpoint.host is not None:
        name += f" (on {endpoint.host})"
    return [printable(each) for each in (_methods(endpoint), endpoint.path, name)]


def _empty(each: MountMap) -> str:
    return f"({each.unknown or 'it has no routes'})"


def _methods(endpoint: Endpoint) -> str:
    """Return the methods for people, without those that go without saying."""
    shown = [method for method in endpoint.methods if method not in _IMPLIED]
    return ",".join(shown or endpoint.methods) or "ANY"
