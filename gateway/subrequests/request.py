"""The environ of a subrequest: what it has of the outer request, and what it has not.

It is built anew, and takes over what is listed here. Nothing that the outer request's
mount or its framework has put into its environ is among it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import starmap
from typing import IO, Any, Final

from gateway._version import __version__
from gateway.errors import SubrequestError
from gateway.isolation.logs import REQUEST_ID
from gateway.paths import MOUNT_STACK, from_text
from gateway.policies.client import RESOLVED, WAS_FORWARDED
from gateway.policies.cookies import COOKIES_AS_SENT
from gateway.policies.trace_context import (
    TRACEPARENT,
    TRACESTATE,
    child,
    is_traceparent,
)
from gateway.subrequests.target import Query, Target
from gateway.types import WSGIEnvironment

Data = bytes | str | IO[bytes] | Mapping[str, Any]
Headers = Mapping[str, str] | Iterable[tuple[str, str]]

# RFC 9110, 9.1 and 5.6.2.
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")

# The client, its connection and its server; who the client is, but not what it may.
_KEPT: Final = (
    *("REMOTE_ADDR", "REMOTE_HOST", "REMOTE_PORT", "HTTPS"),
    *("SERVER_NAME", "SERVER_PORT", "SERVER_PROTOCOL", "SERVER_SOFTWARE"),
    *("HTTP_HOST", "HTTP_USER_AGENT", "HTTP_FORWARDED", "HTTP_VIA"),
    *("wsgi.url_scheme", "wsgi.errors", "wsgi.multithread", "wsgi.multiprocess"),
    # RFC 9110 has no request id; https://www.w3.org/TR/trace-context/ has the others.
    *("HTTP_X_REQUEST_ID", TRACEPARENT, TRACESTATE, REQUEST_ID),
)
_KEPT_PREFIXES: Final = ("HTTP_X_FORWARDED", "HTTP_X_REAL_IP")

# That a request came by way of a proxy, which has named its client or has not: then who
# has its address is not its client. What is asked outside of a request is asked for
# nobody, and is not to pass for this machine.
_PROXIES: Final = (WAS_FORWARDED, RESOLVED)

# Who the client is to the server: HTTP's own, and what a server in front has found.
_AUTHORIZATION: Final = ("HTTP_AUTHORIZATION", "REMOTE_USER", "AUTH_TYPE")

_HOST_OF_PROXY: Final = ("HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_PORT")
_SCHEME_OF_PROXY: Final = ("HTTP_X_FORWARDED_PROTO", "HTTPS")


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked for; the parameters are those of :func:`gateway.subrequest`."""

    method: str | None = None
    query: Query | None = None
    headers: Headers = ()
    data: Data | None = None
    json: Any = None
    cookies: bool | Mapping[str, str] = False
    authorization: bool = False

    def environ(
        self,
        target: Target,
        outer: WSGIEnvironment | None,
        host: str,
        stack: tuple[str, ...],
    ) -> WSGIEnvironment:
        """Return the WSGI environment of the request (PEP 3333).

        :param outer: the request in which it is made, if there is one.
        :param host: the host where neither *target* nor *outer* has one.
        :param stack: the mounts whose requests wait for it.
        :raises SubrequestError: the method, a header or the body is malformed.
        """
        environ = _outside(host) if outer is None else _taken_over(outer)
        _aim(environ, target, outer is None)
        environ[MOUNT_STACK] = stack
        if outer is not None and self.authorization:
            environ |= {key: outer[key] for key in _AUTHORIZATION if key in outer}
        cookies = self._cookie_header(outer)
        if cookies:
            environ["HTTP_COOKIE"] = cookies
        return environ | self._own()

    def _cookie_header(self, outer: WSGIEnvironment | None) -> str:
        if isinstance(self.cookies, Mapping):
            return "; ".join(starmap(_cookie, self.cookies.items()))
        if not self.cookies or outer is None:
            return ""
        # What the mount sees are its own cookies only, under the names it knows.
        sent = COOKIES_AS_SENT.get()
        return str(outer.get("HTTP_COOKIE", "")) if sent is None else sent

    def _own(self) -> WSGIEnvironment:
        """Return what the method, the headers and the body make of the environ."""
        # Imported here: it is only needed where subrequests are made.
        from werkzeug.test import EnvironBuilder

        has_body = self.data is not None or self.json is not None
        method = self.method or ("POST" if has_body else "GET")
        if not _TOKEN.fullmatch(method):
            raise SubrequestError(
                f"{method!r} is not a method (RFC 9110, 9.1): write one such as POST"
            )
        try:
            # Once: they may be an iterator.
            headers = _checked(self.headers)
            builder = EnvironBuilder(
                method=method, headers=headers, data=self.data, json=self.json
            )
            made = builder.get_environ()
        except (TypeError, ValueError) as error:
            raise SubrequestError(f"no request can be made of it: {error}") from error
        except AttributeError as error:
            raise SubrequestError(
                f"no body can be made of {type(self.data).__name__}: data= takes "
                "bytes, text, a file or the fields of a form"
            ) from error
        if not any(name.lower() == "host" for name, _ in headers):
            del made["HTTP_HOST"]
        if method in ("POST", "PUT", "PATCH"):
            made.setdefault("CONTENT_LENGTH", "0")  # RFC 9110, 8.6
        own = ("REQUEST_METHOD", "CONTENT_TYPE", "CONTENT_LENGTH", "wsgi.input")
        return {
            key: value
            for key, value in made.items()
            if key in own or key.startswith("HTTP_")
        }


