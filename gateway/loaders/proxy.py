"""``proxy:`` mounts: an HTTP server of its own, under the prefix of the mount.

A gateway in the words of RFC 9110, 3.7: the client takes it for the origin server.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from typing import IO, TYPE_CHECKING, Any, Final

from werkzeug.wsgi import get_input_stream

from gateway.config.spec import ProxyTarget
from gateway.errors import GatewayError, MissingExtraError
from gateway.loaders.foreign import ForeignApplication
from gateway.loaders.loaded import Loaded
from gateway.loaders.proxy_headers import (
    PSEUDONYM,
    address_of,
    request_headers,
    response_headers,
    without_controls,
)
from gateway.pages import answer
from gateway.paths import quote_path, quote_query
from gateway.types import StartResponse, WSGIEnvironment

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, HTTPConnectionPool

_log = logging.getLogger("gateway.proxy")

# The most that one step of a body carries, in bytes.
_CHUNK: Final = 65536

# A request that has come by here so often goes in circles.
_MOST_TURNS: Final = 8

# RFC 9110, 9.2.2, of those without content: what may be asked a second time.
_REPEATABLE: Final = frozenset({"GET", "HEAD", "OPTIONS"})

# They are for the next hop itself: a connection that carries something else from then
# on, and an echo of what only the server behind should see (RFC 9110, 9.3.6, 9.3.8).
_NOT_PASSED_ON: Final = frozenset({"CONNECT", "TRACE"})

_STRAY_PERCENT: Final = re.compile("%(?![0-9A-Fa-f]{2})")


class UpstreamError(GatewayError):
    """The server behind broke off in the middle of its answer."""


def load_proxy(name: str, target: ProxyTarget) -> Loaded:
    """Pass requests on to the server at *target*.

    :raises MissingExtraError: urllib3 is not installed.
    """
    try:
        import urllib3  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("a proxy: mount", "proxy") from error

    proxy = Proxy(name, target)
    application = ForeignApplication(name, {})
    return Loaded(application, proxy, "proxy", target.url, close=proxy.close)


class Proxy:
    """A WSGI application (PEP 3333) that asks another server.

    Bodies are passed on as they come, in both directions. The connections are kept in
    a pool, which may be used from many threads.

    :param name: the mount's name, for log records.
    """

    def __init__(self, name: str, target: ProxyTarget) -> None:
        self._name = name
        self._target = target
        self._address = address_of(target.url)
        self._pool_of: tuple[int, HTTPConnectionPool] | None = None

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Serve one request."""
        if environ["REQUEST_METHOD"] in _NOT_PASSED_ON or _wants_websocket(environ):
            return answer(HTTPStatus.NOT_IMPLEMENTED, environ, start_response)
        if environ.get("HTTP_VIA", "").count(PSEUDONYM) >= _MOST_TURNS:
            return answer(HTTPStatus.LOOP_DETECTED, environ, start_response)
        from urllib3.exceptions import HTTPError, TimeoutError

        try:
            response = self._ask(environ)
        except (HTTPError, OSError) as error:
            late = isinstance(error, TimeoutError) and not _is_refused(error)
            status = HTTPStatus.GATEWAY_TIMEOUT if late else HTTPStatus.BAD_GATEWAY
            _log.warning(
                "mount %s: %s: %s", self._name, self._target.url, _reason(error)
            )
            return answer(status, environ, start_response)
        phrase = without_controls(response.reason or "") or _phrase(response.status)
        start_response(
            f"{response.status} {phrase}",
            response_headers(response.headers.items(), environ, self._address),
        )
        return _Body(response, self._target.url)

    def close(self) -> None:
        """Close the connections that nothing is asked of."""
        if self._pool_of is not None:
            self._pool_of[1].close()

    def _ask(self, environ: WSGIEnvironment) -> BaseHTTPResponse:
        from urllib3.exceptions import ProtocolError

        method = environ["REQUEST_METHOD"]
        headers = request_headers(environ, self._address, self._target.preserve_host)
        body = _content(environ, headers)
        path = self._address.path + (quote_path(environ["PATH_INFO"]) or "/")
        if self._address.path and not environ["PATH_INFO"]:
            path = self._address.path
        query = environ.get("QUERY_STRING", "")
        url = f"{path}?{_query(query)}" if query else path
        try:
            return self._send(method, url, headers, body)
        except ProtocolError as error:
            # The server may have closed a connection of the pool just now. urllib3
            # wraps answers that make no sense, too: those would come once more.
            closed = isinstance(error.__context__, ConnectionError)
            if not closed or body is not None or method not in _REPEATABLE:
                raise
            return self._send(method, url, headers, body)

    def _send(
        self, method: str, url: str, headers: dict[str, str], body: IO[bytes] | None
    ) -> BaseHTTPResponse:
        from urllib3.util import SKIP_HEADER

        # What the client did not send is not to be invented.
        for name in ("Accept-Encoding", "User-Agent"):
            headers.setdefault(name, SKIP_HEADER)
        return self._pool().urlopen(
            method,
            url,
            body=body,
            headers=headers,
            retries=False,
            redirect=False,
            preload_content=False,
            decode_content=False,
            chunked="Transfer-Encoding" in headers,
        )

    def _pool(self) -> HTTPConnectionPool:
        """Return this process's pool: a connection must not be shared after a fork."""
        process = os.getpid()
        if self._pool_of is None or self._pool_of[0] != process:
            from gateway.loaders.proxy_pool import pool_for

            self._pool_of = process, pool_for(self._target)
        return self._pool_of[1]


