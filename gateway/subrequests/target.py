"""Where a subrequest goes: a path or a URL, taken apart and checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import SplitResult, unquote_to_bytes, urlencode, urlsplit

from gateway.dispatch.hosts import parse_host
from gateway.errors import SubrequestError
from gateway.paths import OUTER, from_text, quote_query
from gateway.site import Site, covers
from gateway.types import WSGIEnvironment

Query = str | Mapping[str, Any] | Iterable[tuple[str, Any]]

_SCHEMES: Final = ("http", "https")

# What stands for the asterisk of a mount's host outside of a request.
_SOME_LABEL: Final = "subrequest"


@dataclass(frozen=True, slots=True)
class Target:
    """What a subrequest asks for.

    :param host: as in a Host header; ``None`` for the one of the outer request.
    :param scheme: ``http`` or ``https``; ``None`` for the one of the outer request.
    :param script_name: the prefix that the gateway itself is served at.
    :param path: below *script_name*, as in a WSGI environ.
    :param query: as in a WSGI environ.
    """

    host: str | None
    scheme: str | None
    script_name: str
    path: str
    query: str


def target_of(
    url: str, query: Query | None, site: Site, environ: WSGIEnvironment | None
) -> Target:
    """Take *url* apart.

    :param url: an absolute path, or a URL with a host, with or without a scheme.
    :param query: added to the one that *url* has.
    :param environ: the outer request, if there is one.
    :raises SubrequestError: it is none, or leads out of the gateway.
    """
    try:
        return _target(url, query, site, environ)
    except UnicodeError as error:
        raise SubrequestError(f"{url!r} cannot be encoded: {error}") from error


def _target(
    url: str, query: Query | None, site: Site, environ: WSGIEnvironment | None
) -> Target:
    parts = _split(url)
    if parts.netloc:
        _check_host(url, parts.netloc, site, environ)
    outer = "" if environ is None else str(environ.get(OUTER, ""))
    path = unquote_to_bytes(parts.path or "/").decode("latin-1")
    if outer and not path.startswith(f"{outer}/"):
        raise SubrequestError(
            f"{url!r} leads out of the gateway, which is served at {outer!r}: name the "
            "mount, as in subrequest('/path', mount='name'), or use mount_url"
        )
    added = query if isinstance(query, str) else urlencode(_pairs(query), doseq=True)
    joined = "&".join(part for part in (parts.query, added) if part)
    return Target(
        parts.netloc or None,
        parts.scheme or None,
        outer,
        path[len(outer) :],
        quote_query(from_text(joined)),
    )


def host_outside(pattern: str | None) -> str:
    """Return the host that a mount has for itself while no request is served.

    :param pattern: the mount's own.
    """
    return (pattern or "localhost").replace("*", _SOME_LABEL)


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        absolute = parts.path.startswith("/") or (parts.netloc and not parts.path)
    except ValueError as error:
        raise SubrequestError(f"{url!r} is not a URL: {error}") from None
    if (parts.scheme and parts.scheme not in _SCHEMES) or not absolute:
        raise SubrequestError(
            f"{url!r} names no path of the gateway: begin it with a slash, or name "
            "the mount that it is in, as in subrequest('path', mount='name')"
        )
    return parts


def _check_host(
    url: str, authority: str, site: Site, environ: WSGIEnvironment | None
) -> None:
    """Refuse a host that is not the gateway's.

    Without a request any may be named: a mount may answer on every host.

    :raises SubrequestError: neither the outer request has it, nor a mount.
    """
    host = parse_host(authority)
    if host is None:
        raise SubrequestError(f"{url!r} has no host that a request could have")
    if environ is None or host == parse_host(environ.get("HTTP_HOST", "")):
        return
    if not any(covers(point.host, host) for point in site.mounts.values()):
        raise SubrequestError(
            f"{url!r} leads out of the gateway: no mount has the host {host!r}. A "
            "subrequest stays in this process; ask other servers with an HTTP client"
        )


def _pairs(query: Any) -> list[tuple[str, Any]]:
    return list(query.items() if isinstance(query, Mapping) else query or ())
