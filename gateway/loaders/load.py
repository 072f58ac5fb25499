"""Loads the application of one mount, whatever its kind."""

from __future__ import annotations

import copy
import importlib
import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from gateway.config.spec import (
    AppTarget,
    CodeTarget,
    MountSpec,
    ProxyTarget,
    RedirectTarget,
    StaticTarget,
)
from gateway.context import AppContext, current_app_context
from gateway.errors import AppCrashedError, is_for_the_server
from gateway.framework.app import App
from gateway.isolation import environ
from gateway.isolation.audit import as_error, process_audit
from gateway.isolation.begun import Begun
from gateway.isolation.logs import LogOverlay, forget_loggers, logging_kept_apart
from gateway.isolation.modules import Namespace
from gateway.isolation.signals import without_handlers
from gateway.loaders.asgi import AsgiBridge
from gateway.loaders.build import Interface, build
from gateway.loaders.causes import with_cause
from gateway.loaders.django import is_django
from gateway.loaders.flask import is_flask, seeding_flask
from gateway.loaders.foreign import ForeignApplication
from gateway.loaders.hooks import Hook, find_hook, surviving_forks
from gateway.loaders.loaded import Loaded
from gateway.loaders.middleware import with_middleware
from gateway.loaders.modules import Modules, modules_of
from gateway.loaders.proxy import load_proxy
from gateway.loaders.redirect import load_redirect
from gateway.loaders.reference import find
from gateway.loaders.static import load_static
from gateway.loaders.surroundings import surroundings
from gateway.loaders.wrapped import innermost
from gateway.settings import Config
from gateway.site import seed_config
from gateway.types import Application

_log = logging.getLogger("gateway.loaders")

# How long an ASGI application may take to end what it has running, in seconds.
_SHUTDOWN_TIMEOUT = 10.0


@dataclass(frozen=True, slots=True)
class _Own:
    """What one mount has for itself of what a process has only once."""

    modules: Modules
    variables: environ.Overlay
    records: LogOverlay

    @contextmanager
    def active(self, application: Application) -> Iterator[None]:
        """Run code of the mount within, but for its requests."""
        with self.variables.active(), self.modules.active(), AppContext(application):
            yield

    def close(self) -> None:
        try:
            self.variables.begun.end()
        finally:
            try:
                self.modules.close()
            finally:
                self.records.close()
                self._forget_loggers()

    def _forget_loggers(self) -> None:
        namespace = self.modules.namespace
        if namespace is not None:
            forget_loggers(namespace.package)
            libraries = namespace.libraries
            if libraries is not None and libraries.closed:
                forget_loggers(libraries.package)


def load(
    spec: MountSpec,
    home: Path,
    generation: int | None = None,
    predecessor: Namespace | None = None,
) -> Loaded:
    """Load the application of *spec*.

    What it does to context variables meanwhile is forgotten afterwards.

    :param home: the folder of the configuration.
    :param generation: which one of the mount's module namespaces this is; by default
        the lowest that is free.
    :raises LoadError: it cannot be loaded.
    :raises MissingExtraError: it needs a package that is not installed.
    """
    return copy_context().run(_load, spec, home, generation, predecessor)


def _load(
    spec: MountSpec,
    home: Path,
    generation: int | None,
    predecessor: Namespace | None,
) -> Loaded:
    process_audit.forget(spec.name)
    match spec.target:
        case StaticTarget(folder=folder):
            loaded = load_static(spec.name, folder, home)
        case RedirectTarget(location=location, status=status):
            loaded = load_redirect(spec.name, spec.prefix, location, status)
        case ProxyTarget():
            loaded = load_proxy(spec.name, spec.target)
        case target:
            return _load_code(spec, target, home, generation, predecessor)
    # Without modules of its own, a mount has only middleware that is installed.
    return with_middleware(spec, loaded, importlib.import_module, None)


def _load_code(
    spec: MountSpec,
    target: CodeTarget,
    home: Path,
    generation: int | None,
    predecessor: Namespace | None,
) -> Loaded:
    settings = copy.deepcopy(dict(spec.config))
    stand_in = ForeignApplication(spec.name, Config(str(home), settings))
    # Every mount with code has an overlay: what one writes no other one sees.
    environ.install()
    modules = modules_of(spec.name, target, spec.home, home, generation, predecessor)
    begun = Begun(spec.name, private=modules.namespace is not None)
    variables = environ.Overlay(spec.env, spec.name, begun)
    seed_config.set(settings)
    # Current while it loads, so that code at a module's top level sees its own.
    current_app_context.set(AppContext(stand_in))
    with (
        ExitStack() as on_failure,
        variables.active(),
        surroundings(spec.place.file),
        modules.active(),
        seeding_flask(),
        logging_kept_apart(variables) as records,
        # A strict mount is to be told: it may set none anywhere.
        nullcontext() if spec.strict else without_handlers(spec.name),
    ):
        own = _Own(modules, variables, records)
        begun.ends_within(partial(own.active, stand_in))
        on_failure.callback(own.close)
        # Innermost: what the gateway itself does around it is no mount's doing.
        ended = () if spec.shutdown is None else ("threads",)
        with process_audit.loading(spec.name, ended) as changes:
            loaded = _loaded(spec, target, stand_in, own)
            # What is its own ends with it from now on.
            on_failure.pop_all()
            on_failure.callback(close_quietly, loaded)
            loaded = with_middleware(
                spec, loaded, modules.import_module, modules.searched
            )
        on_failure.pop_all()
    if spec.strict and changes:
        close_quietly(loaded)
        raise as_error(spec.name, changes)
    return loaded


