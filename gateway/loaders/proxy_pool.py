"""Connections to a server behind, by urllib3, and what is taken for an answer on them.

Imported where it is needed only, for the library is optional (extra ``proxy``).
"""

from __future__ import annotations

import re
from http.client import HTTPException, HTTPResponse
from typing import Final

from urllib3 import HTTPConnectionPool, Timeout, connection_from_url
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HeaderParsingError
from urllib3.util.response import assert_header_parsing

from gateway.config.spec import ProxyTarget

# RFC 9110, 8.6. int() takes more than that.
_LENGTH: Final = re.compile(r"[0-9]{1,18}")

# How many connections are kept open while nothing is asked of them.
_KEPT: Final = 32

# How many interim answers may come before the one that counts.
_INTERIM: Final = 20


class _Response(HTTPResponse):
    """An answer whose end both sides see at the same place.

    What stays unread on a connection would be the next client's answer.
    """

    def begin(self) -> None:
        """Read the head.

        :raises HTTPException: it is none, or nobody can tell where it ends.
        """
        super().begin()
        for _ in range(_INTERIM):
            if not _is_interim(self.status):
                break
            # RFC 9110, 15.2. http.client passes over 100 (Continue) alone.
            self.headers = None  # type: ignore[assignment]
            super().begin()
        if self.status < 200:
            raise HTTPException(f"status {self.status}, which was not asked for")
        try:
            assert_header_parsing(self.msg)
        except HeaderParsingError:
            # Without its text, which has the lines: they may be cookies.
            raise HTTPException("a line in its head that is no field") from None
        self._check_framing()
        if self.status in (204, 304):
            # A server in front counts the bytes by it, and there are none.
            del self.headers["Content-Length"]

    def _check_framing(self) -> None:
        """Refuse what http.client and the next one may read differently.

        Of RFC 9112, 6.3, without the cases in which it lets recipients guess.
        """
        codings = ", ".join(self.headers.get_all("Transfer-Encoding", ()))
        if codings and codings.lower() != "chunked":
            raise HTTPException(f"the transfer coding {codings!r}")
        lengths = [
            each.strip(" \t") for each in self.headers.get_all("Content-Length", ())
        ]
        if len(lengths) > 1 or not all(map(_LENGTH.fullmatch, lengths)):
            raise HTTPException(f"the length {', '.join(lengths)!r}")


class _Connection(HTTPConnection):
    response_class = _Response


class _SecureConnection(HTTPSConnection):
    response_class = _Response


def pool_for(target: ProxyTarget) -> HTTPConnectionPool:
    """Return a pool of connections to the server at *target*, for many threads."""
    timeout = Timeout(connect=target.connect_timeout, read=target.timeout)
    pool = connection_from_url(target.url, maxsize=_KEPT, block=False, timeout=timeout)
    secure = pool.scheme == "https"
    pool.ConnectionCls = _SecureConnection if secure else _Connection
    return pool


def _is_interim(status: int) -> bool:
    return 100 <= status < 200 and status != 101
