"""The head of a response: ``http.response.start`` as a WSGI status and headers."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, Final

from gateway.loaders.asgi_protocol import AsgiError, Message

# What the connection does is the server's affair (PEP 3333; RFC 9110, 7.6.1).
_HOP_BY_HOP: Final = frozenset(
    b"connection keep-alive proxy-authenticate proxy-authorization te trailers "
    b"transfer-encoding upgrade".split()
)
_PHRASES: Final = {status.value: status.phrase for status in HTTPStatus}


class ResponseHead:
    """The status and the headers of one response.

    :param message: the ``http.response.start`` message.
    :raises AsgiError: it is not one that a WSGI server could send.
    """

    __slots__ = ("code", "headers", "status")

    def __init__(self, message: Message) -> None:
        code = message.get("status")
        if not isinstance(code, int) or not 200 <= code <= 999:
            raise AsgiError(
                f"sent the status {code!r}; a final one is a number from 200 to 999"
            )
        if message.get("trailers"):
            raise AsgiError("announced trailers, which this server cannot send")
        self.code = int(code)
        self.status = f"{self.code} {_PHRASES.get(self.code, 'Unknown')}"
        self.headers = _decode(message.get("headers", ()))

    @property
    def without_body(self) -> bool:
        """Whether such a response never has a body (RFC 9110, 6.4.1)."""
        return self.code in (204, 304)

    def set_length(self, length: int) -> None:
        """Say how long the body is, if the application has not (RFC 9110, 8.6)."""
        if not any(name.lower() == "content-length" for name, _ in self.headers):
            self.headers.append(("content-length", str(length)))


def _decode(headers: Iterable[Any]) -> list[tuple[str, str]]:
    try:
        return [
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, value in headers
            if name.lower() not in _HOP_BY_HOP
        ]
    except (AttributeError, TypeError, ValueError) as error:
        raise AsgiError(
            f"sent headers that are not pairs of bytes: {headers!r}"
        ) from error
