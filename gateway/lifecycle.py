"""The gateway: its mounts loaded, composed, served and closed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter
from types import MappingProxyType, TracebackType
from typing import TypeAlias

from gateway.config.load import load_config
from gateway.config.spec import GatewaySpec, MountSpec
from gateway.dispatch.dispatcher import Dispatcher
from gateway.dispatch.table import Route, Table
from gateway.errors import GatewayError, LoadError, NotAnApplicationError
from gateway.loaders.load import load
from gateway.loaders.loaded import Loaded
from gateway.mount import Mount
from gateway.paths import from_text
from gateway.policies.access_log import AccessLog
from gateway.site import Mounted, MountPoint, Site
from gateway.types import StartResponse, WSGIApplication, WSGIEnvironment

_log = logging.getLogger("gateway.lifecycle")

Wrap: TypeAlias = Callable[[MountSpec, WSGIApplication], WSGIApplication]


class LoadErrors(GatewayError):
    """Some mounts could not be loaded; none of them serves.

    :param errors: what is wrong with each of them, in the order of the file.
    """

    def __init__(self, errors: Iterable[LoadError]) -> None:
        self.errors = tuple(errors)
        super().__init__("\n".join(str(error) for error in self.errors))


class Gateway:
    """Many applications as one WSGI application (PEP 3333).

    :param spec: what to mount where.
    :param inside: wraps each mount's application where its context is pushed.
    :param outside: wraps each mount as a whole.
    :raises LoadErrors: applications could not be loaded; every mount was tried, and
        those that did load are closed again.
    """

    def __init__(
        self,
        spec: GatewaySpec,
        *,
        inside: Wrap | None = None,
        outside: Wrap | None = None,
    ) -> None:
        self.spec = spec
        self.site = Site()
        self.mounts: Mapping[str, Mount] = MappingProxyType(
            _load_all(spec, self.site, inside)
        )
        with ExitStack() as on_failure:
            on_failure.callback(self.close)
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

    def close(self) -> None:
        """End what the applications have running, the last mount first.

        What one of them raises is logged and does not keep the others from closing.
        """
        _close_all(self.mounts.values())

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
        self.close()


def _load_all(spec: GatewaySpec, site: Site, inside: Wrap | None) -> dict[str, Mount]:
    mounts: dict[str, Mount] = {}
    errors: list[LoadError] = []
    with ExitStack() as on_failure:
        # Also when a signal ends the loading.
        on_failure.callback(lambda: _close_all(mounts.values()))
        first = _First()
        for mount_spec in spec.mounts:
            try:
                mount, loaded = _load_mount(mount_spec, spec.home, site, inside)
                mounts[mount.name] = mount
                first.check(mount.name, loaded)
            except LoadError as error:
                errors.append(error)
            except GatewayError as error:
                errors.append(LoadError(mount_spec.name, str(error)))
        if errors:
            raise LoadErrors(errors)
        on_failure.pop_all()
    site.mounts = MappingProxyType(
        {name: _point(mount) for name, mount in mounts.items()}
    )
    return mounts


def _load_mount(
    spec: MountSpec, home: Path, site: Site, inside: Wrap | None
) -> tuple[Mount, Loaded]:
    started = perf_counter()
    loaded = load(spec, home)
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
            first = self._served.setdefault(id(loaded.served), name)
            if first != name:
                raise NotAnApplicationError(
                    name,
                    f"it is the same application object as mount {first!r}, so they "
                    "would share one context: name a factory in both, so that each "
                    "gets its own",
                )
        if loaded.exclusive is not None:
            first = self._exclusive.setdefault(loaded.exclusive, name)
            if first != name:
                raise NotAnApplicationError(
                    name,
                    f"mount {first!r} is a {loaded.exclusive} project already, and "
                    f"{loaded.exclusive} keeps its settings for the whole process: "
                    "serve this one from a process of its own",
                )


def _close_all(mounts: Iterable[Mount]) -> None:
    for mount in reversed(list(mounts)):
        try:
            mount.close()
        except (Exception, SystemExit):
            _log.exception("mount %s: closing failed", mount.name)
