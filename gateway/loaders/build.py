"""Builds the object that a mount's ``app:`` or ``asgi:`` names."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, Literal

from gateway.errors import NotAnApplicationError
from gateway.loaders.arity import parameters_of, shape, signature_of
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
    if factory is None:
        # Arguments are for a factory; if they do not fit, that is what is wrong.
        factory = bool(args) or shape(found, args) == "factory"
        if not factory and shape(found, args) != interface:
            raise _unclear(mount, reference, found, interface)
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
    if _is_async(factory):
        raise NotAnApplicationError(
            mount,
            f"{reference} is an async function: a factory is a plain one; what has to "
            "be awaited belongs in the application's start-up",
        )
    signature = signature_of(factory)
    if signature is not None:
        try:
            signature.bind(**args)
        except TypeError as error:
            raise _misfit(mount, reference, signature, args, error) from None
    with blaming_application(mount, f"calling the factory {reference}"):
        return factory(**copy.deepcopy(dict(args)))


def _misfit(
    mount: str,
    reference: str,
    signature: inspect.Signature,
    args: Mapping[str, object],
    error: TypeError,
) -> NotAnApplicationError:
    names = ", ".join(map(str, args))
    wrong = f"does not fit 'args:' ({names})" if args else "needs 'args:'"
    unknown = [str(name) for name in args if name not in signature.parameters]
    open_to = [name for name in signature.parameters if name not in args]
    near = get_close_matches(unknown[0], open_to, 1) if unknown else []
    return NotAnApplicationError(
        mount,
        f"the factory {reference}{signature} {wrong}: {error}"
        + (f"; did you mean {near[0]!r}?" if near else ""),
    )


def _checked(mount: str, what: str, candidate: Any, interface: Interface) -> Any:
    """Return *candidate* unless it surely is no application of *interface*."""
    other = _OTHER[interface]
    if shape(candidate, {}) == other:
        raise _wrong_key(mount, what, other)
    if inspect.iscoroutine(candidate):
        candidate.close()  # nobody is going to await it
    if interface == "wsgi" and _is_async(candidate):
        raise NotAnApplicationError(
            mount, f"{what} is an async function, not {_CALLED[interface]}"
        )
    if not callable(candidate):
        hint = ": does the factory end with a 'return'?" if candidate is None else ""
        raise NotAnApplicationError(
            mount, f"{what} is {_a(candidate)}, not {_CALLED[interface]}{hint}"
        )
    return candidate


def _is_async(candidate: Any) -> bool:
    return inspect.iscoroutinefunction(candidate) or (
        callable(candidate) and inspect.iscoroutinefunction(candidate.__call__)
    )


def _unclear(
    mount: str, reference: str, found: Any, interface: Interface
) -> NotAnApplicationError:
    found_shape = shape(found, {})
    if not callable(found):
        return NotAnApplicationError(
            mount, f"{reference} is {_a(found)}, not {_CALLED[interface]}"
        )
    if found_shape == _OTHER[interface]:
        return _wrong_key(mount, reference, _OTHER[interface])
    called = f"{reference}{parameters_of(found)}"
    if found_shape == "any":
        return NotAnApplicationError(
            mount,
            f"{called} takes any arguments, so it could be {_CALLED[interface]} or a "
            "factory of one: say 'factory: true' or 'factory: false'",
        )
    return NotAnApplicationError(
        mount,
        f"{called} requires neither what {_CALLED[interface]} requires nor, as a "
        "factory does, nothing: give 'args:' to a factory, or say 'factory: true' or "
        "'factory: false'",
    )


def _wrong_key(mount: str, what: str, actual: Interface) -> NotAnApplicationError:
    return NotAnApplicationError(
        mount,
        f"{what} is {_CALLED[actual]}: use {_KEY[actual]!r} instead of "
        f"{_KEY[_OTHER[actual]]!r}",
    )


def _a(value: object) -> str:
    if value is None:
        return "None"
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"