def _loaded(
    spec: MountSpec,
    target: CodeTarget,
    stand_in: ForeignApplication,
    own: _Own,
) -> Loaded:
    modules = own.modules
    interface: Interface = "wsgi" if isinstance(target, AppTarget) else "asgi"
    try:
        built = _built(spec, target, modules, interface)
    except AppCrashedError as error:
        private = modules.namespace is not None
        raise with_cause(error, modules.searched, private) from error.__cause__
    shutdown = find_hook(spec.name, "shutdown", spec.shutdown, modules)
    on_fork = find_hook(spec.name, "on_fork", spec.on_fork, modules)
    finish = _asgi if interface == "asgi" else _wsgi
    loaded = finish(spec, stand_in, built, own, shutdown)
    return surviving_forks(loaded, spec.name, own.active, on_fork)


def close_quietly(loaded: Loaded) -> None:
    """Close what is not going to serve; why it is not is what has to be told."""
    try:
        if loaded.close is not None:
            loaded.close()
    except BaseException as error:
        if is_for_the_server(error):
            raise
        _log.exception("mount %s: closing failed", loaded.application.name)


def _built(
    spec: MountSpec,
    target: CodeTarget,
    modules: Modules,
    interface: Interface,
) -> Any:
    found = find(spec.name, target.reference, modules.import_module, modules.searched)
    return build(
        spec.name,
        target.reference,
        found,
        interface,
        args=target.args,
        factory=target.factory,
    )


def _wsgi(
    spec: MountSpec,
    stand_in: ForeignApplication,
    built: Any,
    own: _Own,
    shutdown: Hook | None,
) -> Loaded:
    application: Application = stand_in
    kind, framework_context = "wsgi", None
    # The application itself: two mounts with it in different middleware share it too.
    served = built
    if (native := innermost(built, lambda each: isinstance(each, App))) is not None:
        kind, served, application = "native", native, _adopt(native, stand_in)
    elif (flask := innermost(built, is_flask)) is not None:
        kind, served, stand_in.config = "flask", flask, flask.config
        framework_context = flask.app_context
    elif (django := innermost(built, is_django)) is not None:
        kind, served = "django", django
    if kind in ("native", "flask"):
        # Once more, so that it wins over what the application's own code has set.
        application.config.update(copy.deepcopy(dict(spec.config)))
    return Loaded(
        application,
        built,
        kind,
        own.modules.source,
        served=served,
        native=kind == "native",
        exclusive="Django" if kind == "django" else None,
        namespace=own.modules.namespace,
        environ=own.variables,
        framework_context=framework_context,
        close=_closer(application, own, shutdown, None),
    )


def _adopt(app: App, stand_in: ForeignApplication) -> App:
    """Give *app* what was registered with its mount while it was not there yet."""
    app.teardown_appcontext_funcs[:0] = stand_in.teardown_appcontext_funcs
    for name, state in stand_in.extensions.items():
        app.extensions.setdefault(name, state)
    return app


def _asgi(
    spec: MountSpec,
    stand_in: ForeignApplication,
    built: Any,
    own: _Own,
    shutdown: Hook | None,
) -> Loaded:
    _warn_of_root_path(spec, built)
    django = innermost(built, is_django)
    bridge = AsgiBridge(built, name=spec.name)
    bridge.startup()
    return Loaded(
        stand_in,
        bridge,
        "asgi",
        own.modules.source,
        served=built if django is None else django,
        exclusive=None if django is None else "Django",
        namespace=own.modules.namespace,
        environ=own.variables,
        close=_closer(stand_in, own, shutdown, bridge),
    )


def _warn_of_root_path(spec: MountSpec, app: Any) -> None:
    root_path = getattr(app, "root_path", "")
    if isinstance(root_path, str) and root_path not in ("", spec.prefix):
        _log.warning(
            "mount %s: the application has root_path=%r, which takes the place of the "
            "mount's prefix %r, so its routes are not found: leave root_path out; the "
            "gateway tells the application its prefix",
            spec.name,
            root_path,
            spec.prefix or "/",
        )


def _closer(
    application: Application,
    own: _Own,
    shutdown: Hook | None,
    bridge: AsgiBridge | None,
) -> Callable[[], None]:
    """Return what ends the application: what still runs first, its modules last."""
    own.variables.begun.ends_within(partial(own.active, application))

    def close() -> None:
        # Not an ExitStack, which forgets the first of two errors.
        with own.variables.active(), own.modules.active():
            try:
                if bridge is not None:
                    bridge.shutdown(_SHUTDOWN_TIMEOUT)
            finally:
                try:
                    if shutdown is not None:
                        with AppContext(application):
                            shutdown()
                finally:
                    own.close()

    return lambda: copy_context().run(close)
