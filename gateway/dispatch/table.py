"""The routing table: one pure question, ``resolve(host, path)``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from gateway.paths import remove_dot_segments

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Route(Generic[T]):
    """Something served at a prefix of a host.

    :param host: exact, ``*.`` and a domain, or ``None`` for every host.
    :param prefix: as in a WSGI path (UTF-8 bytes as Latin-1), no trailing slash; empty
        for the root.
    :param target: what serves it.
    :param slash: whether a GET of the bare prefix is redirected to its slash.
    """

    host: str | None
    prefix: str
    target: T
    slash: bool = True
    length: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "length", len(self.prefix))


class _Node(Generic[T]):
    """A segment in the tree of prefixes.

    :ivar route: the route that serves what no child does: its own, or the nearest
        ancestor's.
    """

    __slots__ = ("children", "route")

    def __init__(self, route: Route[T] | None) -> None:
        self.route = route
        self.children: dict[str, _Node[T]] = {}


class _Prefixes(Generic[T]):
    """The routes of one host pattern, found by their longest matching prefix.

    A tree of segments: a path costs one probe for each of its segments, as far as the
    tree goes there.
    """

    __slots__ = ("_first", "_root")

    def __init__(self, routes: Iterable[Route[T]]) -> None:
        top: _Node[T] = _Node(None)
        # The shortest first, so that a node's nearest ancestor is there before it.
        for route in sorted(routes, key=lambda route: route.length):
            node = top
            for segment in route.prefix.split("/")[1:]:
                node = node.children.setdefault(segment, _Node(node.route))
            node.route = route
        self._root = top.route
        self._first = top.children

    def find(self, host: str, path: str) -> Route[T] | None:
        """Return the route with the longest prefix of *path*."""
        if not path:
            return self._root
        node = self._first.get(path.split("/", 2)[1])
        if node is None:
            return self._root
        if node.children:
            for segment in path.split("/")[2:]:
                child = node.children.get(segment)
                if child is None:
                    break
                node = child
        return node.route


class Table(Generic[T]):
    """An immutable set of routes.

    The cost of :meth:`resolve` grows with the depth of the path and the labels of the
    host, never with the number of routes.

    :raises ValueError: two routes have the same host and prefix.
    """

    __slots__ = ("_any", "_exact", "_wildcards", "find", "routes")

    find: Callable[[str, str], Route[T] | None]
    """Does as :meth:`resolve`, for a path whose dot segments are resolved already."""

    def __init__(self, routes: Iterable[Route[T]]) -> None:
        self.routes = tuple(routes)
        hosts: dict[str | None, dict[str, Route[T]]] = {}
        for route in self.routes:
            prefixes = hosts.setdefault(route.host, {})
            if prefixes.setdefault(route.prefix, route) is not route:
                raise ValueError(
                    f"two routes for {route.host or 'any host'}: {route.prefix or '/'}"
                )
        self._any = _Prefixes(hosts.pop(None, {}).values())
        found = {host: _Prefixes(by.values()) for host, by in hosts.items() if host}
        self._exact = {h: p for h, p in found.items() if not h.startswith("*.")}
        self._wildcards = {h[1:]: p for h, p in found.items() if h.startswith("*.")}
        self.find = self._find_by_host if found else self._any.find

    def resolve(self, host: str, path: str) -> Route[T] | None:
        """Return the route that serves *path* on *host*, or ``None``.

        :param host: lower case, without a port.
        :param path: a WSGI path that is empty or starts with ``/``. Its dot segments
            are resolved first, so that none leads into a route through another's
            prefix.
        """
        return self.find(host, remove_dot_segments(path) if "/." in path else path)

    def _find_by_host(self, host: str, path: str) -> Route[T] | None:
        prefixes = self._exact.get(host)
        route = prefixes.find(host, path) if prefixes else None
        dot = host.find(".")
        while route is None and dot >= 0:
            prefixes = self._wildcards.get(host[dot:])
            route = prefixes.find(host, path) if prefixes else None
            dot = host.find(".", dot + 1)
        return route or self._any.find(host, path)
