"""Asks an application for its URL map, by what it is and not by who says so."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any, Final

from gateway.loaders.wrapped import innermost
from gateway.urlmap import bottle, django, falcon, pyramid, starlette, werkzeug
from gateway.urlmap.endpoint import Endpoint, Reader

_READERS: Final[tuple[tuple[Callable[[object], bool], Reader], ...]] = (
    (werkzeug.has_rules, werkzeug.rules),
    (werkzeug.is_dispatcher, werkzeug.dispatched),
    (django.is_handler, django.patterns),
    (bottle.is_bottle, bottle.routes),
    (starlette.is_starlette, starlette.routes),
    (falcon.is_falcon, falcon.routes),
    (pyramid.is_pyramid, pyramid.routes),
)

# How many applications inside one another are followed: one may hold itself.
_DEEPEST: Final = 8


def ask(application: Any, depth: int = 0) -> tuple[Endpoint, ...] | None:
    """Return what *application* answers at, in the order in which it looks.

    No framework is imported for it. Middleware around the application is looked
    through, unless it is made of functions.

    :returns: ``None`` if it is of no framework that can be asked.
    """
    found = innermost(application, lambda each: _reader(each) is not None)
    reader = _reader(found)
    if reader is None or depth > _DEEPEST:
        return None
    return tuple(_merged(reader(found, partial(ask, depth=depth + 1))))


def _reader(candidate: object) -> Reader | None:
    return next((reader for is_of, reader in _READERS if is_of(candidate)), None)


def _merged(found: Iterable[Endpoint]) -> Iterator[Endpoint]:
    """Make one of neighbours that differ in their methods only."""
    last: Endpoint | None = None
    for each in found:
        if last is not None and replace(each, methods=last.methods) == last:
            methods = {*each.methods, *last.methods} if each.methods else ()
            last = replace(last, methods=tuple(sorted(methods)) if last.methods else ())
            continue
        if last is not None:
            yield last
        last = each
    if last is not None:
        yield last
