"""The dispatcher: one WSGI application out of many (PEP 3333)."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus

from gateway.dispatch.hosts import parse_host
from gateway.dispatch.table import Route, Table
from gateway.pages import answer
from gateway.paths import OUTER, location, remove_dot_segments
from gateway.types import StartResponse, WSGIApplication, WSGIEnvironment

_HOSTS_KEPT = 1024


class Dispatcher:
    """Hands each request to the application of the longest matching prefix.

    The application gets a copy of the environ, with the prefix moved from ``PATH_INFO``
    to ``SCRIPT_NAME``. A bad Host header, a path with NUL and one that does not start
    with a slash get 400; an address that nothing serves gets 404.

    :param table: the routes. Assigning another table swaps them all at once: each
        request reads it once.
    """

    __slots__ = ("_hosts", "table")

    def __init__(self, table: Table[WSGIApplication]) -> None:
        self.table = table
        # Shared by all threads: single reads and writes, of equal values.
        self._hosts: dict[str, str] = {}

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Serve one request."""
        try:
            path = environ["PATH_INFO"]
            script_name = environ["SCRIPT_NAME"]
            host: str | None = self._hosts[environ["HTTP_HOST"]]
        except KeyError:
            # A new host, or what PEP 3333 lets a server leave out.
            path = environ.get("PATH_INFO", "")
            script_name = environ.get("SCRIPT_NAME", "")
            host = self._parse_host(environ)
        if path[:1] != "/":
            # RFC 9110, 4.2.3: an empty path is the root. Under a prefix of the server's
            # it is that prefix without its slash.
            if path == "*" and environ["REQUEST_METHOD"] == "OPTIONS" and host:
                # RFC 9110, 9.3.7: it is about the server, and no mount's.
                start_response("204 No Content", [])
                return []
            if path:
                return answer(HTTPStatus.BAD_REQUEST, environ, start_response)
            path = "" if script_name else "/"
        if host is None or "\0" in path:
            return answer(HTTPStatus.BAD_REQUEST, environ, start_response)
        if "/." in path:
            path = remove_dot_segments(path)
        route = self.table.find(host, path)
        if route is None:
            return answer(HTTPStatus.NOT_FOUND, environ, start_response)
        rest = path[route.length :]
        if not rest and route.slash and environ["REQUEST_METHOD"] in ("GET", "HEAD"):
            return _redirect_to_slash(route, environ, start_response)
        inner = environ.copy()
        inner["SCRIPT_NAME"] = script_name + route.prefix
        inner["PATH_INFO"] = rest
        if script_name:
            inner[OUTER] = script_name
        return route.target(inner, start_response)

    def host_of(self, environ: WSGIEnvironment) -> str | None:
        """Return the host that a request is for; ``None`` if its header is nonsense."""
        try:
            return self._hosts[environ["HTTP_HOST"]]
        except KeyError:
            return self._parse_host(environ)

    def _parse_host(self, environ: WSGIEnvironment) -> str | None:
        """Parse a Host header that is not known yet, and remember it if it is good."""
        header = environ.get("HTTP_HOST")
        if header is None:
            # RFC 9112, 3.2: from HTTP/1.1 on a request has one, be it empty.
            old = environ.get("SERVER_PROTOCOL", "HTTP/1.0") == "HTTP/1.0"
            return "" if old else None
        host = parse_host(header)
        # Clients choose the keys, so there is a limit to how many are kept.
        if host is not None and len(self._hosts) < _HOSTS_KEPT:
            self._hosts[header] = host
        return host


def _redirect_to_slash(
    route: Route[WSGIApplication],
    environ: WSGIEnvironment,
    start_response: StartResponse,
) -> Iterable[bytes]:
    url = location(
        environ.get("SCRIPT_NAME", "") + route.prefix + "/",
        environ.get("QUERY_STRING", ""),
    )
    return answer(
        HTTPStatus.PERMANENT_REDIRECT, environ, start_response, [("Location", url)]
    )
