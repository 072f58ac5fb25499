"""What is special about Django: one process has one Django project."""

from __future__ import annotations

import os
from typing import Any

_HANDLERS = (
    ("django.core.handlers.wsgi", "WSGIHandler"),
    ("django.core.handlers.asgi", "ASGIHandler"),
)


def is_django(candidate: Any) -> bool:
    """Tell whether *candidate* is Django's handler, without importing Django."""
    return any(
        (base.__module__, base.__name__) in _HANDLERS
        for base in type(candidate).__mro__
    )


def is_in_django(frames: str) -> bool:
    """Tell whether a traceback, as text, goes through Django's own code."""
    return f"{os.sep}django{os.sep}" in frames
