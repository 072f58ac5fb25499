"""What PEP 3333 promises to applications, where a server keeps less of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from gateway.bodies import close_body
from gateway.types import StartResponse, WSGIApplication, WSGIEnvironment


class Conforming:
    """Serves an application from a server that sends the head as soon as it is called.

    It waits for the first part of the body, as :pep:`3333` has it: until then the
    application may start its response, and replace it by one that tells of an error.
    ``write()`` works, too. The environment variables of the process, which such a
    server mixes with what it knows of the request, are taken out again: they may be
    another mount's secrets.

    :param application: what serves the requests.
    :param multiprocess: whether other processes serve the same application.
    """

    __slots__ = ("_application", "_inherited", "_multiprocess")

    def __init__(self, application: WSGIApplication, multiprocess: bool) -> None:
        self._application = application
        self._multiprocess = multiprocess
        self._inherited = tuple(os.environ.items())

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Serve one request."""
        for name, value in self._inherited:
            # A header of the request may have the same name.
            if environ.get(name) == value:
                del environ[name]
        environ["wsgi.multiprocess"] = self._multiprocess
        exchange = Exchange()
        status, headers, body = exchange.begin(
            self._application(environ, exchange.start_response)
        )
        start_response(status, headers)
        return body


class Exchange:
    """A response whose head is not sent yet.

    :ivar head: the status and the headers, once there are any.
    """

    __slots__ = ("head", "sent", "written")

    def __init__(self) -> None:
        self.head: tuple[str, list[tuple[str, str]]] | None = None
        self.sent = False
        self.written: list[bytes] = []

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], object]:
        if exc_info is not None:
            try:
                if self.sent:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None  # A cycle with the traceback's frames, else.
        elif self.head is not None:
            raise AssertionError("start_response() was called twice")
        self.head = (status, headers)
        return self.written.append

    def begin(
        self, body: Iterable[bytes]
    ) -> tuple[str, list[tuple[str, str]], Iterable[bytes]]:
        """Return the status, the headers, and the body from its first part on.

        :raises RuntimeError: the application has named no status.
        """
        try:
            if type(body) is not list or self.written:
                body = rest = _Rest(body, self.written)
                rest.begin()
            if self.head is None:
                raise RuntimeError("the application has not called start_response()")
        except BaseException:
            close_body(body)
            raise
        self.sent = True
        return *self.head, body


class _Rest:
    """A body of which some parts are there already; empty parts are left out."""

    __slots__ = ("_body", "_first", "_iterator")

    def __init__(self, body: Iterable[bytes], written: list[bytes]) -> None:
        self._body = body
        self._first = written
        self._iterator = iter(body)

    def begin(self) -> None:
        while not any(self._first):
            part = next(self._iterator, None)
            if part is None:
                return
            self._first.append(part)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        while True:
            while self._first:
                part = self._first.pop(0)
                if part:
                    return part
            # What it writes meanwhile comes before it.
            self._first.append(next(self._iterator))

    def close(self) -> None:
        """Close the application's body."""
        close_body(self._body)
