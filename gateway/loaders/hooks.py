"""The functions of an application that the gateway calls at turns of its life."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import AbstractContextManager
from contextvars import copy_context
from dataclasses import replace
from typing import Final, TypeAlias

from gateway.errors import NotAnApplicationError
from gateway.loaders.arity import parameters_of, signature_of
from gateway.loaders.asgi import AsgiBridge
from gateway.loaders.loaded import Loaded
from gateway.loaders.modules import Modules
from gateway.loaders.reference import blaming_application, find
from gateway.types import Application

Hook: TypeAlias = Callable[[], object]

# How long an ASGI application may take to rest before processes are forked, in seconds.
_REST: Final = 10.0


def find_hook(
    mount: str, key: str, reference: str | None, modules: Modules
) -> Hook | None:
    """Find what *reference* names, while a mistake can still be told.

    :param key: the key of the configuration that names it.
    :raises LoadError: it is not there, or cannot be called without arguments.
    """
    if reference is None:
        return None
    found = find(mount, reference, modules.import_module, modules.searched)
    wrong = None
    if not callable(found):
        wrong = "is not a function"
    elif inspect.iscoroutinefunction(found):
        wrong = "is an async function, and nothing would await it: name a plain one"
    else:
        try:
            signature = signature_of(found)
            if signature is not None:
                signature.bind()
        except TypeError:
            wrong = f"takes {parameters_of(found)}, and it is called without arguments"
    if wrong is not None:
        raise NotAnApplicationError(mount, f"{key}: {reference} {wrong}")
    function: Hook = found
    return function


def surviving_forks(
    loaded: Loaded,
    mount: str,
    within: Callable[[Application], AbstractContextManager[object]],
    on_fork: Hook | None,
) -> Loaded:
    """Return *loaded* with what it does around a fork.

    :param within: has code of the mount run within what is its own.
    """
    bridge = loaded.wsgi if isinstance(loaded.wsgi, AsgiBridge) else None

    def rest() -> None:
        if bridge is not None:
            with within(loaded.application):
                bridge.rest(_REST)

    def go_on() -> None:
        with within(loaded.application):
            if on_fork is not None:
                with blaming_application(mount, "its 'on_fork:'"):
                    on_fork()
            if bridge is not None:
                bridge.startup()

    if bridge is None and on_fork is None:
        return loaded
    return replace(
        loaded,
        before_fork=lambda: copy_context().run(rest),
        after_fork=lambda: copy_context().run(go_on),
    )