class _Body:
    """The body of a response, as it comes.

    :raises UpstreamError: it ends before it should.
    """

    __slots__ = ("_response", "_url")

    def __init__(self, response: BaseHTTPResponse, url: str) -> None:
        self._response = response
        self._url = url

    def __iter__(self) -> Iterator[bytes]:
        from urllib3.exceptions import HTTPError

        while True:
            # No more than belongs to it: older http.clients read on if there is more.
            left = self._response.length_remaining
            size = _CHUNK if left is None else min(max(left, 1), _CHUNK)
            try:
                chunk = self._response.read1(size, decode_content=False)
            except (HTTPError, OSError) as error:
                raise UpstreamError(
                    f"{self._url} broke off in the middle of its answer: "
                    f"{_reason(error)}"
                ) from None
            if not chunk:
                return
            yield chunk

    def close(self) -> None:
        """Give the connection back, or end it if there is more to come."""
        response: Any = self._response
        if not response.closed:
            response.close()
        response.release_conn()


def _query(query: str) -> str:
    """Return a raw *query* as a URL has it.

    Of a percent sign that escapes nothing, urllib3 would take all others for such, too.
    """
    return quote_query(_STRAY_PERCENT.sub("%25", query))


def _content(environ: WSGIEnvironment, headers: dict[str, str]) -> IO[bytes] | None:
    """Return the request's content, and enter its length into *headers*."""
    length = environ.get("CONTENT_LENGTH")
    if length:
        headers["Content-Length"] = length
    elif environ.get("wsgi.input_terminated") and "HTTP_TRANSFER_ENCODING" in environ:
        headers["Transfer-Encoding"] = "chunked"
    else:
        return None
    return get_input_stream(environ)


def _wants_websocket(environ: WSGIEnvironment) -> bool:
    return "websocket" in environ.get("HTTP_UPGRADE", "").lower()


def _is_refused(error: Exception) -> bool:
    """Tell whether there was no connection, which urllib3 counts as a timeout."""
    from urllib3.exceptions import NewConnectionError

    return isinstance(error, NewConnectionError)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def _reason(error: BaseException) -> str:
    """Return what went wrong, on one line and without what urllib3 adds of objects."""
    inner = error.__cause__ or error.__context__ or error
    cause = inner if isinstance(inner, OSError) and inner.strerror else error
    text = getattr(cause, "strerror", None) or str(error).rpartition(">: ")[2]
    return " ".join(text.split()) or type(error).__name__
