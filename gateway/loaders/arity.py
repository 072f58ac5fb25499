"""The rule that tells an application from a factory of one, by what it requires.

A callable that requires exactly two positional parameters is a WSGI application
(PEP 3333), one that requires exactly three an ASGI application (ASGI 3), and one that
requires none, once the mount's ``args`` are given, a factory.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, Literal

Shape = Literal["wsgi", "asgi", "factory", "unknown"]

_POSITIONAL = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
)


def shape(candidate: Any, args: Mapping[str, object]) -> Shape:
    """Tell what *candidate* is by the parameters it requires.

    :param args: the keyword arguments that a factory would be given.
    """
    if not callable(candidate):
        return "unknown"
    try:
        parameters = inspect.signature(candidate).parameters.values()
    except (TypeError, ValueError):
        return "unknown"
    required = [
        parameter
        for parameter in parameters
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    if not [parameter for parameter in required if parameter.name not in args]:
        return "factory"
    if args or any(parameter.kind not in _POSITIONAL for parameter in required):
        return "unknown"
    shapes: dict[int, Shape] = {2: "wsgi", 3: "asgi"}
    return shapes.get(len(required), "unknown")


def parameters_of(candidate: Any) -> str:
    """Return the parameters of *candidate*, for a message."""
    try:
        return str(inspect.signature(candidate))
    except (TypeError, ValueError):
        return "(unknown parameters)"
