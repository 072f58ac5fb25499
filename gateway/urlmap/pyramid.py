"""Pyramid's routes and views, as its introspection tells them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gateway.urlmap.endpoint import Ask, Endpoint, is_a, methods_of


def is_pyramid(candidate: object) -> bool:
    """Tell whether *candidate* is Pyramid's router."""
    return is_a(candidate, "pyramid.router", "Router")


def routes(app: Any, ask: Ask) -> Iterator[Endpoint]:
    """Yield the routes, then the views that are found by traversal."""
    views: dict[str | None, list[Mapping[str, Any]]] = {}
    for view in _category(app, "views"):
        views.setdefault(view["route_name"], []).append(view)
    for route in _category(app, "routes"):
        own = route["request_methods"]
        methods = _methods([own]) or _methods(
            view["request_methods"] for view in views.get(route["name"], [])
        )
        yield Endpoint("/" + route["pattern"].lstrip("/"), methods, route["name"])
    for view in views.get(None, []):
        # Those with a context are of one sort of resource, or answer exceptions.
        if view["context"] is None:
            path = f"/*/{view['name']}" if view["name"] else "/*"
            yield Endpoint(path, _methods([view["request_methods"]]), _name(view))


def _category(app: Any, name: str) -> Iterator[Mapping[str, Any]]:
    for each in app.registry.introspector.get_category(name, ()):
        yield each["introspectable"]


def _methods(predicates: Iterable[Any]) -> tuple[str, ...]:
    """Return the methods that any of *predicates* names; none if one has no limit."""
    names: set[str] = set()
    for predicate in predicates:
        if not predicate:
            return ()
        names.update([predicate] if isinstance(predicate, str) else predicate)
    return methods_of(names)


def _name(view: Mapping[str, Any]) -> str | None:
    name: str | None = getattr(view["callable"], "__name__", None)
    return name
