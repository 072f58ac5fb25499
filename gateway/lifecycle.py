"""The gateway: its mounts loaded, composed, served and closed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from contextvars import copy_context
from pathlib import Path
from threading import Thread
from time import monotonic, perf_counter
from types import MappingProxyType, TracebackType
from typing import Final, TypeAlias

from gateway.config.load import load_config
from gateway.config.spec import GatewaySpec, MountSpec
from gateway.dispatch.dispatcher import Dispatcher
from gateway.dispatch.table import Route, Table
from gateway.errors import (
    GatewayError,
    LoadError,
    LoadErrors,
    NotAnApplicationError,
)
from gateway.loaders.load import load
from gateway.loaders.loaded import Loaded
from gateway.mount import Mount
from gateway.paths import from_text
from gateway.policies.access_log import AccessLog
from gateway.site import Mounted, MountPoint, Site
from gateway.types import StartResponse, WSGIApplication, WSGIEnvironment

_log = logging.getLogger("gateway.lifecycle")

# The loggers of the gateway and of its server, with all below them.
_OWN_LOGGERS: Final = ("gateway", "waitress")

# What a mount gets to close even when others have used up all the time, in seconds.
_LEAST_SHARE: Final = 0.1

Wrap: TypeAlias = Callable[[MountSpec, WSGIApplication], WSGIApplication]
Around: TypeAlias = Callable[[str], AbstractContextManager[object]]


class Gateway:
    """Many applications as one WSGI application (PEP 3333).

    :param spec: what to mount where.
    :param inside: wraps each mount's application where its context is pushed.
    :param outside: wraps each mount as a whole.
    :param loading: called with each mount's name; what it returns is entered while that
        mount is loaded.
    :raises LoadErrors: applications could not be loaded; every mount was tried, and
        those that did load are closed again.
    """

    def __init__(
        self,
        spec: GatewaySpec,
        *,
        inside: Wrap | None = None,
        outside: Wrap | None = None,
        loading: Around = nullcontext,
    ) -> None:
        self.spec = spec
        self.site = Site()
        self.mounts: Mapping[str, Mount] = MappingProxyType(
            _load_all(spec, self.site, inside, loading)
        )
        with ExitStack() as on_failure:
            on_failure.callback(self.close, spec.server.drain_timeout)
            self._dispatcher = Dispatcher(Table(self._routes(outside)))
            on_failure.pop_all()
        self._wsgi: WSGIApplication = AccessLog(self._dispatcher)

    @classmethod
    def from_file(cls, path: str | Path) -> Gateway:
        """Load the gateway that a ``gateway.yaml`` describes.

        :raises ConfigError: the file cannot be used.
        :raises LoadErrors: applications could not be loaded.
        """
        return cls(load_config(Path(path)))

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Serve one request."""
        return self._wsgi(environ, start_response)

    def close(self, timeout: float | None = None) -> tuple[str, ...]:
        """End what the applications have running, the last mount first.

        What one of them raises is logged and does not keep the others from closing.
        With a timeout each is closed in a thread of its own, and one that takes more
        than its share of the time no longer holds up the others.

        :param timeout: how long all of it may take, in seconds; ``None`` is as long as
            needed, in the calling thread. Leaving a ``with`` block waits for the
            ``drain_timeout`` of the configuration.
        :returns: the names of the mounts that are still closing.
        """
        if timeout is None:
            _close_all(self.mounts.values())
            return ()
        return _close_within(timeout, self.mounts.values())

    def _routes(self, outside: Wrap | None) -> list[Route[WSGIApplication]]:
        routes = []
        for spec in self.spec.mounts:
            mount = self.mounts[spec.name]
            target = mount.serve if outside is None else outside(spec, mount.serve)
            prefix = from_text(mount.prefix)
            routes.append(Route(mount.host, prefix, target, mount.slash))
        return routes

    def __enter__(self) -> Gateway:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.close(self.spec.server.drain_timeout)


def _load_all(
    spec: GatewaySpec, site: Site, inside: Wrap | None, loading: Around
) -> dict[str, Mount]:
    mounts: dict[str, Mount] = {}
    errors: list[LoadError] = []
    with ExitStack() as on_failure:
        # Also when a signal ends the loading.
        timeout = spec.server.drain_timeout
        on_failure.callback(lambda: _close_within(timeout, mounts.values()))
        first = _First()
        for mount_spec in spec.mounts:
            try:
                with loading(mount_spec.name):
                    mount, loaded = _load_mount(mount_spec, spec.home, site, inside)
                    mounts[mount.name] = mount
                first.check(mount.name, loaded)
            except LoadError as error:
                errors.append(error)
            except GatewayError as error:
                errors.append(LoadError(mount_spec.name, str(error)))
        if errors:
            kinds = {name: mount.kind for name, mount in mounts.items()}
            raise LoadErrors(errors, kinds)
        on_failure.pop_all()
    site.mounts = MappingProxyType(
        {name: _point(mount) for name, mount in mounts.items()}
    )
    return mounts


