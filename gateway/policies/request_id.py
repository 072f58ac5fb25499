"""``X-Request-ID``: one name for a request, in every log that tells of it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from random import Random
from typing import Any, Final

from gateway.isolation.logs import REQUEST_ID
from gateway.types import StartResponse, WSGIApplication, WSGIEnvironment

_HEADER: Final = "X-Request-ID"
_KEY: Final = "HTTP_X_REQUEST_ID"

# What UUIDs, ULIDs, Base64 and the ids of the usual proxies are made of. Nothing in it
# has a meaning in a log line, in JSON, in HTML or in a shell.
_valid: Final = re.compile(r"[A-Za-z0-9._:/+=@~-]{1,128}").fullmatch

# Ids have to differ, not to be secret. Asking the system for each would let another
# thread take over in the middle of every request.
_numbers: Final = Random()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_numbers.seed)


class RequestIdPolicy:
    """Gives each request an id, and its response the same (PEP 3333 middleware).

    It stands in the environ, also as the header that applications and proxied servers
    read. A response has it in the place of any that the application has set.

    :param application: what serves the requests.
    :param accept: whether a client's id is taken, if it is valid. It is a name to find
        log lines by, so nothing may be decided by it.
    """

    __slots__ = ("_accept", "_application")

    def __init__(self, application: WSGIApplication, accept: bool) -> None:
        self._application = application
        self._accept = accept

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Serve one request."""
        if REQUEST_ID in environ:  # A gateway around this one has given it.
            return self._application(environ, start_response)
        request_id = environ.get(_KEY) if self._accept else None
        if request_id is None or not _valid(request_id):
            request_id = f"{_numbers.getrandbits(128):032x}"
        inner = environ.copy()
        inner[REQUEST_ID] = inner[_KEY] = request_id
        own = (_HEADER, request_id)

        def start(
            status: str, headers: list[tuple[str, str]], exc_info: Any = None
        ) -> Callable[[bytes], object]:
            named = [each for each in headers if each[0].lower() != "x-request-id"]
            named.append(own)
            if exc_info is None:
                return start_response(status, named)
            return start_response(status, named, exc_info)

        return self._application(inner, start)
