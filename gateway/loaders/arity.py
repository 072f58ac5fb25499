"""The rule that tells an application from a factory of one, by what it requires.

A callable that requires exactly two positional parameters is a WSGI application
(PEP 3333), one that requires exactly three an ASGI application (ASGI 3), and one that
requires none, once the mount's ``args`` are given, a factory. One that takes any number
of positional arguments, such as a decorator's ``def wrapper(*args)``, may be either, so
it is told by the mount's ``args`` alone, which only a factory can be given.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, Literal

Shape = Literal["wsgi", "asgi", "factory", "any", "unknown"]

_POSITIONAL = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
)


def signature_of(candidate: Any) -> inspect.Signature | None:
    """Return the signature of *candidate*, or ``None`` where it cannot be known."""
    try:
        return inspect.signature(candidate)
    except Exception:  # whatever an object of the application's answers when asked
        return None


def shape(candidate: Any, args: Mapping[str, object]) -> Shape:
    """Tell what *candidate* is by the parameters it requires.

    :param args: the keyword arguments that a factory would be given.
    :returns: ``any`` where it takes whatever it is called with; ``unknown`` where it
        is neither an application nor a factory for these *args*.
    """
    signature = signature_of(candidate) if callable(candidate) else None
    if signature is None:
        return "unknown"
    parameters = signature.parameters.values()
    required = [
        parameter
        for parameter in parameters
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    if not [parameter for parameter in required if parameter.name not in args]:
        takes_any = any(each.kind is each.VAR_POSITIONAL for each in parameters)
        return "any" if takes_any and not args else "factory"
    if args or any(parameter.kind not in _POSITIONAL for parameter in required):
        return "unknown"
    shapes: dict[int, Shape] = {2: "wsgi", 3: "asgi"}
    return shapes.get(len(required), "unknown")


def parameters_of(candidate: Any) -> str:
    """Return the parameters of *candidate*, for a message."""
    signature = signature_of(candidate)
    return "(unknown parameters)" if signature is None else str(signature)
