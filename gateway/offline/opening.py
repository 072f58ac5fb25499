"""A gateway of which one mount is loaded, for work on that one."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import replace
from types import MappingProxyType

from gateway.config.spec import GatewaySpec, MountSpec
from gateway.dispatch.hosts import parse_host
from gateway.dispatch.names import table_of_names
from gateway.errors import SubrequestError
from gateway.generation import Around
from gateway.lifecycle import Gateway
from gateway.site import MountPoint, UnknownMountError
from gateway.types import StartResponse, WSGIApplication, WSGIEnvironment


def open_mount(
    spec: GatewaySpec, name: str, *, everything: bool, loading: Around = nullcontext
) -> Gateway:
    """Load the mount *name* of *spec*.

    The others are not loaded. It can link to them, but not ask them.

    :param everything: load the others, too.
    :raises UnknownMountError: there is no such mount.
    :raises LoadErrors: it could not be loaded.
    """
    chosen = tuple(mount for mount in spec.mounts if mount.name == name)
    if not chosen:
        raise UnknownMountError(name, (mount.name for mount in spec.mounts))
    if everything:
        return Gateway(spec, loading=loading)
    gateway = Gateway(replace(spec, mounts=chosen, admin=None), loading=loading)
    site = gateway.site
    points = {mount.name: _point_of(mount) for mount in spec.mounts}
    site.mounts = MappingProxyType(points | dict(site.mounts))
    site.serve = _OnlyLoaded(gateway, spec.mounts, name)
    return gateway


def _point_of(mount: MountSpec) -> MountPoint:
    return MountPoint(mount.name, mount.prefix, mount.host, mount.target.kind)


class _OnlyLoaded:
    """Serves requests to a mount that is loaded; a WSGI application (PEP 3333).

    :param name: the mount.
    """

    def __init__(
        self, application: WSGIApplication, mounts: Iterable[MountSpec], name: str
    ) -> None:
        self._application = application
        self._name = name
        self._table = table_of_names(mounts)

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Serve one request.

        :raises SubrequestError: another mount would serve it.
        """
        host = parse_host(environ.get("HTTP_HOST", "")) or ""
        route = self._table.resolve(host, environ["PATH_INFO"])
        if route is not None and route.target != self._name:
            raise SubrequestError(
                f"mount {route.target!r} is not loaded, only {self._name!r} is: give "
                "the command the option --all, in front of the mount's name"
            )
        return self._application(environ, start_response)
