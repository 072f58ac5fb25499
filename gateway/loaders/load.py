"""Loads the application of one mount, whatever its kind."""

from __future__ import annotations

import copy
from contextlib import ExitStack
from contextvars import copy_context
from pathlib import Path

from gateway.config.spec import (
    AppTarget,
    AsgiTarget,
    MountSpec,
    RedirectTarget,
    StaticTarget,
)
from gateway.context import AppContext, current_app_context
from gateway.loaders.build import build
from gateway.loaders.flask import seeding_flask
from gateway.loaders.foreign import ForeignApplication
from gateway.loaders.loaded import Loaded
from gateway.loaders.redirect import load_redirect
from gateway.loaders.reference import (
    find,
)
from gateway.loaders.static import load_static
from gateway.settings import Config
from gateway.site import seed_config

# How long an application may take to end what it has running, in seconds.
_SHUTDOWN_TIMEOUT = 10.0


def load(spec: MountSpec, home: Path) -> Loaded:
    """Load the application of *spec*.

    What it does to context variables meanwhile is forgotten afterwards.

    :param home: the folder of the configuration, where a module without a ``path:``
        is looked for first.
    :raises LoadError: it cannot be loaded.
    :raises MissingExtraError: it needs a package that is not installed.
    """
    return copy_context().run(_load, spec, home)


def _load(spec: MountSpec, home: Path) -> Loaded:
    match spec.target:
        case StaticTarget(folder=folder):
            return load_static(spec.name, folder)
        case RedirectTarget(location=location, status=status):
            return load_redirect(spec.name, spec.prefix, location, status)
        case AppTarget() | AsgiTarget() as target:
            return _load_code(spec, target, home)


def _load_code(spec: MountSpec, target: AppTarget | AsgiTarget, home: Path) -> Loaded:
    settings = copy.deepcopy(dict(spec.config))
    stand_in = ForeignApplication(spec.name, Config(str(home), settings))
    modules = _modules(spec.name, target, home)
    seed_config.set(settings)
    current_app_context.set(AppContext(stand_in))
    with ExitStack() as undo_on_failure, modules.active(), seeding_flask():
        undo_on_failure.callback(modules.close)
        found = find(spec.name, target.reference, modules.import_module, modules.folder)
        built = build(
            spec.name,
            target.reference,
            found,
            "wsgi" if isinstance(target, AppTarget) else "asgi",
            args=target.args,
            factory=target.factory,
        )
