"""The URL maps of Flask and of the native framework; Werkzeug's dispatcher."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gateway.framework.app import App
from gateway.loaders.flask import is_flask
from gateway.loaders.wrapped import innermost
from gateway.urlmap.endpoint import Ask, Endpoint, below, is_a, methods_of


def has_rules(candidate: object) -> bool:
    """Tell whether *candidate* is a Flask or a native application."""
    return isinstance(candidate, App) or is_flask(candidate)


def rules(app: Any, ask: Ask) -> Iterator[Endpoint]:
    """Yield the rules of a Flask or native application.

    First what a dispatcher has that was put into its ``wsgi_app``, as it comes first.
    """
    around = innermost(vars(app).get("wsgi_app"), is_dispatcher)
    if around is not None:
        yield from _mounted(around, ask)
    for rule in app.url_map.iter_rules():
        host = rule.host or (f"{rule.subdomain}." if rule.subdomain else None)
        yield Endpoint(rule.rule, methods_of(rule.methods), rule.endpoint, host)


def is_dispatcher(candidate: object) -> bool:
    """Tell whether *candidate* is Werkzeug's ``DispatcherMiddleware``."""
    return is_a(candidate, "werkzeug.middleware.dispatcher", "DispatcherMiddleware")


def dispatched(app: Any, ask: Ask) -> Iterator[Endpoint]:
    """Yield what each application of a dispatcher has."""
    yield from _mounted(app, ask)
    yield from below("", app.app, ask)


def _mounted(dispatcher: Any, ask: Ask) -> Iterator[Endpoint]:
    for prefix, mounted in dispatcher.mounts.items():
        yield from below(prefix, mounted, ask)
