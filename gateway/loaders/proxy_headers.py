"""The header fields of a proxied exchange, in both directions (RFC 9110, 7.6)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit, urlunsplit

from gateway.paths import is_below, quote_path
from gateway.types import WSGIEnvironment

# RFC 9110, 7.6.1; the last two are meant for proxies too, and this one is none to the
# client. What the Connection field names is added for each message. "Trailers" is
# a slip of RFC 2616's that PEP 3333 forbids applications to send.
_HOP_BY_HOP: Final = frozenset(
    {
        *("connection", "keep-alive", "proxy-connection", "te", "trailer", "trailers"),
        *("transfer-encoding", "upgrade", "proxy-authenticate", "proxy-authorization"),
    }
)

# What the client says of itself, and the gateway knows better, with all of
# X-Forwarded-*; and what the server in front has answered already.
_REPLACED: Final = frozenset(
    {"forwarded", "x-real-ip", "via", "host", "expect", "content-length"}
)
_FORWARDED: Final = "x-forwarded"

# RFC 9110, 5.5: servers refuse some of these in a field, and clients end it at others.
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]+[ \t]*")

PSEUDONYM: Final = "wsgi-gateway"
"""How the gateway calls itself in a Via field (RFC 9110, 7.6.3)."""

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_REFRESH: Final = re.compile(
    r"(\s*[0-9.]+\s*[;,]\s*url\s*=\s*)(['\"]?)(.*?)(\2\s*)$", re.I
)


@dataclass(frozen=True, slots=True)
class Address:
    """The server behind.

    :param origin: scheme, host in lower case, port.
    :param path: of the configured URL, without a slash at its end.
    :param authority: what its own Host field says.
    """

    origin: tuple[str, str, int]
    path: str
    authority: str


def address_of(url: str) -> Address:
    """Return the parts of an upstream's checked *url*."""
    parts = urlsplit(url)
    return Address(_origin(parts), parts.path.rstrip("/"), parts.netloc)


def request_headers(
    environ: WSGIEnvironment, upstream: Address, preserve_host: bool
) -> dict[str, str]:
    """Return the fields that the server behind is sent.

    The client's address, scheme, host and prefix are given in ``X-Forwarded-*``, from
    what the gateway knows: what the request itself claims of them is believed, if at
    all, before it comes here.
    """
    fields = {
        key[5:].replace("_", "-").lower(): value
        for key, value in environ.items()
        if key.startswith("HTTP_")
    }
    host = _public_host(environ)
    via = fields.get("via")
    unwanted = _HOP_BY_HOP | _REPLACED | _named(fields.get("connection", ""))
    headers = {
        name.title(): value
        for name, value in fields.items()
        if name not in unwanted and not name.startswith(_FORWARDED)
    }
    if environ.get("CONTENT_TYPE"):
        headers["Content-Type"] = environ["CONTENT_TYPE"]
    headers["Host"] = host if preserve_host else upstream.authority
    if environ.get("REMOTE_ADDR"):
        headers["X-Forwarded-For"] = environ["REMOTE_ADDR"]
    headers["X-Forwarded-Proto"] = environ["wsgi.url_scheme"]
    headers["X-Forwarded-Host"] = host
    if environ.get("SCRIPT_NAME"):
        headers["X-Forwarded-Prefix"] = quote_path(environ["SCRIPT_NAME"])
    version = environ.get("SERVER_PROTOCOL", "HTTP/1.1").rpartition("/")[2]
    own = f"{version} {PSEUDONYM}"
    headers["Via"] = f"{via}, {own}" if via else own
    return headers


def response_headers(
    fields: Iterable[tuple[str, str]], environ: WSGIEnvironment, upstream: Address
) -> list[tuple[str, str]]:
    """Return the fields that the client is sent, its addresses under the prefix."""
    fields = list(fields)
    named = ",".join(value for name, value in fields if name.lower() == "connection")
    unwanted = _HOP_BY_HOP | _named(named)
    if any(name.lower() == "transfer-encoding" for name, _ in fields):
        # RFC 9112, 6.3: a length beside it is to be ignored, and not passed on.
        unwanted |= {"content-length"}
    mapped = _Mapping(environ, upstream)
    return [
        (name, mapped.field(name.lower(), without_controls(value)))
        for name, value in fields
        if name.lower() not in unwanted
    ]


