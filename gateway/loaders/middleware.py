"""``middleware:`` of a mount: loaded as its application is, and put around it."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

from gateway.config.policy_spec import MiddlewareSpec
from gateway.config.spec import MountSpec
from gateway.errors import AppCrashedError, LoadError, NotAnApplicationError
from gateway.loaders.arity import shape, signature_of
from gateway.loaders.loaded import Loaded
from gateway.loaders.reference import Importer, blaming_application, find


def with_middleware(
    spec: MountSpec, loaded: Loaded, import_module: Importer, searched: Path | None
) -> Loaded:
    """Return *loaded* with its mount's middleware around it, the first one outermost.

    :param import_module: imports modules as the application does.
    :param searched: the folder they are expected in, for messages.
    :raises LoadError: one cannot be loaded; it says where the file names it.
    """
    wsgi: Any = loaded.wsgi
    for middleware in reversed(spec.policies.middleware):
        try:
            found = find(spec.name, middleware.use, import_module, searched)
            wsgi = _around(spec.name, middleware, found, wsgi)
        except LoadError as error:
            raise _placed(error, middleware) from error.__cause__
    if wsgi is loaded.wsgi:
        return loaded
    return replace(loaded, wsgi=wsgi, bare=loaded.wsgi)


def _around(mount: str, middleware: MiddlewareSpec, found: Any, wsgi: Any) -> Any:
    if not callable(found):
        raise NotAnApplicationError(
            mount,
            f"it is of the type {type(found).__name__}, which cannot be called with an "
            "application: name a class or a function",
        )
    signature = signature_of(found)
    if signature is not None:
        try:
            signature.bind(wsgi, **middleware.args)
        except TypeError as error:
            raise NotAnApplicationError(
                mount,
                f"{middleware.use}{signature} does not fit an application and 'args:' "
                f"({', '.join(map(str, middleware.args)) or 'none'}): {error}",
            ) from None
    with blaming_application(mount, f"calling {middleware.use}"):
        product = found(wsgi, **copy.deepcopy(dict(middleware.args)))
    if not callable(product) or shape(product, {}) == "asgi":
        raise NotAnApplicationError(
            mount,
            f"{middleware.use} has returned something of the type "
            f"{type(product).__name__}, which is no WSGI application: a middleware "
            "takes one and returns one",
        )
    return product


def _placed(error: LoadError, middleware: MiddlewareSpec) -> LoadError:
    """Return *error* with the place of the middleware in its message."""
    message = f"{middleware.place}: middleware: {error.message}"
    if isinstance(error, AppCrashedError):
        return AppCrashedError(error.mount, message, error.frames)
    return type(error)(error.mount, message)
