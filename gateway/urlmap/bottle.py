"""Bottle's routes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gateway.urlmap.endpoint import Ask, Endpoint, below, is_a, methods_of

# What Bottle writes for every method.
_ANY = ("ANY", "PROXY")


def is_bottle(candidate: object) -> bool:
    """Tell whether *candidate* is a ``Bottle``."""
    return is_a(candidate, "bottle", "Bottle")


def routes(app: Any, ask: Ask) -> Iterator[Endpoint]:
    """Yield the routes, also those of applications mounted in it."""
    mounted: set[int] = set()
    for route in app.routes:
        target = route.config.get("mountpoint.target")
        if target is None:
            callback = route.get_undecorated_callback()
            name = route.name or getattr(callback, "__name__", None)
            yield Endpoint(route.rule, _methods(route.method), name)
        elif id(target) not in mounted:
            # Bottle has two routes for it: the prefix alone, and what is below.
            mounted.add(id(target))
            yield from below(_prefix(route), target, ask)


def _methods(method: str) -> tuple[str, ...]:
    return () if method in _ANY else methods_of([method])


def _prefix(route: Any) -> str:
    return "/" + str(route.config["mountpoint.prefix"]).strip("/")