def without_controls(value: str) -> str:
    """Return *value* with a space for control characters, folded lines too.

    Blanks around it are none of it (RFC 9110, 5.5).
    """
    return _CONTROLS.sub(" ", value).strip(" \t")


class _Mapping:
    """Turns the addresses of the server behind into those of the mount."""

    def __init__(self, environ: WSGIEnvironment, upstream: Address) -> None:
        self._upstream = upstream
        self._prefix = quote_path(environ.get("SCRIPT_NAME", ""))
        scheme = environ["wsgi.url_scheme"]
        self._public = urlsplit(f"{scheme}://{_public_host(environ)}")

    def field(self, name: str, value: str) -> str:
        """Return a field's *value* as the client is to see it."""
        if name in ("location", "content-location"):
            return self.url(value)
        if name == "refresh":
            return _REFRESH.sub(
                lambda found: f"{found[1]}{found[2]}{self.url(found[3])}{found[4]}",
                value,
            )
        if name == "set-cookie":
            return ";".join(self._attributes(value))
        return value

    def url(self, url: str) -> str:
        """Return *url*, under the prefix if it is one of the server behind."""
        try:
            parts = urlsplit(url)
            own = self._is_own(parts)
        except ValueError:
            return url  # Nobody can follow it anyway.
        if parts.netloc and not own:
            return url
        if parts.scheme and not parts.netloc:
            return url
        if not parts.netloc and not parts.path.startswith("/"):
            return url  # Relative to the page, which is under the prefix.
        path = self.path(parts.path or "/")
        if not parts.netloc:
            return urlunsplit(("", "", path, parts.query, parts.fragment))
        scheme = self._public.scheme if parts.scheme else ""
        return urlunsplit(
            (scheme, self._public.netloc, path, parts.query, parts.fragment)
        )

    def path(self, path: str) -> str:
        """Return the mount's path for an absolute *path* of the server behind.

        One that is under the prefix is left: that server has heard of the prefix.
        """
        base, prefix = self._upstream.path, self._prefix
        if (prefix and is_below(path, prefix)) or not is_below(path, base):
            return path
        # With two slashes at its start it would name a host (RFC 3986, 4.2).
        rest = path[len(base) :]
        return prefix + (rest or "/") if prefix else "/" + rest.lstrip("/")

    def _is_own(self, parts: SplitResult) -> bool:
        """Tell whether a URL is one of the server behind, as it or the client says.

        Without a scheme (RFC 3986, 4.2) it has that of the page, whichever it is.
        """
        for origin in (self._upstream.origin, _origin(self._public)):
            scheme = parts.scheme or origin[0]
            if _origin(parts._replace(scheme=scheme)) == origin:
                return True
        return False

    def _attributes(self, cookie: str) -> Iterator[str]:
        pair, *attributes = cookie.split(";")
        yield pair
        base = self._upstream.path
        for attribute in attributes:
            name, _, value = attribute.partition("=")
            word, value = name.strip().lower(), value.strip()
            if word == "domain" and self._is_domain(value):
                continue  # The browser knows another one; the cookie is for its host.
            if word == "path" and base and is_below(value, base):
                # Under the prefix it comes by the mount's cookie policy.
                yield f"{name}={value[len(base) :] or '/'}"
            else:
                yield attribute

    def _is_domain(self, domain: str) -> bool:
        host, name = self._upstream.origin[1], domain.lower().lstrip(".")
        return host == name or host.endswith("." + name)


def _public_host(environ: WSGIEnvironment) -> str:
    host: str = environ.get("HTTP_HOST", "")
    return host or f"{environ['SERVER_NAME']}:{environ['SERVER_PORT']}"


def _origin(parts: SplitResult) -> tuple[str, str, int]:
    port = parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
    return parts.scheme, (parts.hostname or "").lower(), port


def _named(connection: str) -> set[str]:
    return {name.strip().lower() for name in connection.split(",")} - {""}