def _load_mount(
    spec: MountSpec, home: Path, site: Site, inside: Wrap | None
) -> tuple[Mount, Loaded]:
    started = perf_counter()
    try:
        loaded = load(spec, home)
    finally:
        _enable_own_loggers()
    seconds = perf_counter() - started
    with ExitStack() as on_failure:
        if loaded.close is not None:
            on_failure.callback(loaded.close)
        mount = _mount(spec, loaded, seconds, site, inside)
        on_failure.pop_all()
    return mount, loaded


def _mount(
    spec: MountSpec,
    loaded: Loaded,
    seconds: float,
    site: Site,
    inside: Wrap | None,
) -> Mount:
    mount = Mount(
        spec.name,
        spec.prefix,
        spec.host,
        kind=loaded.kind,
        source=loaded.source,
        application=loaded.application,
        wsgi=loaded.wsgi if inside is None else inside(spec, loaded.wsgi),
        native=loaded.native,
        slash=loaded.slash,
        load_seconds=seconds,
        close=loaded.close,
    )
    loaded.application.mount = Mounted(_point(mount), site, loaded.namespace)
    return mount


def _point(mount: Mount) -> MountPoint:
    return MountPoint(mount.name, mount.prefix, mount.host, mount.kind)


class _First:
    """The first mount that has what only one mount can have."""

    def __init__(self) -> None:
        self._served: dict[int, str] = {}
        self._exclusive: dict[str, str] = {}

    def check(self, name: str, loaded: Loaded) -> None:
        """Refuse what cannot stand beside the mounts before it.

        :raises NotAnApplicationError: it would share its application or its settings.
        """
        if loaded.served is not None:
            first = self._served.get(id(loaded.served))
            if first is not None:
                raise NotAnApplicationError(
                    name,
                    f"it is the same application object as mount {first!r}, so they "
                    "would share one context: name a factory in both, so that each "
                    "gets its own",
                )
        if loaded.exclusive is not None:
            first = self._exclusive.get(loaded.exclusive)
            if first is not None:
                raise NotAnApplicationError(
                    name,
                    f"mount {first!r} is a {loaded.exclusive} project already, and "
                    f"{loaded.exclusive} keeps its settings for the whole process: "
                    "serve this one from a process of its own",
                )
        # Only one that stands itself can be in the way of others.
        if loaded.served is not None:
            self._served[id(loaded.served)] = name
        if loaded.exclusive is not None:
            self._exclusive[loaded.exclusive] = name


def _close_all(mounts: Iterable[Mount]) -> None:
    for mount in reversed(list(mounts)):
        try:
            mount.close()
        except (Exception, SystemExit):
            _log.exception("mount %s: closing failed", mount.name)


def _close_within(timeout: float, mounts: Iterable[Mount]) -> tuple[str, ...]:
    """Close *mounts* in turn; return the names of those that are still at it.

    Each gets its share of the time that is left, so that one which hangs does not keep
    the others from closing at all.
    """
    deadline = monotonic() + timeout
    closing: dict[str, Thread] = {}
    waiting = list(mounts)
    while waiting:
        share = max(deadline - monotonic(), 0) / len(waiting)
        mount = waiting.pop()
        thread = Thread(
            target=copy_context().run,
            args=(_close_all, [mount]),
            name=f"gateway-close-{mount.name}",
            daemon=True,
        )
        closing[mount.name] = thread
        thread.start()
        thread.join(max(share, _LEAST_SHARE))
    for thread in closing.values():
        thread.join(max(deadline - monotonic(), 0))
    late = tuple(name for name, thread in closing.items() if thread.is_alive())
    for name in late:
        _log.warning("mount %s: still closing after %.1fs: cut off", name, timeout)
    return late


def _enable_own_loggers() -> None:
    """Undo what ``logging.config.dictConfig`` of an application does by default.

    It disables every logger that it does not name.
    """
    for name, logger in list(logging.root.manager.loggerDict.items()):
        own = name.partition(".")[0] in _OWN_LOGGERS
        if own and isinstance(logger, logging.Logger):
            logger.disabled = False
