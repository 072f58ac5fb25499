"""``max_body``: how large a request body may be (413)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from io import BytesIO
from typing import Any

from werkzeug.exceptions import RequestEntityTooLarge

from gateway.bodies import close_body
from gateway.pages import answer
from gateway.types import StartResponse, WSGIApplication, WSGIEnvironment

_TOO_LARGE = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
_BLOCK = 64 * 1024
_DIGITS = 19


class MaxBodyPolicy:
    """Refuses request bodies that are too large (PEP 3333 middleware).

    One whose length is told is refused at once. One that arrives in chunks, from a
    server that does not collect them first, is counted while it is read; when it
    becomes too large, reading it raises, and whatever the application makes of that,
    the client is told 413.

    :param application: what serves the requests.
    :param limit: in bytes.
    """

    __slots__ = ("_application", "_limit")

    def __init__(self, application: WSGIApplication, limit: int) -> None:
        self._application = application
        self._limit = limit

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Serve one request."""
        size = _size(environ)
        if size is None:
            exchange = _Exchange(environ, start_response, self._limit)
            return exchange.run(self._application)
        if size > self._limit:
            return answer(_TOO_LARGE, environ, start_response)
        return self._application(environ, start_response)


def _size(environ: WSGIEnvironment) -> int | None:
    """Return how long the body is at most; ``None`` where only reading it will tell."""
    stream = environ["wsgi.input"]
    if isinstance(stream, BytesIO):
        return stream.getbuffer().nbytes  # Collected by the server already.
    length: str = environ.get("CONTENT_LENGTH") or ""
    if "HTTP_TRANSFER_ENCODING" in environ:
        return None  # RFC 9112, 6.3: it overrides the length.
    if length.isdecimal():
        digits = length.lstrip("0")
        # No limit has so many, and long numbers take long to read.
        return int(digits or 0) if len(digits) < _DIGITS else 10**_DIGITS
    # RFC 9112, 6.3: then there is none, unless the server says that it ends by itself.
    return None if length or environ.get("wsgi.input_terminated") else 0


class _Exchange:
    """One request whose body is counted, and its response."""

    __slots__ = ("_environ", "_start_response", "_started", "input")

    def __init__(
        self, environ: WSGIEnvironment, start_response: StartResponse, limit: int
    ) -> None:
        self._environ = environ
        self._start_response = start_response
        self._started = False
        self.input = environ["wsgi.input"] = _Input(environ["wsgi.input"], limit)

    def run(self, application: WSGIApplication) -> Iterable[bytes]:
        try:
            body = application(self._environ, self._start)
        except RequestEntityTooLarge:
            if self.input.exceeded:
                return self.refuse()
            raise
        if self.input.exceeded:
            close_body(body)
            return self.refuse()
        plain = type(body) is list or type(body) is tuple
        return body if plain else _Body(self, body)

    def _start(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], object]:
        if self.input.exceeded:
            # Whatever it has to say: it has seen half of a request.
            return lambda data: None
        self._started = True
        if exc_info is None:
            return self._start_response(status, headers)
        return self._start_response(status, headers, exc_info)

    def refuse(self) -> list[bytes]:
        """Answer for the application; raises if part of its answer is sent."""
        error = RequestEntityTooLarge()
        exc_info = (type(error), error, None) if self._started else None
        return answer(
            _TOO_LARGE, self._environ, self._start_response, exc_info=exc_info
        )


class _Body:
    """A body that is replaced if the request turns out too large before it is sent."""

    __slots__ = ("_body", "_exchange", "_iterator", "_sent")

    def __init__(self, exchange: _Exchange, body: Iterable[bytes]) -> None:
        self._exchange = exchange
        self._body = body
        self._iterator: Iterator[bytes] = iter(body)
        self._sent = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        chunk = b""
        try:
            chunk = next(self._iterator)
        except (RequestEntityTooLarge, StopIteration):
            if self._sent or not self._exchange.input.exceeded:
                raise
        if not self._sent and self._exchange.input.exceeded:
            self._sent = True
            self._iterator = iter(self._exchange.refuse())
            return next(self._iterator)
        self._sent = self._sent or bool(chunk)
        return chunk

    def close(self) -> None:
        """Close the application's body."""
        close_body(self._body)


class _Input:
    """An input stream (PEP 3333) that ends in an error when it gets too long."""

    __slots__ = ("_left", "_stream", "exceeded")

    def __init__(self, stream: Any, limit: int) -> None:
        self._stream = stream
        self._left = limit
        self.exceeded = False

    def read(self, size: int | None = -1) -> bytes:
        if size is None or size < 0:
            return b"".join(iter(lambda: self.read(_BLOCK), b""))
        # One more than there may be tells whether there is more.
        return self._counted(self._stream.read(min(size, self._left + 1)))

    def readline(self, size: int | None = -1) -> bytes:
        most = self._left + 1
        if size is not None and 0 <= size < most:
            most = size
        return self._counted(self._stream.readline(most))

    def readlines(self, hint: int | None = -1) -> list[bytes]:
        return list(self)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.readline, b"")

    def _counted(self, data: bytes) -> bytes:
        self._left -= len(data)
        if self._left < 0:
            self._left, self.exceeded = 0, True
        if self.exceeded:
            raise RequestEntityTooLarge
        return data
