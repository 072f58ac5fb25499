"""What a server does and Werkzeug's client does not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from werkzeug.wsgi import ClosingIterator

from gateway.types import StartResponse, WSGIApplication, WSGIEnvironment


def as_served(application: WSGIApplication) -> WSGIApplication:
    """Return *application* as a server calls it.

    The client has an address. And an application that fails may replace the head of its
    response as long as nothing of the body is sent (PEP 3333), where Werkzeug's client
    raises.
    """

    def call(
        environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        sent = False

        def start(
            status: str, headers: list[tuple[str, str]], exc_info: Any = None, /
        ) -> Callable[[bytes], object]:
            write = start_response(status, headers, exc_info if sent else None)
            return lambda data: sending(data) and write(data)

        def sending(part: bytes) -> bool:
            nonlocal sent
            sent = sent or bool(part)
            return True

        def parts() -> Iterator[bytes]:
            return (part for part in body if sending(part))

        environ.setdefault("REMOTE_ADDR", "127.0.0.1")
        body = application(environ, start)
        return ClosingIterator(parts(), getattr(body, "close", None))

    return call
