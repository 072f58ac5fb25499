"""What a configuration says of a mount, in the words of the tables."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path

from gateway.cli.render import RouteDetail, RouteRow
from gateway.config.spec import (
    CodeTarget,
    GatewaySpec,
    MountSpec,
    ProxyTarget,
    RedirectTarget,
    StaticTarget,
)
from gateway.policies.stack import describe


def route_rows(spec: GatewaySpec) -> list[RouteRow]:
    """Return a row for each mount, in the order of the file, loading none."""
    return [
        RouteRow(
            prefix=mount.prefix or "/",
            host=mount.host,
            mount=mount.name,
            kind=mount.target.kind,
            source=_source(mount, spec.home),
        )
        for mount in spec.mounts
    ]


def route_details(spec: GatewaySpec) -> list[RouteDetail]:
    """Return the rows with each mount's policies."""
    return [
        RouteDetail(**asdict(row), policies=describe(mount.policies))
        for row, mount in zip(route_rows(spec), spec.mounts, strict=True)
    ]


def _source(mount: MountSpec, home: Path) -> str:
    match mount.target:
        case CodeTarget(reference=reference, path=path):
            return reference if path is None else f"{_shown(path, home)} {reference}"
        case StaticTarget(folder=folder):
            return _shown(folder, home)
        case RedirectTarget(location=location, status=status):
            return f"{status} {location}"
        case ProxyTarget(url=url):
            return url


def _shown(path: Path, home: Path) -> str:
    try:
        return os.path.relpath(path, home)
    except ValueError:
        # Windows has no relative path from one drive to another.
        return os.fspath(path)
