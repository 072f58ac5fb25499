"""What an application may know of where it is mounted, and of its neighbours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from gateway.context import current_app_context, top_request_context
from gateway.errors import GatewayError, OutsideContextError
from gateway.paths import (
    OUTER,
    from_text,
    is_below,
    quote_path,
    quote_query,
    remove_dot_segments,
)
from gateway.types import WSGIApplication, WSGIEnvironment

# The mount's `config:` while its application is being loaded: an application built
# meanwhile starts from it, so that extensions which read the configuration in
# `init_app` already see the mount's values.
seed_config: ContextVar[Mapping[str, Any] | None] = ContextVar(
    "gateway.seed_config", default=None
)


# How many names a message lists.
_NAMED = 20

_NONE = (
    "none. In a script push one, 'with gateway.mounts[...].app_context():'; to a "
    "thread take yours along, with 'contextvars.copy_context().run'"
)
_ALONE = "{!r}, served alone"


@dataclass(frozen=True, slots=True)
class MountPoint:
    """One mount as its neighbours see it.

    :param prefix: without a trailing slash, as text; empty for the root.
    :param host: the host it answers on, such as ``*.example.com``; ``None`` for any.
    :param kind: ``flask``, ``django``, ``native``, ``wsgi``, ``asgi``, ``static``,
        ``redirect`` or ``proxy``; ``app`` where it is not loaded.
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

    :param serve: what serves a request of one mount to another; ``None`` until all
        mounts are loaded.
    """

    mounts: Mapping[str, MountPoint] = field(default_factory=dict)
    serve: WSGIApplication | None = None


@dataclass(frozen=True, slots=True)
class Mounted:
    """An application's own place in a site: its ``mount`` attribute.

    :param namespace: the modules that are the mount's own, a
        ``gateway.isolation.modules.Namespace``; ``None`` where there are none.
    :param environ: the environment variables that are the mount's own, a
        ``gateway.isolation.environ.Overlay``; ``None`` where no code is mounted.
    """

    point: MountPoint
    site: Site
    namespace: Any = None
    environ: Any = None


class UnknownMountError(GatewayError, LookupError):
    """A mount was asked for by a name that the gateway does not have."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        names = list(known)
        near = get_close_matches(name, names, 1)
        if near:
            cure = f"did you mean {near[0]!r}?"
        else:
            more = ", ..." if len(names) > _NAMED else ""
            cure = f"the mounts are {', '.join(names[:_NAMED]) or 'none'}{more}"
        super().__init__(f"there is no mount {name!r}: {cure}")


def check_known(names: Iterable[str], known: Iterable[str]) -> None:
    """Check the names that somebody asks for mounts by.

    :param known: the names that the gateway has.
    :raises UnknownMountError: one is not among them.
    """
    mounts = list(known)
    for name in names:
        if name not in mounts:
            raise UnknownMountError(name, mounts)


def mount_url(name: str, path: str = "/") -> str:
    """Return the URL of *path* inside the mount *name*.

    :param name: a mount of the gateway that serves the current application.
    :param path: a path inside that mount, as text; a query may follow after ``?``. Its
        dot segments are resolved (RFC 3986, 5.2.4), so it does not lead out again.
    :returns: an absolute path, under the prefix that the gateway itself is mounted at;
        a URL with a host where the mount answers on a host of its own.
    :raises UnknownMountError: the gateway has no such mount.
    :raises OutsideContextError: no application of a gateway is current.
    :raises GatewayError: the mount has no single URL, or none on the current host.
    """
    here = current_mounted("mount_url")
    request = top_request_context()
    environ = None if request is None else request.environ
    return url_in(here.site, here.point.host, environ, name, path)


def url_in(
    site: Site,
    host: str | None,
    environ: WSGIEnvironment | None,
    name: str,
    path: str,
) -> str:
    """Return the URL of *path* inside the mount *name* of *site*.

    :param host: the host pattern of who asks; ``None`` for any.
    :param environ: the request that is being served, if one is.
    :raises UnknownMountError: there is no such mount.
    :raises GatewayError: the mount has no single URL, or none on *host*.
    """
    try:
        target = site.mounts[name]
    except KeyError:
        raise UnknownMountError(name, site.mounts) from None
    path, mark, query = path.partition("?")
    inner = remove_dot_segments("/" + path.lstrip("/"))
    outer = "" if environ is None else str(environ.get(OUTER, ""))
    local = outer + from_text(target.prefix + inner)
    url = quote_path(local) + mark + quote_query(from_text(query))
    if target.host is None:
        _check_reachable(target, host, site)
    elif target.host != host:
        return _authority(target, environ) + url
    return url


def current_mounted(asker: str) -> Mounted:
    """Return the place of the application that is current.

    :param asker: the function that needs it, for the message.
    :raises OutsideContextError: no application of a gateway is current.
    """
    context = current_app_context.get(None)
    mounted: Mounted | None = getattr(context and context.app, "mount", None)
    if mounted is None:
        raise OutsideContextError(
            f"{asker} needs an application that a gateway has mounted: the current "
            "one is " + (_NONE if context is None else _ALONE.format(context.app.name))
        )
    return mounted


def _check_reachable(target: MountPoint, host: str | None, site: Site) -> None:
    """Refuse a URL that on the current host leads to another mount.

    :raises GatewayError: a mount of that host is in front of *target*.
    """
    if host is None:
        return
    for other in site.mounts.values():
        if covers(other.host, host) and is_below(target.prefix, other.prefix):
            raise GatewayError(
                f"mount {target.name!r} has no URL on the host {host!r}: mount "
                f"{other.name!r} answers there in its place. Give {target.name!r} a "
                "host of its own"
            )


def covers(pattern: str | None, host: str) -> bool:
    """Tell whether *host* is one of those that the *pattern* of a mount names."""
    return pattern is not None and (
        pattern == host or (pattern[:2] == "*." and host.endswith(pattern[1:]))
    )


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
