"""Django's URL patterns, as its resolver tells them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Any

from gateway.urlmap.endpoint import Ask, Endpoint, is_a, methods_of

_HANDLERS = "core.handlers."


def is_handler(candidate: object) -> bool:
    """Tell whether *candidate* is Django's handler, for WSGI or ASGI."""
    return is_a(candidate, "django.core.handlers.wsgi", "WSGIHandler") or is_a(
        candidate, "django.core.handlers.asgi", "ASGIHandler"
    )


def patterns(app: Any, ask: Ask) -> Iterator[Endpoint]:
    """Yield the patterns of the project's ``ROOT_URLCONF``."""
    urls: Any = sys.modules[_package(app) + "urls"]
    return _each(urls.get_resolver().url_patterns, "/", "")


def _package(app: Any) -> str:
    """Return Django's package with a dot: a mount may have a copy of its own."""
    modules = (base.__module__ for base in type(app).__mro__)
    own = next(each for each in modules if f"django.{_HANDLERS}" in each)
    return own.partition(_HANDLERS)[0]


def _each(found: Iterable[Any], path: str, namespace: str) -> Iterator[Endpoint]:
    for each in found:
        whole = path + _text(each.pattern)
        if hasattr(each, "url_patterns"):
            inner = f"{namespace}{each.namespace}:" if each.namespace else namespace
            yield from _each(each.url_patterns, whole, inner)
        else:
            name = f"{namespace}{each.name}" if each.name else each.lookup_str
            yield Endpoint(whole, _methods(each.callback), name)


def _text(pattern: Any) -> str:
    """Return a part of a path; a regular expression without its anchors."""
    text = str(pattern)
    if hasattr(pattern, "_regex"):
        text = text.removeprefix("^").removesuffix("$").removesuffix(r"\Z")
    return text


def _methods(view: Any) -> tuple[str, ...]:
    """Return the methods of a class-based view; a function does not tell its own."""
    actions = getattr(view, "actions", None)  # those of a REST framework's view set
    if isinstance(actions, dict):
        return methods_of(actions)
    cls = getattr(view, "view_class", None) or getattr(view, "cls", None)
    names = getattr(cls, "http_method_names", ())
    return methods_of(name for name in names if hasattr(cls, name))
