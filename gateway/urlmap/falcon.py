"""Falcon's routes, sinks and static routes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from gateway.urlmap.endpoint import Ask, Endpoint, is_a, methods_of


def is_falcon(candidate: object) -> bool:
    """Tell whether *candidate* is a Falcon application, for WSGI or ASGI."""
    return is_a(candidate, "falcon.app", "App")


def routes(app: Any, ask: Ask) -> Iterator[Endpoint]:
    """Yield what the application answers at."""
    roots = getattr(app._router, "_roots", None)
    if roots is None:
        yield Endpoint("/*", name=f"{type(app._router).__name__} (a router of its own)")
    else:
        yield from _nodes(roots)
    for static, *_ in app._static_routes:
        yield Endpoint(f"{static._prefix.rstrip('/')}/*", ("GET",), "static")
    for pattern, sink, *_ in app._sinks:
        name = getattr(sink, "__name__", type(sink).__name__)
        yield Endpoint(f"{pattern.pattern.rstrip('/')}/*", name=name)


def _nodes(nodes: Iterable[Any]) -> Iterator[Endpoint]:
    for node in nodes:
        if node.resource is not None:
            name = type(node.resource).__name__
            yield Endpoint(node.uri_template, _methods(node.method_map), name)
        yield from _nodes(node.children)


def _methods(responders: Any) -> tuple[str, ...]:
    """Return the methods that the resource answers itself.

    For all others Falcon has responders of its own: 405, and one for OPTIONS.
    """
    return methods_of(
        method
        for method, responder in (responders or {}).items()
        if not _module(responder).endswith(".falcon.responders")
    )


def _module(responder: Any) -> str:
    return f".{getattr(responder, '__module__', None)}"
