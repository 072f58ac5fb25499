"""Loads the application of one mount, whatever its kind."""

from __future__ import annotations

import copy
from collections.abc import Callable
from contextlib import ExitStack
from contextvars import copy_context
from pathlib import Path
from typing import Any

from gateway.config.spec import (
    AppTarget,
    AsgiTarget,
    MountSpec,
    RedirectTarget,
    StaticTarget,
)
from gateway.context import AppContext, current_app_context
from gateway.errors import NotAnApplicationError
from gateway.framework.app import App
from gateway.loaders.asgi import AsgiBridge
from gateway.loaders.build import Interface, build
from gateway.loaders.flask import is_flask, seeding_flask
from gateway.loaders.foreign import ForeignApplication
from gateway.loaders.loaded import Loaded
from gateway.loaders.modules import Modules, modules_of
from gateway.loaders.redirect import load_redirect
from gateway.loaders.reference import blaming_application, find
from gateway.loaders.static import load_static
from gateway.settings import Config
from gateway.site import seed_config
from gateway.types import Application

# How long an ASGI application may take to end what it has running, in seconds.
_SHUTDOWN_TIMEOUT = 10.0


def load(spec: MountSpec, home: Path) -> Loaded:
    """Load the application of *spec*.

    What it does to context variables meanwhile is forgotten afterwards.

    :param home: the folder of the configuration.
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
    modules = modules_of(spec.name, target, home)
    seed_config.set(settings)
    # Current while it loads, so that code at a module's top level sees its own.
    current_app_context.set(AppContext(stand_in))
    with ExitStack() as on_failure, modules.active(), seeding_flask():
        on_failure.callback(modules.close)
        found = find(
            spec.name, target.reference, modules.import_module, modules.searched
        )
        interface: Interface = "wsgi" if isinstance(target, AppTarget) else "asgi"
        built = build(
            spec.name,
            target.reference,
            found,
            interface,
            args=target.args,
            factory=target.factory,
        )
        shutdown = _shutdown(spec, modules)
        if interface == "asgi":
            loaded = _asgi(spec, stand_in, built, modules, shutdown)
        else:
            loaded = _wsgi(spec, stand_in, built, modules, shutdown)
        on_failure.pop_all()
    return loaded


def _shutdown(spec: MountSpec, modules: Modules) -> Callable[[], object] | None:
    """Find what ``shutdown:`` names, while a mistake can still be told."""
    if spec.shutdown is None:
        return None
    found = find(spec.name, spec.shutdown, modules.import_module, modules.searched)
    if not callable(found):
        raise NotAnApplicationError(
            spec.name, f"shutdown: {spec.shutdown} is not a function"
        )
    function: Callable[[], object] = found
    return function


def _wsgi(
    spec: MountSpec,
    stand_in: ForeignApplication,
    built: Any,
    modules: Modules,
    shutdown: Callable[[], object] | None,
) -> Loaded:
    application: Application = stand_in
    kind = "wsgi"
    if isinstance(built, App):
        kind, application = "native", built
        built.config.update(copy.deepcopy(dict(spec.config)))
    elif is_flask(built):
        kind = "flask"
        built.config.update(copy.deepcopy(dict(spec.config)))
        stand_in.config = built.config
    elif _is_django(built):
        kind = "django"
    return Loaded(
        application,
        built,
        kind,
        modules.source,
        served=built,
        native=kind == "native",
        close=_closer(spec, application, modules, shutdown, None),
    )


def _asgi(
    spec: MountSpec,
    stand_in: ForeignApplication,
    built: Any,
    modules: Modules,
    shutdown: Callable[[], object] | None,
) -> Loaded:
    bridge = AsgiBridge(built, name=spec.name)
    with blaming_application(spec.name, "its lifespan startup"):
        bridge.startup()
    return Loaded(
        stand_in,
        bridge,
        "asgi",
        modules.source,
        served=built,
        close=_closer(spec, stand_in, modules, shutdown, bridge),
    )


def _closer(
    spec: MountSpec,
    application: Application,
    modules: Modules,
    shutdown: Callable[[], object] | None,
    bridge: AsgiBridge | None,
) -> Callable[[], None]:
    """Return what ends the application: its own way first, its modules last."""

    def close() -> None:
        with ExitStack() as stack, modules.active():
            stack.callback(modules.close)
            if bridge is not None:
                stack.callback(bridge.shutdown, _SHUTDOWN_TIMEOUT)
            if shutdown is not None:
                stack.enter_context(AppContext(application))
                stack.callback(shutdown)

    return lambda: copy_context().run(close)


def _is_django(candidate: object) -> bool:
    return any(
        base.__module__ == "django.core.handlers.wsgi"
        and base.__name__ == "WSGIHandler"
        for base in type(candidate).__mro__
    )
