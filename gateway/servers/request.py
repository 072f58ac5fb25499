"""Requests read strictly: what two servers could read in two ways is refused.

A proxy in front and this server have to agree where each request ends, and for whom it
is; otherwise one client's request becomes part of another's ("smuggling"). Waitress
settles most of it; the rest is here, each with the rule of RFC 9112 that allows or
demands a 400.
"""

from __future__ import annotations

import re
from time import monotonic
from typing import Any, Final

from waitress.parser import (
    HTTPRequestParser,
    ParsingError,
    TransferEncodingNotImplemented,
)
from waitress.receiver import ChunkedReceiver
from waitress.utilities import BadRequest, Error

# RFC 9112, 3: a method, a target of what a URI may hold (a path, all of the server, or
# a whole URI without a fragment), a version. No HTTP/0.9, whose requests have no
# headers, and no major version whose framing is another.
_SCHEME: Final = rb"[A-Za-z][A-Za-z0-9+.-]*://"
_TARGET: Final = rb"(?:/[!\"$-~]*|\*|%b[!\"$-~]+)" % _SCHEME
_REQUEST_LINE: Final = re.compile(rb"[^ ]+ %b HTTP/1\.[0-9]" % _TARGET)
_ABSOLUTE: Final = re.compile(rb"[^ ]+ %b" % _SCHEME)

# RFC 9110, 8.6: a number. More digits are no body that is sent, and Python refuses to
# read very many.
_LENGTH: Final = re.compile(r"[0-9]{1,18}")

# So much of a chunk's size and extensions, or of the trailer, in bytes (RFC 9112, 7.1.1
# asks for a limit): they are kept in memory, and read again with each piece.
_LONGEST_LINE: Final = 4096


class RequestTimeout(Error):  # type: ignore[misc]
    """Waitress's answer to a client that takes too long to ask."""

    code = 408
    reason = "Request Timeout"


class Parser(HTTPRequestParser):  # type: ignore[misc]
    """Reads one request; ``error`` is set if it is not one."""

    def __init__(self, adj: Any) -> None:
        super().__init__(adj)
        self._started = monotonic()

    def received(self, data: bytes) -> int:
        """Read *data*; return how much of it is this request's, in bytes."""
        try:
            consumed: int = super().received(data)
        except ValueError as error:
            # Waitress expects its own errors only; another one would cut the
            # connection, with a traceback in the log.
            self._refuse(BadRequest(f"Invalid request: {type(error).__name__}"))
            return len(data)
        if self.completed:
            # RFC 9110, 10.1.1: nothing is expected where nothing more is to come, or
            # nothing more is wanted. Waitress would wait for it.
            self.expect_continue = False
        else:
            self._check_unfinished()
        return consumed

    def parse_header(self, header_plus: bytes) -> None:
        """Read the request line and the headers.

        :raises ParsingError: they are malformed, or can be read in two ways.
        """
        line, _, fields = header_plus.partition(b"\r\n")
        if not _REQUEST_LINE.fullmatch(line):
            raise ParsingError("Start line is invalid")
        if (
            fields.startswith((b" ", b"\t"))
            or b"\r\n " in fields
            or b"\r\n\t" in fields
        ):
            # RFC 9112, 5.2: a folded line hides a header from those that read lines.
            raise ParsingError("Folded header line")
        _check_framing(fields, line.endswith(b"HTTP/1.1"))
        super().parse_header(header_plus)
        if "," in self.headers.get("HOST", ""):
            raise ParsingError("More than one Host")  # RFC 9112, 3.2
        if _ABSOLUTE.match(line):
            self._take_authority()

    def _take_authority(self) -> None:
        """Let the target's authority be the host (RFC 9112, 3.2.2)."""
        if self.proxy_scheme.lower() not in ("http", "https") or not self.proxy_netloc:
            raise ParsingError("Invalid request target")
        # From HTTP/1.1 on a request has a Host all the same; the dispatcher asks.
        if "HOST" in self.headers or self.version == "1.0":
            self.headers["HOST"] = self.proxy_netloc

    def _check_unfinished(self) -> None:
        if not self.headers_finished:
            # One byte now and then would otherwise keep the connection for ever.
            if monotonic() - self._started > self.adj.channel_timeout:
                self._refuse(RequestTimeout("The request took too long to arrive"))
        elif isinstance(self.body_rcv, ChunkedReceiver):
            lines = self.body_rcv.control_line, self.body_rcv.trailer
            if any(len(each) > _LONGEST_LINE for each in lines):
                self._refuse(BadRequest("Chunk size or trailer too long"))

    def _refuse(self, error: Error) -> None:
        self.error = error
        self.completed = True


def _check_framing(fields: bytes, is_1_1: bool) -> None:
    """Check that there is one way only to tell where the request ends."""
    known = fields.lower().replace(b"_", b"-")
    if b"content-length" not in known and b"transfer-encoding" not in known:
        return  # Most requests: no body, and nothing to look for line by line.
    codings: list[str] = []
    lengths: list[str] = []
    # With "_" for "-" it would be the same to those that make variables of it.
    for field in known.split(b"\r\n"):
        name, _, value = field.partition(b":")
        name = name.strip()
        if name == b"transfer-encoding":
            codings.append(value.strip(b" \t").decode("latin-1"))
        elif name == b"content-length":
            lengths.append(value.strip(b" \t").decode("latin-1"))
    if len(lengths) > 1 or (lengths and not _LENGTH.fullmatch(lengths[0])):
        raise ParsingError("Content-Length is invalid")
    if not codings:
        return
    # RFC 9112, 6.1 and 6.3.
    if lengths or not is_1_1:
        raise ParsingError("Transfer-Encoding with a length, or not in HTTP/1.1")
    if codings != ["chunked"]:
        if len(codings) == 1 and re.fullmatch(r"[a-z][a-z0-9-]*", codings[0]):
            # A coding, but not one that is known here: RFC 9112, 6.1 has it so.
            raise TransferEncodingNotImplemented("Transfer-Encoding is not supported")
        raise ParsingError("Transfer-Encoding is invalid")
