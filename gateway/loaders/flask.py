"""Flask mounts: the mount's ``config:`` reaches the application early and last.

Early: while the mount loads, a new ``Flask`` object starts from it, so that extensions
which read the configuration in ``init_app`` see it. Last: it is applied again when the
factory is done, so that it wins over what the application's own code has set.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from gateway.isolation.modules import when_imported
from gateway.site import seed_config

_MARK = "_gateway_seeds"


def is_flask(candidate: object) -> bool:
    """Tell whether *candidate* is a Flask application, without importing Flask."""
    return flask_class(candidate) is not None


def flask_class(candidate: object) -> type | None:
    """Return the Flask that *candidate* is an application of.

    A mount's private copy is in the package of its modules; an application's own class
    may be called Flask too.
    """
    for base in type(candidate).__mro__:
        if base.__name__ == "Flask" and f".{base.__module__}".endswith(".flask.app"):
            return base
    return None


@contextmanager
def seeding_flask() -> Iterator[None]:
    """Have Flask applications made within start from the mount's ``config:``.

    Flask is not imported for it: if it is not there yet, its import is awaited. A
    mount's private copy is prepared too.
    """
    undo = when_imported("flask.app", _seed)
    try:
        yield
    finally:
        undo()


def _seed(module: ModuleType) -> None:
    flask: Any = module.Flask
    original = flask.make_config
    if hasattr(original, _MARK):
        return

    def make_config(self: Any, instance_relative: bool = False) -> Any:
        config = original(self, instance_relative)
        config.update(seed_config.get() or {})
        return config

    setattr(make_config, _MARK, True)
    flask.make_config = make_config
