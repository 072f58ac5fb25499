"""The routes of Starlette and FastAPI."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from gateway.urlmap.endpoint import Ask, Endpoint, below, is_a, methods_of

_ROUTING = "starlette.routing"


def is_starlette(candidate: object) -> bool:
    """Tell whether *candidate* is an application or a router of Starlette's."""
    return is_a(candidate, "starlette.applications", "Starlette") or is_a(
        candidate, _ROUTING, "Router"
    )


def routes(app: Any, ask: Ask) -> Iterator[Endpoint]:
    """Yield the routes, also those of applications mounted in it."""
    return _each(app.routes, ask)


def _each(found: Iterable[Any], ask: Ask) -> Iterator[Endpoint]:
    for route in found:
        included = getattr(route, "effective_candidates", None)
        if included is not None:
            # A router included in a FastAPI application, with its prefix applied.
            yield from _each(included(), ask)
        else:
            # Of such a router, what is no operation of an API is a route inside.
            yield from _one(getattr(route, "starlette_route", None) or route, ask)


def _one(route: Any, ask: Ask) -> Iterator[Endpoint]:
    name = getattr(route, "name", None) or None
    if is_a(route, _ROUTING, "Mount"):
        yield from below(route.path, route.app, ask, name)
    elif is_a(route, _ROUTING, "Host"):
        for each in below("", route.app, ask, name):
            yield replace(each, host=route.host)
    elif is_a(route, _ROUTING, "WebSocketRoute"):
        yield Endpoint(route.path, ("WEBSOCKET",), name)
    elif isinstance(getattr(route, "path", None), str):
        methods = methods_of(getattr(route, "methods", None))
        yield Endpoint(route.path or "/", methods, name)
    else:
        yield Endpoint("/*", name=name or type(route).__name__)
