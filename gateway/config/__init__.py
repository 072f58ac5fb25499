"""``gateway.yaml`` to frozen specs: read, interpolated, checked against one table."""

from __future__ import annotations


def __getattr__(name: str) -> object:
    # Where a ported import line expects the configuration of an application.
    if name not in {"Config", "ConfigAttribute"}:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from gateway import settings

    return getattr(settings, name)
