"""The gateway: its mounts loaded, composed, served and closed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from time import perf_counter
from types import MappingProxyType, TracebackType
from typing import TypeAlias

from gateway.config.load import load_config
from gateway.config.spec import GatewaySpec, MountSpec
from gateway.dispatch.dispatcher import Dispatcher
from gateway.dispatch.table import Route, Table
from gateway.errors import (
    GatewayError,
    LoadError,
    MissingExtraError,
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
        routes = []
        for mount_spec in spec.mounts:
            mount = self.mounts[mount_spec.name]
            target: WSGIApplication = mount.serve
            if outside is not None:
                target = outside(mount_spec, target)
            routes.append(
                Route(mount.host, from_text(mount.prefix), target, mount.slash)
            )
        self._dispatcher = Dispatcher(Table(routes))
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
    served: dict[int, str] = {}
    for mount_spec in spec.mounts:
        started = perf_counter()
        try:
            loaded = load(mount_spec, spec.home)
        except LoadError as error:
            errors.append(error)
            continue
        except MissingExtraError as error:
            errors.append(LoadError(mount_spec.name, str(error)))
            continue
        mount = _mount(mount_spec, loaded, perf_counter() - started, site, inside)
        mounts[mount.name] = mount
        clash = _clash(mount_spec.name, loaded, served, mounts)
        if clash is not None:
            errors.append(clash)
    if errors:
        _close_all(mounts.values())
        raise LoadErrors(errors)
    site.mounts = MappingProxyType(
        {name: _point(mount) for name, mount in mounts.items()}
    )
    return mounts


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
    loaded.application.mount = Mounted(_point(mount), site)
    return mount


def _point(mount: Mount) -> MountPoint:
    return MountPoint(mount.name, mount.prefix, mount.host, mount.kind)


def _clash(
    name: str, loaded: Loaded, served: dict[int, str], mounts: Mapping[str, Mount]
) -> LoadError | None:
    """Tell whether *loaded* cannot stand beside the mounts before it."""
    if loaded.served is not None:
        first = served.setdefault(id(loaded.served), name)
        if first != name:
            return NotAnApplicationError(
                name,
                f"it is the same application object as mount {first!r}, so they would "
                "share one context: name a factory in both, so that each gets its own",
            )
    django = [mount.name for mount in mounts.values() if mount.kind == "django"]
    if loaded.kind == "django" and django != [name]:
        return NotAnApplicationError(
            name,
            f"mount {django[0]!r} is a Django project already, and Django keeps its "
            "settings for the whole process: serve this one from a process of its own",
        )
    return None


def _close_all(mounts: Iterable[Mount]) -> None:
    for mount in reversed(list(mounts)):
        try:
            mount.close()
        except (Exception, SystemExit):
            _log.exception("mount %s: closing failed", mount.name)
