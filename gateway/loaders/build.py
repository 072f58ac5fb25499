"""Builds the object that a mount's ``app:`` or ``asgi:`` names."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping
from typing import Any, Literal

from gateway.errors import NotAnApplicationError
from gateway.loaders.arity import parameters_of, shape
from gateway.loaders.reference import blaming_application

Interface = Literal["wsgi", "asgi"]

_OTHER: dict[Interface, Interface] = {"wsgi": "asgi", "asgi": "wsgi"}
_KEY: dict[Interface, str] = {"wsgi": "app:", "asgi": "asgi:"}
_CALLED: dict[Interface, str] = {
    "wsgi": "a WSGI application (environ, start_response)",
    "asgi": "an ASGI application (scope, receive, send)",
}


def build(
    mount: str,
    reference: str,
    found: Any,
    interface: Interface,
    *,
    args: Mapping[str, object],
    factory: bool | None,
) -> Any:
    """Return the application that *found* is, or that it makes.

    :param reference: what the configuration says, for messages.
    :param found: the object that *reference* names.
    :param args: keyword arguments for a factory; it gets a copy of its own.
    :param factory: whether *found* is a factory; ``None`` to tell by the parameters
        that it requires.
    :raises NotAnApplicationError: it is neither, or it cannot be told.
    :raises AppCrashedError: the factory raised.
    """
    found_shape = shape(found, args)
    if factory is None:
        factory = found_shape == "factory"
        if not factory and found_shape != interface:
            raise _unclear(mount, reference, found, interface, args)
    if not factory:
        return _checked(mount, reference, found, interface)
    product = _call_factory(mount, reference, found, args)
    return _checked(mount, f"what {reference} returned", product, interface)


def _call_factory(
    mount: str, reference: str, factory: Any, args: Mapping[str, object]
) -> Any:
    if not callable(factory):
        raise NotAnApplicationError(
            mount, f"{reference} is {_a(factory)}, which cannot be called as a factory"
        )
    arguments = copy.deepcopy(dict(args))
    try:
        inspect.signature(factory).bind(**arguments)
    except TypeError as error:
        given = f"args: {sorted(args)}" if args else "no 'args:'"
        raise NotAnApplicationError(
            mount,
            f"the factory {reference}{parameters_of(factory)} does not fit {given}: "
            f"{error}",
        ) from None
    except ValueError:
        pass  # A callable written in C: it will say so itself.
    with blaming_application(mount, f"calling the factory {reference}"):
        return factory(**arguments)


def _checked(mount: str, what: str, candidate: Any, interface: Interface) -> Any:
    """Return *candidate* unless it surely is no application of *interface*."""
    if inspect.iscoroutine(candidate):
        candidate.close()
        raise NotAnApplicationError(
            mount, f"{what} is a coroutine: a factory is a plain function, not async"
        )
    other = _OTHER[interface]
    if callable(candidate) and shape(candidate, {}) == other:
        raise _wrong_key(mount, what, other)
    if not callable(candidate):
        raise NotAnApplicationError(
            mount, f"{what} is {_a(candidate)}, not {_CALLED[interface]}"
        )
    return candidate


def _unclear(
    mount: str,
    reference: str,
    found: Any,
    interface: Interface,
    args: Mapping[str, object],
) -> NotAnApplicationError:
    if not callable(found):
        return NotAnApplicationError(
            mount, f"{reference} is {_a(found)}, not {_CALLED[interface]}"
        )
    if not args and shape(found, {}) == _OTHER[interface]:
        return _wrong_key(mount, reference, _OTHER[interface])
    return NotAnApplicationError(
        mount,
        f"{reference}{parameters_of(found)} requires neither what "
        f"{_CALLED[interface]} requires nor, once its 'args:' are given, nothing, as a "
        "factory does: give 'args:' for the rest, or say 'factory: true' or "
        "'factory: false'",
    )


def _wrong_key(mount: str, what: str, actual: Interface) -> NotAnApplicationError:
    return NotAnApplicationError(
        mount,
        f"{what} is {_CALLED[actual]}: use {_KEY[actual]!r} instead of "
        f"{_KEY[_OTHER[actual]]!r}",
    )


def _a(value: object) -> str:
    return f"a {type(value).__name__}" if value is not None else "None"
