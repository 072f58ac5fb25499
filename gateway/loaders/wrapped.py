"""Looks through WSGI middleware for the application that it wraps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

# How middleware calls what it wraps: Werkzeug, WhiteNoise, Sentry, OpenTelemetry, ...
_NAMES = ("app", "application", "wsgi_app", "wsgi", "_app", "_application", "wrapped")

_DEEPEST = 16


def innermost(candidate: Any, accepts: Callable[[Any], bool]) -> Any:
    """Return the first application that *accepts* takes, from the outside in.

    :param candidate: an application, perhaps middleware around one, such as
        ``ProxyFix(app)``. Middleware made of functions hides what it wraps.
    :returns: ``None`` if there is none.
    """
    for _ in range(_DEEPEST):
        if candidate is None or accepts(candidate):
            return candidate
        candidate = _held(candidate)
    return None


def _held(candidate: Any) -> Any:
    for name in _NAMES:
        try:
            held = getattr(candidate, name, None)
        except Exception:  # whatever a property of somebody's does
            continue
        if callable(held):
            return held
    return None
