"""The tasks that answer requests: waitress's, with heads of responses of our own."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from email.utils import formatdate
from typing import Any, Final

from waitress.task import WSGITask

from gateway.bodies import close_body
from gateway.servers.response import check_chunk, check_head, check_length, check_room

_log = logging.getLogger("gateway.server")

# From this size on, in bytes, a piece of a body is not copied behind the head.
_LARGE: Final = 65536

# The last second, and its text. Read, and replaced, as a whole: threads share it.
_date: tuple[int, str] = 0, ""


def _http_date(at: float) -> str:
    """Return a time, in seconds, as RFC 9110, 5.6.7 has it."""
    global _date
    second, text = _date
    if second != int(at):
        second = int(at)
        text = formatdate(second, usegmt=True)
        _date = second, text
    return text


class RequestTask(WSGITask):  # type: ignore[misc]
    """A task that sends no content for HEAD, and says so when it is the last one.

    Names of headers are sent as the application writes them.
    """

    # Waitress's, whose types are not known otherwise.
    close_on_finish: bool
    response_headers: list[tuple[str, str]]
    content_bytes_written: int
    wrote_header: bool
    start_time: float

    _status = "200 OK"
    _content_length: int | None = None

    @property
    def status(self) -> str:
        """The status code and its phrase."""
        return self._status

    @status.setter
    def status(self, status: str) -> None:
        self._status = status
        # The response begins anew, after an error: the former one's length is void.
        self._content_length = None

    @property
    def content_length(self) -> int | None:
        """How long the body has to be, in bytes; ``None`` if nothing has told it."""
        return self._content_length

    @content_length.setter
    def content_length(self, length: int) -> None:
        # Not what a 304 would have had (RFC 9110, 8.6), for that is not sent; and not
        # what waitress concludes from a list of one, when write() was called before.
        if self.has_body and not self.wrote_header:
            self._content_length = length

    def build_response_header(self) -> bytes:
        """Return the head of the response.

        :raises InvalidResponseError: the application has made none of it.
        """
        headers = self.request.headers
        # A listener that accepts no more is draining.
        if not self.channel.server.accepting and len(self.channel.requests) == 1:
            headers["CONNECTION"] = "close"
        has_body = self.has_body
        fields: list[tuple[str, str]] = []
        lengths: list[str] = []
        is_dated = False
        for field in self.response_headers:
            name = field[0].lower()
            if name == "content-length":
                lengths.append(field[1])
                if not has_body:
                    continue
            elif name == "date":
                is_dated = True
            fields.append(field)
        if lengths:
            check_length(lengths)
        elif self.content_length is not None and has_body:
            fields.append(("Content-Length", str(self.content_length)))
        self.response_headers = fields
        has_length = bool(lengths) or self.content_length is not None
        self._frame(headers.get("CONNECTION", ""), has_length or not has_body)
        if not is_dated:
            fields.append(("Date", _http_date(self.start_time)))
        lines = [f"HTTP/{self.version} {self.status}"]
        lines += [f"{name}: {value}" for name, value in fields]
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
        check_head(head, fields)
        return head

    def _frame(self, connection: str, is_delimited: bool) -> None:
        """Say where the response ends, and whether the connection does (RFC 9112, 6.3).

        :param connection: what the client wants.
        :param is_delimited: whether its length is known, or its status has no content.
        """
        connection = connection.lower()
        if self.version == "1.0":
            if connection == "keep-alive" and is_delimited and not self.close_on_finish:
                self.response_headers.append(("Connection", "Keep-Alive"))
            else:
                self.set_close_on_finish()
            return
        if not is_delimited:
            self.response_headers.append(("Transfer-Encoding", "chunked"))
        # For HEAD the final chunk would be content, too.
        self.chunked_response = not is_delimited and self.request.command != "HEAD"
        if connection == "close":
            self.set_close_on_finish()

    def write(self, data: bytes) -> None:
        """Send a piece of the body, the first with the head before it."""
        if not self.complete:
            raise RuntimeError("start_response() was not called before the body")
        # Before the head is sent, so that there can still be a 500.
        check_chunk(data)
        if self.wrote_header:
            if data:
                check_room(self)
                self.channel.write_soon(self._piece(data))
            return
        head = self.build_response_header()
        piece = self._piece(data)
        # Each write costs a system call, at which another thread may take over.
        small = len(piece) < _LARGE
        self.channel.write_soon(b"".join((head, piece)) if small else head)
        self.wrote_header = True
        if not small:
            self.channel.write_soon(piece)

    def _piece(self, data: bytes) -> bytes:
        """Return what is sent for a piece of the body."""
        if not data or self.request.command == "HEAD":
            return b""  # RFC 9110, 9.3.2. The length stays in the header.
        if not self.has_body:
            _log.warning("%s has no body: %d bytes left out", self.status, len(data))
            self.content_bytes_written += len(data)
            return b""
        if self.chunked_response:
            return b"%X\r\n%b\r\n" % (len(data), data)
        if self.content_length is not None:
            room = self.content_length - self.content_bytes_written
            if len(data) > room:
                _log.warning(
                    "the response is longer than its Content-Length, %d: cut off",
                    self.content_length,
                )
                data = data[:room]
            self.content_bytes_written += len(data)
        return data


class RefusalTask(RequestTask):
    """Answers a request that its share has no room for."""

    def execute(self) -> None:
        body = self.channel.server.refuse(self.environ, self._start)
        try:
            for chunk in body:
                self.write(chunk)
        finally:
            close_body(body)

    def _start(
        self, status: str, headers: Iterable[tuple[str, str]], exc_info: Any = None
    ) -> Any:
        self.complete = True
        self.status = status
        self.response_headers = list(headers)
        return self.write
