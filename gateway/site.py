"""What an application may know of where it is mounted, and of its neighbours."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from gateway.context import current_app_context, current_request_context
from gateway.errors import GatewayError, OutsideContextError
from gateway.paths import from_text, quote_path
from gateway.types import WSGIEnvironment

# The mount's `config:` while its application is being loaded: an application built
# meanwhile starts from it, so that extensions which read the configuration in
# `init_app` already see the mount's values.
seed_config: ContextVar[Mapping[str, Any] | None] = ContextVar(
    "gateway.seed_config", default=None
)


@dataclass(frozen=True, slots=True)
class MountPoint:
    """One mount as its neighbours see it.

    :param prefix: without a trailing slash, as text; empty for the root.
    :param host: the host it answers on, such as ``*.example.com``; ``None`` for any.
    :param kind: ``flask``, ``django``, ``native``, ``wsgi``, ``asgi``, ``static`` or
        ``redirect``.
    """

    name: str
    prefix: str
    host: str | None
    kind: str


@dataclass(slots=True)
class Site:
    """The mounts of one gateway, by name and in the order of the file.

    ``mounts`` is replaced as a whole when the gateway's mounts change, never edited,
    so reading it needs no lock.
    """

    mounts: Mapping[str, MountPoint] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Mounted:
    """An application's own place in a site: its ``mount`` attribute."""

    point: MountPoint
    site: Site


class UnknownMountError(GatewayError, LookupError):
    """A mount was asked for by a name that the gateway does not have."""

    def __init__(self, name: str, known: Mapping[str, object]) -> None:
        super().__init__(
            f"there is no mount {name!r}: the mounts are {', '.join(known) or 'none'}"
        )


def mount_url(name: str, path: str = "/") -> str:
    """Return the URL of *path* inside the mount *name*.

    :param name: a mount of the gateway that serves the current application.
    :param path: a path inside that mount, as text; a query may follow after ``?``.
    :returns: an absolute path, under the prefix that the gateway itself is mounted at;
        a URL with a host where the mount answers on a host of its own.
    :raises UnknownMountError: the gateway has no such mount.
    :raises OutsideContextError: no application of a gateway is current.
    """
    here = _mounted()
    try:
        target = here.site.mounts[name]
    except KeyError:
        raise UnknownMountError(name, here.site.mounts) from None
    path, mark, query = path.partition("?")
    local = from_text(f"{target.prefix}/{path.lstrip('/')}")
    context = current_request_context.get(None)
    environ = None if context is None else context.environ
    if environ is not None:
        local = _outer_script_name(environ, here.point) + local
    url = quote_path(local) + mark + query
    if target.host is None or target.host == here.point.host:
        return url
    return _authority(target, environ) + url


def _mounted() -> Mounted:
    context = current_app_context.get(None)
    mounted: Mounted | None = getattr(context and context.app, "mount", None)
    if mounted is None:
        raise OutsideContextError(
            "mount_url needs an application that a gateway has mounted: the current "
            "one is "
            + ("none" if context is None else f"{context.app.name!r}, served alone")
        )
    return mounted


def _outer_script_name(environ: WSGIEnvironment, here: MountPoint) -> str:
    script_name = str(environ.get("SCRIPT_NAME", ""))
    return script_name.removesuffix(from_text(here.prefix))


def _authority(target: MountPoint, environ: WSGIEnvironment | None) -> str:
    host = target.host or ""
    if host.startswith("*."):
        raise GatewayError(
            f"mount {target.name!r} answers on every host of {host!r}, so it has no "
            "single URL: give it an exact host, or build the URL yourself"
        )
    if environ is None:
        return f"//{host}"
    scheme = environ.get("wsgi.url_scheme", "http")
    _, colon, port = str(environ.get("HTTP_HOST", "")).rpartition(":")
    return f"{scheme}://{host}" + (f":{port}" if colon and port.isdigit() else "")
