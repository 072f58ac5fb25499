"""Where a reference leads: into its own mount, another one, or out of the gateway."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final, Literal, TypeAlias
from urllib.parse import SplitResult, unquote_to_bytes, urljoin, urlsplit, urlunsplit

from werkzeug.urls import iri_to_uri

from gateway.dispatch.names import table_of_names
from gateway.dispatch.reach import hosts_of, leading_host
from gateway.errors import GatewayError
from gateway.paths import from_text, quote_path
from gateway.proof.doctor.references import Reference
from gateway.site import MountPoint, covers

Wrong: TypeAlias = Literal["scheme", "address"]

PUBLIC_URL: Final = "https://localhost"
"""Where the gateway is reached, if nothing else is said: as behind a TLS proxy."""

_PORTS: Final[Mapping[str, int]] = {"http": 80, "https": 443}


class PublicURLError(GatewayError, ValueError):
    """What is given as the gateway's public URL is none."""


@dataclass(frozen=True, slots=True)
class Target:
    """An address that a browser would ask for.

    :param url: absolute, without its fragment.
    :param path: its path as in a WSGI environ, from the gateway's root on.
    :param mount: the mount that serves it; ``None`` for none.
    :param wrong: what makes it miss the gateway that is meant.
    """

    url: str
    path: str
    mount: str | None
    wrong: Wrong | None = None


class Targets:
    """The addresses of a gateway.

    :param public: scheme, host and perhaps port that it is reached at.
    :param passed: prefixes, as text, of what is no mount's and not examined.
    :raises PublicURLError: *public* is not that.
    """

    def __init__(
        self,
        points: Iterable[MountPoint],
        public: str = PUBLIC_URL,
        passed: Collection[str] = (),
    ) -> None:
        self._passed = [from_text(prefix) for prefix in passed]
        self._public = _public(public)
        self._points = {point.name: point for point in points}
        self._hosts = {point.host for point in self._points.values() if point.host}
        self._table = table_of_names(self._points.values())

    def root(self, mount: str) -> str:
        """Return the URL of a mount's root, with a slash at its end.

        A name is made up for a wildcard host, and where another mount has the public
        one to itself.
        """
        point = self._points[mount]
        hosts = hosts_of(point.host, "doctor")
        if point.host is None:
            public = self._public.hostname or ""
            hosts = (f"[{public}]" if ":" in public else public, *hosts)
        prefix = from_text(point.prefix)
        host = leading_host(self._table, mount, hosts, f"{prefix}/")
        port = self._public.port
        authority = host if port is None else f"{host}:{port}"
        return f"{self._public.scheme}://{authority}{quote_path(prefix)}/"

    def of(self, page: str, reference: Reference) -> Target | None:
        """Return where *reference* leads to from *page*.

        :param page: an absolute URL.
        :returns: ``None`` if it is no address of this gateway, nor meant to be one.
        """
        try:
            url = urljoin(urljoin(page, reference.base), reference.url)
            parts = urlsplit(iri_to_uri(url))
            port = parts.port or _PORTS[parts.scheme]
        except (ValueError, KeyError):
            return None  # mailto:, javascript:, or no URL at all
        host, here = (parts.hostname or "").lower(), urlsplit(page)
        wrong: Wrong | None = None
        if not self._is_own(host, here.hostname):
            if not _is_loopback(host):
                return None
            wrong = "address"
        elif parts.scheme == "https" != here.scheme:
            return None  # whoever sends people there means it
        elif parts.scheme != here.scheme and parts.port is None:
            wrong = "scheme"
        elif port != (here.port or _PORTS[here.scheme]):
            if not _is_loopback(host):
                return None  # another server on that host
            wrong = "address"
        elif parts.scheme != here.scheme:
            wrong = "scheme"
        path = unquote_to_bytes(parts.path or "/").decode("latin-1")
        if any(f"{path}/".startswith(f"{prefix}/") for prefix in self._passed):
            return None
        route = self._table.resolve(host, path) if wrong is None else None
        return Target(
            urlunsplit((*parts[:2], parts.path or "/", parts.query, "")),
            path,
            None if route is None else route.target,
            wrong,
        )

    def _is_own(self, host: str, here: str | None) -> bool:
        """Tell whether *host* is one that the gateway is reached at."""
        if host in (here, self._public.hostname):
            return True
        return any(covers(pattern, host) for pattern in self._hosts)


def _public(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        good = parts.scheme in _PORTS and parts.hostname and parts.port != 0
    except ValueError:
        good = False
    if not good or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise PublicURLError(
            f"{url!r} is not where a gateway is reached: write scheme and host, such "
            "as https://apps.example.com"
        )
    return parts


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified
