"""``trusted_hops``: what the proxies in front say of the client is believed.

Of ``X-Forwarded-For``, ``-Proto``, ``-Host`` and ``-Prefix``. ``Forwarded`` (RFC 7239)
is not read: few proxies write it, and where both are there they may disagree.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import ip_address
from typing import Final

from gateway.config.address import parse_prefix
from gateway.config.values import InvalidValue
from gateway.paths import from_text
from gateway.policies.client import RESOLVED, WAS_FORWARDED, is_forwarded, unmapped
from gateway.types import StartResponse, WSGIApplication, WSGIEnvironment

# RFC 9110, 7.2, without what no DNS name has; as a name and a port.
_HOST: Final = re.compile(
    r"([a-z0-9_](?:[a-z0-9_.-]{0,253}[a-z0-9_.-])?|\[[0-9a-f:.]{2,45}\])(?::([0-9]{1,5}))?",
    re.IGNORECASE,
)

# An address, for some proxies with a port behind it.
_PEER: Final = re.compile(
    r"(?:([0-9.]+)|\[([0-9a-f:.]+)\])(?::[0-9]{1,5})?|([0-9a-f:.]+)", re.IGNORECASE
)

_LONGEST: Final = 1024


class ForwardedPolicy:
    """Takes the client from the headers of trusted proxies (PEP 3333 middleware).

    Each proxy adds to the end of a header, so of *hops* of them the first one has
    written the value that is *hops* from the end; where there are fewer values, the
    first. A value that is not valid is no value. The headers are taken away, so that
    nobody believes them again; a request that they do not name a client for counts as
    forwarded for somebody unknown.

    The environ has then the client's ``REMOTE_ADDR``, the ``wsgi.url_scheme`` and
    ``HTTP_HOST`` that it has used, and in ``SCRIPT_NAME`` what the proxies have taken
    off the path.

    :param application: what serves the requests.
    :param hops: how many proxies there are, at least one.
    """

    __slots__ = ("_application", "_hops")

    def __init__(self, application: WSGIApplication, hops: int) -> None:
        self._application = application
        self._hops = hops

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Serve one request."""
        if is_forwarded(environ):
            self._resolve(environ)
        return self._application(environ, start_response)

    def _resolve(self, environ: WSGIEnvironment) -> None:
        client = _address(self._value(environ, "FOR"))
        scheme = _scheme(self._value(environ, "PROTO"))
        host = _host(self._value(environ, "HOST"))
        prefix = _prefix(self._value(environ, "PREFIX"))
        for name in [each for each in environ if each.startswith("HTTP_X_FORWARDED")]:
            del environ[name]
        environ.pop("HTTP_FORWARDED", None)
        environ.pop("HTTP_X_REAL_IP", None)
        if client is None:
            environ[WAS_FORWARDED] = True
        else:
            environ[RESOLVED] = True
            environ["REMOTE_ADDR"] = client
            environ.pop("REMOTE_HOST", None)
            environ.pop("REMOTE_PORT", None)
        if scheme is not None:
            environ["wsgi.url_scheme"] = scheme
        if host is not None:
            _set_host(environ, host)
        if prefix:
            environ["SCRIPT_NAME"] = prefix + environ.get("SCRIPT_NAME", "")

    def _value(self, environ: WSGIEnvironment, name: str) -> str:
        return _value(environ, name, self._hops)


def forwarded_host(environ: WSGIEnvironment, hops: int) -> str | None:
    """Return the Host header that the policy will find; ``None`` leaves it as it is."""
    host = _host(_value(environ, "HOST", hops))
    return None if host is None else host[0]


def _value(environ: WSGIEnvironment, name: str, hops: int) -> str:
    """Return what the outermost trusted proxy has written."""
    header: str = environ.get(f"HTTP_X_FORWARDED_{name}", "")
    values = header.split(",")
    return values[-min(hops, len(values))].strip(" \t")


def _address(value: str) -> str | None:
    match = _PEER.fullmatch(value[:_LONGEST])
    if match is None:
        return None
    try:
        return str(unmapped(ip_address(match[1] or match[2] or match[3])))
    except ValueError:
        return None


def _scheme(value: str) -> str | None:
    scheme = value.lower()
    return scheme if scheme in ("http", "https") else None


def _host(value: str) -> re.Match[str] | None:
    match = _HOST.fullmatch(value)
    return None if match is None or int(match[2] or 0) > 65535 else match


def _set_host(environ: WSGIEnvironment, host: re.Match[str]) -> None:
    environ["HTTP_HOST"] = host[0]
    environ["SERVER_NAME"] = host[1]
    secure = environ["wsgi.url_scheme"] == "https"
    environ["SERVER_PORT"] = host[2] or ("443" if secure else "80")


@lru_cache(maxsize=64)
def _prefix(value: str) -> str:
    """Return a prefix as it stands in a WSGI path; empty for none that is clean.

    Two slashes at its start would name another host (RFC 3986, 4.2).
    """
    if not value.isascii() or len(value) > _LONGEST:
        return ""
    try:
        return from_text(parse_prefix(value))
    except InvalidValue:
        return ""
