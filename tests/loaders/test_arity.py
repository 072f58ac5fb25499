"""What a callable is told to be by the parameters it requires."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest

from gateway.loaders.arity import parameters_of, shape


def wsgi(environ: Any, start_response: Any) -> Any: ...
def wsgi_with_more(environ: Any, start_response: Any, *, debug: bool = False) -> Any:
    pass


async def asgi(scope: Any, receive: Any, send: Any) -> None: ...
def asgi_2(scope: Any) -> Any: ...
def factory() -> Any: ...
def factory_of(config: Any = None, *, testing: bool = False, **others: Any) -> Any: ...
def needs_name(name: str) -> Any: ...
def keyword_only(environ: Any, *, start_response: Any) -> Any: ...
def anything(*args: Any, **kwargs: Any) -> Any: ...
def name_and_anything(name: str, *args: Any) -> Any: ...


@functools.wraps(wsgi)
def decorated(*args: Any, **kwargs: Any) -> Any:
    return wsgi(*args, **kwargs)


class WsgiClass:
    """An application as in the second example of PEP 3333: each call an instance."""

    def __init__(self, environ: Any, start_response: Any) -> None: ...


class FactoryClass:
    def __init__(self, testing: bool = False) -> None: ...
    def __call__(self, environ: Any, start_response: Any) -> Any: ...


class AsgiObject:
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None: ...


class Unreadable:
    @property
    def __signature__(self) -> Any:
        raise RuntimeError("not outside of a request")

    def __call__(self, environ: Any, start_response: Any) -> Any: ...


@pytest.mark.parametrize(
    ("candidate", "args", "expected"),
    [
        (wsgi, {}, "wsgi"),
        (wsgi_with_more, {}, "wsgi"),
        (decorated, {}, "wsgi"),
        (WsgiClass, {}, "wsgi"),
        (FactoryClass(), {}, "wsgi"),
        (FactoryClass().__call__, {}, "wsgi"),
        (functools.partial(asgi, "scope"), {}, "wsgi"),
        (asgi, {}, "asgi"),
        (AsgiObject(), {}, "asgi"),
        (factory, {}, "factory"),
        (factory_of, {}, "factory"),
        (factory_of, {"testing": True, "more": 1}, "factory"),
        (FactoryClass, {}, "factory"),
        (needs_name, {"name": "x"}, "factory"),
        (keyword_only, {"environ": 1, "start_response": 2}, "factory"),
        (name_and_anything, {"name": "x"}, "factory"),
        (functools.partial(needs_name, "x"), {}, "factory"),
        (functools.partial(wsgi, None, None), {}, "factory"),
        (anything, {}, "any"),
        (anything, {"name": "x"}, "factory"),
        (asgi_2, {}, "unknown"),
        (needs_name, {}, "unknown"),
        (needs_name, {"nme": "x"}, "unknown"),
        (name_and_anything, {}, "unknown"),
        (keyword_only, {}, "unknown"),
        (wsgi, {"testing": True}, "unknown"),
        (Unreadable(), {}, "unknown"),
        (min, {}, "unknown"),
        ("application", {}, "unknown"),
        (None, {}, "unknown"),
    ],
)
def test_what_a_callable_is(candidate: Any, args: Any, expected: str) -> None:
    assert shape(candidate, args) == expected


def test_a_signature_is_shown_as_it_is_written() -> None:
    def create_app(name: str, *, testing: bool = False) -> object: ...

    shown: Callable[[Any], str] = parameters_of
    assert shown(create_app) == "(name: 'str', *, testing: 'bool' = False) -> 'object'"
    assert shown(Unreadable()) == "(unknown parameters)"