def _cookie(name: str, value: str) -> str:
    """Return a cookie, encoded as a server would set it (RFC 6265, 4.1.1)."""
    from werkzeug.http import dump_cookie

    if not _TOKEN.fullmatch(name):
        raise SubrequestError(
            f"{name!r} is not a cookie's name (RFC 6265, 4.1.1): it has letters, "
            "digits and some punctuation"
        )
    return dump_cookie(name, str(value), path=None, max_size=0)


def _outside(host: str) -> WSGIEnvironment:
    """Return what a request has that is made while none is being served."""
    return {
        "REMOTE_ADDR": "127.0.0.1",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": host,
        "HTTP_USER_AGENT": f"gateway/{__version__}",
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        WAS_FORWARDED: True,
    }


def _taken_over(outer: WSGIEnvironment) -> WSGIEnvironment:
    environ: WSGIEnvironment
    environ = {key: outer[key] for key in (*_KEPT, *_PROXIES) if key in outer}
    for key, value in outer.items():
        if key.startswith(_KEPT_PREFIXES):
            environ[key] = value
    environ.setdefault("wsgi.errors", sys.stderr)
    request_id = environ.get(REQUEST_ID)
    if request_id is not None:
        # The one that it was given here, whatever the client has sent.
        environ["HTTP_X_REQUEST_ID"] = str(request_id)
    if is_traceparent(environ.get(TRACEPARENT, "")):
        environ[TRACEPARENT] = child(environ[TRACEPARENT])
    return environ


def _aim(environ: WSGIEnvironment, target: Target, outside: bool) -> None:
    """Have *environ* ask for *target*."""
    if target.scheme is not None and target.scheme != environ["wsgi.url_scheme"]:
        environ["wsgi.url_scheme"] = target.scheme
        for key in _SCHEME_OF_PROXY:
            environ.pop(key, None)
    if target.host is not None and target.host != environ.get("HTTP_HOST"):
        environ["HTTP_HOST"] = target.host
        for key in _HOST_OF_PROXY:
            environ.pop(key, None)
    if outside:
        name, colon, port = str(environ["HTTP_HOST"]).rpartition(":")
        usual = "443" if environ["wsgi.url_scheme"] == "https" else "80"
        has_port = bool(colon) and port.isdigit()
        environ["SERVER_NAME"] = name if has_port else environ["HTTP_HOST"]
        environ["SERVER_PORT"] = port if has_port else usual
    environ.update(
        {
            "SCRIPT_NAME": target.script_name,
            "PATH_INFO": target.path,
            "QUERY_STRING": target.query,
            "wsgi.version": (1, 0),
            "wsgi.run_once": False,
        }
    )


def _checked(headers: Headers) -> list[tuple[str, str]]:
    items = headers.items() if isinstance(headers, Mapping) else headers
    checked = [(name, _as_latin1(str(value))) for name, value in items]
    for name, _ in checked:
        if not _TOKEN.fullmatch(name):
            raise SubrequestError(
                f"{name!r} is not a header's name (RFC 9110, 5.1): write one such as "
                "Accept"
            )
    return checked


def _as_latin1(value: str) -> str:
    """Return a header's *value* as PEP 3333 has it: UTF-8 bytes, where it must be."""
    try:
        value.encode("latin-1")
    except UnicodeEncodeError:
        return from_text(value)
    return value
