"""The response of a subrequest: read as it comes, and closed whatever happens."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, suppress
from contextvars import Context
from typing import Any

from werkzeug.datastructures import Headers
from werkzeug.wrappers import Response

from gateway.errors import SubrequestError
from gateway.types import WSGIApplication, WSGIEnvironment

Around = Callable[[], AbstractContextManager[object]]


class Subresponse(Response):
    """A response whose body is made while it is read.

    Close it, or use it with ``with``; a body that is read to its end closes itself.
    """

    default_mimetype = None

    @property
    def text(self) -> str:
        """The whole body as text."""
        return self.get_data(as_text=True)


class _Stream:
    """The body of a response, and the ``start_response`` that goes with it (PEP 3333).

    :param around: what is entered while the application runs.
    """

    def __init__(self, around: Around) -> None:
        self._around = around
        self._body: Any = ()
        self._chunks: Iterator[bytes] = iter(())
        self._ready: list[bytes] = []
        self._delivered = False
        self.status = ""
        self.headers: list[tuple[str, str]] = []

    def open(
        self, application: WSGIApplication, environ: WSGIEnvironment, context: Context
    ) -> None:
        """Call *application*, and go on until it has given status and headers."""
        try:
            with self._around():
                self._body = context.run(application, environ, self._start_response)
                self._chunks = iter(self._body)
                while not (self.status and self._ready):
                    chunk = next(self._chunks, None)
                    if chunk is None:
                        break
                    self._ready.append(chunk)
            if not self.status:
                raise SubrequestError(
                    f"{environ['REQUEST_METHOD']} was not answered: the application "
                    "gave no status, which PEP 3333 has it do"
                )
        except BaseException:
            self.close()
            raise

    def _start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], object]:
        if exc_info is not None and self._delivered:
            raise exc_info[1].with_traceback(exc_info[2])
        self.status, self.headers = status, headers
        return self._ready.append

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        self._delivered = True
        if not self._ready:
            try:
                with self._around():
                    chunk = next(self._chunks, None)
            except BaseException:
                self.close()
                raise
            # After what the application has written meanwhile.
            self._ready += [] if chunk is None else [chunk]
        if not self._ready:
            self.close()
            raise StopIteration
        return self._ready.pop(0)

    def close(self) -> None:
        """End the request; once."""
        body, self._body = self._body, ()
        self._chunks = iter(())
        self._ready.clear()
        close = getattr(body, "close", None)
        if close is not None:
            with self._around():
                close()

    def __del__(self) -> None:
        # Nobody has closed it, and its mount counts it as being served until then.
        with suppress(Exception):
            self.close()


def answered(
    application: WSGIApplication,
    environ: WSGIEnvironment,
    context: Context,
    around: Around,
) -> Subresponse:
    """Make a request and return its response, as soon as its head is known.

    :param context: what the application is called in.
    :param around: makes what is entered while the application runs.
    """
    stream = _Stream(around)
    stream.open(application, environ, context)
    body: Iterable[bytes] = stream
    return Subresponse(body, stream.status, Headers(stream.headers))
