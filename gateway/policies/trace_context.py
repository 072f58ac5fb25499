"""W3C Trace Context (https://www.w3.org/TR/trace-context/): passed on where valid."""

from __future__ import annotations

import re
from collections.abc import Iterable
from os import urandom
from typing import Final

from gateway.types import StartResponse, WSGIApplication, WSGIEnvironment

TRACEPARENT: Final = "HTTP_TRACEPARENT"
TRACESTATE: Final = "HTTP_TRACESTATE"

# Section 3.2: version, trace id, parent id, flags; later versions may have more.
_PARENT: Final = re.compile(
    r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})"
    r"(-[!-~]*)?"
)

# Section 3.3.1: a list of up to 32 members, some of them empty.
_MEMBER: Final = (
    r"[a-z0-9][a-z0-9_*/@-]{0,255}="
    r"[ -+\--<>-~]{0,255}[!-+\--<>-~]"
)
_STATE: Final = re.compile(rf"[ \t]*(?:{_MEMBER})?[ \t]*")
_MEMBERS: Final = 32
_LONGEST: Final = 8192


def is_traceparent(value: str) -> bool:
    """Tell whether *value* is a ``traceparent``, of this version or a later one."""
    match = _PARENT.fullmatch(value)
    return match is not None and not (match[1] == "00" and match[5])


def is_tracestate(value: str) -> bool:
    """Tell whether *value* is a ``tracestate``."""
    if len(value) > _LONGEST:
        return False
    members = value.split(",")
    return len(members) <= _MEMBERS and all(map(_STATE.fullmatch, members))


def child(traceparent: str) -> str:
    """Return a valid *traceparent* with a parent id of its own, in the same trace."""
    _, trace, _, flags = traceparent.split("-")[:4]
    return f"00-{trace}-{urandom(8).hex()}-{flags}"


def trace_id_of(environ: WSGIEnvironment) -> str | None:
    """Return the trace that a request belongs to, whose headers are checked."""
    traceparent = environ.get(TRACEPARENT)
    return None if traceparent is None else str(traceparent).split("-")[1]


class TraceContextPolicy:
    """Takes away what is no trace context, before anybody goes by it (PEP 3333).

    :param application: what serves the requests.
    """

    __slots__ = ("_application",)

    def __init__(self, application: WSGIApplication) -> None:
        self._application = application

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Serve one request."""
        if TRACEPARENT in environ or TRACESTATE in environ:
            environ = _checked(environ)
        return self._application(environ, start_response)


def _checked(environ: WSGIEnvironment) -> WSGIEnvironment:
    """Return *environ* without the headers of it that are malformed.

    Section 4.3: without a valid ``traceparent`` there is no ``tracestate`` either.
    """
    parent = is_traceparent(environ.get(TRACEPARENT, ""))
    state = parent and is_tracestate(environ.get(TRACESTATE, ""))
    if parent and state:
        return environ
    environ = environ.copy()
    environ.pop(TRACESTATE, None)
    if not parent:
        environ.pop(TRACEPARENT, None)
    return environ
