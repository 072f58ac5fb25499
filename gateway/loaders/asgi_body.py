"""The request body: ``wsgi.input`` as ASGI ``http.request`` messages."""

from __future__ import annotations

from io import BytesIO
from typing import Final

from gateway.loaders.asgi_protocol import Message, UndecodableRequest
from gateway.types import WSGIEnvironment

_CHUNK: Final = 65_536  # bytes


class RequestBody:
    """Reads the body of one request, a chunk at a time.

    Without a ``CONTENT_LENGTH`` there is a body only if the server ends the stream
    itself (``wsgi.input_terminated``).

    :param environ: the WSGI environment (PEP 3333).
    :raises UndecodableRequest: the content length is not a number.
    """

    __slots__ = ("_left", "_stream", "ended", "in_memory")

    def __init__(self, environ: WSGIEnvironment) -> None:
        self._stream = environ["wsgi.input"]
        # How many bytes are left to read; None until the end of the stream.
        self._left = _length(environ)
        self.ended = self._left == 0
        # Reading from memory never blocks: no thread has to be asked to do it.
        self.in_memory = type(self._stream) is BytesIO

    def read(self) -> Message:
        """Return the next message; this blocks while the client is slow.

        A body that is shorter than announced is that of a client which has gone.
        """
        size = _CHUNK if self._left is None else min(_CHUNK, self._left)
        chunk = self._stream.read(size) if size else b""
        if self._left is None:
            self.ended = not chunk
        else:
            self._left -= len(chunk)
            self.ended = self._left == 0
            if not chunk and not self.ended:
                return {"type": "http.disconnect"}
        return {"type": "http.request", "body": chunk, "more_body": not self.ended}


def _length(environ: WSGIEnvironment) -> int | None:
    text = environ.get("CONTENT_LENGTH") or ""
    if not text:
        return None if environ.get("wsgi.input_terminated") else 0
    if not (text.isascii() and text.isdigit()):
        raise UndecodableRequest(f"the content length {text!r} is not a number")
    return int(text)
