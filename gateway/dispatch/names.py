"""The routing table of mounts that are only to be named, not called."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from gateway.dispatch.table import Route, Table
from gateway.paths import from_text


class Placed(Protocol):
    """Whatever says where a mount answers: its spec, its point in a site, itself."""

    @property
    def name(self) -> str:
        """What its table answers with."""

    @property
    def host(self) -> str | None:
        """Exact, ``*.`` and a domain, or ``None`` for every host."""

    @property
    def prefix(self) -> str:
        """Without a trailing slash, as text; empty for the root."""


def table_of_names(points: Iterable[Placed]) -> Table[str]:
    """Return the table that tells the name of the mount which serves a path."""
    return Table(
        Route(point.host, from_text(point.prefix), point.name) for point in points
    )
