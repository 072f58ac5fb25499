"""Flask mounts: the mount's ``config:`` reaches the application early and last.

Early: while the mount loads, a new ``Flask`` object starts from it, so that extensions
which read the configuration in ``init_app`` see it. Last: it is applied again when the
factory is done, so that it wins over what the application's own code has set.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

from gateway.site import seed_config

_MARK = "_gateway_seeds"


def is_flask(candidate: object) -> bool:
    """Tell whether *candidate* is a Flask application, without importing Flask."""
    return any(
        # A mount's private copy is in the package of its modules.
        base.__name__ == "Flask" and f".{base.__module__}".endswith(".flask.app")
        for base in type(candidate).__mro__
    )


@contextmanager
def seeding_flask() -> Iterator[None]:
    """Have Flask applications made within start from the mount's ``config:``.

    Flask is not imported for it: if it is not there yet, its import is awaited.
    """
    if "flask.app" in sys.modules:
        _seed(sys.modules["flask.app"])
        yield
        return
    finder = _AfterImport()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


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


class _AfterImport(MetaPathFinder):
    """Finds ``flask.app`` as usual, and has it prepared once it is executed."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        if fullname != "flask.app":
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        loader: Any = None if spec is None else spec.loader
        if hasattr(loader, "exec_module"):
            _seed_after(loader)
        return spec


def _seed_after(loader: Any) -> None:
    execute = loader.exec_module

    def exec_module(module: ModuleType) -> None:
        del loader.exec_module  # from here on it is as if nothing had been done to it
        execute(module)
        _seed(module)

    loader.exec_module = exec_module
