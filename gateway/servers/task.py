"""The tasks that answer requests: waitress's, with its responses checked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from waitress.task import WSGITask

from gateway.servers.response import check_chunk, check_head, check_room


class RequestTask(WSGITask):  # type: ignore[misc]
    """A task that sends no content for HEAD, and says so when it is the last one."""

    def build_response_header(self) -> bytes:
        # A listener that accepts no more is draining.
        if not self.channel.server.accepting and len(self.channel.requests) == 1:
            self.request.headers["CONNECTION"] = "close"
        header: bytes = super().build_response_header()
        if self.request.command == "HEAD":
            self.chunked_response = False  # The final chunk would be content too.
        check_head(header, self.response_headers)
        return header

    def write(self, data: bytes) -> None:
        # Before the head is sent, so that there can still be a 500.
        check_chunk(data)
        if data and self.wrote_header:
            check_room(self)
        if self.request.command == "HEAD":
            # RFC 9110, 9.3.2. The length that would be sent stays in the header.
            data = b""
        if self.wrote_header or not data:
            super().write(data)
        else:
            # Each piece costs a system call, at which another thread takes over.
            self.channel.hold()
            try:
                super().write(data)
            finally:
                self.channel.send_held()


class RefusalTask(RequestTask):
    """Answers a request that its share has no room for."""

    def execute(self) -> None:
        body = self.channel.server.refuse(self.environ, self._start)
        try:
            for chunk in body:
                self.write(chunk)
        finally:
            close = getattr(body, "close", None)
            if close is not None:
                close()

    def _start(
        self, status: str, headers: Iterable[tuple[str, str]], exc_info: Any = None
    ) -> Any:
        self.complete = True
        self.status = status
        self.response_headers = list(headers)
        return self.write
