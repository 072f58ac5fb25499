"""Cookies: each mount sees its own, whatever its neighbours set.

Attributes are kept byte for byte, but for the one Path that counts. That a cookie is
deleted by setting it again, expired, needs no rule of its own: the same name and path
inside are always the same name and path outside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import Any, Final

from gateway.policies.cookies_plan import CookiePlan
from gateway.types import StartResponse, WSGIApplication, WSGIEnvironment

# RFC 6265, 5.2. Not all that str.strip() takes: a UTF-8 character may end in a byte
# that is white space in Latin-1.
_BLANKS = " \t"

COOKIES_AS_SENT: Final[ContextVar[str | None]] = ContextVar(
    "gateway.cookies_as_sent", default=None
)
"""The client's Cookie header while a mount is called that sees less of it.

A request that the mount makes to another one can be given those of that one.
"""


class CookiePolicy:
    """Gives a mount's cookies the names and paths of its plan (PEP 3333 middleware).

    :param application: the mount's application. It is handed the environ of the call,
        with only its own cookies in it.
    :param plan: made by :func:`gateway.policies.cookies_plan.plan_cookies`.
    """

    __slots__ = ("_application", "_plan")

    def __init__(self, application: WSGIApplication, plan: CookiePlan) -> None:
        self._application = application
        self._plan = plan

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Serve one request."""
        plan = self._plan
        # Read now: applications that dispatch by themselves move segments to it.
        script_name: str = environ.get("SCRIPT_NAME", "")
        header = environ.get("HTTP_COOKIE")
        application = self._application
        if header:
            own = own_cookies(header, plan, script_name)
            if own is not header:
                application = _remembering(header, application)
                if own:
                    environ["HTTP_COOKIE"] = own
                else:
                    del environ["HTTP_COOKIE"]

        def start(
            status: str, headers: list[tuple[str, str]], exc_info: Any = None
        ) -> Callable[[bytes], object]:
            try:
                for name, _ in headers:
                    if len(name) == 10 and name.lower() == "set-cookie":
                        headers = _rewritten(headers, plan, script_name)
                        break
            except (AttributeError, TypeError, ValueError):
                pass  # No headers by PEP 3333: the server says so better.
            if exc_info is None:
                return start_response(status, headers)
            return start_response(status, headers, exc_info)

        return application(environ, start)


def _remembering(header: str, application: WSGIApplication) -> WSGIApplication:
    """Return *application*, called while :data:`COOKIES_AS_SENT` is *header*."""

    def call(
        environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        # The mount copies the execution context, so its body has it too.
        token = COOKIES_AS_SENT.set(header)
        try:
            return application(environ, start_response)
        finally:
            COOKIES_AS_SENT.reset(token)

    return call


def own_cookies(header: str, plan: CookiePlan, script_name: str) -> str:
    """Return what the application is shown of a Cookie header.

    Its own cookies, under the names that it knows; values are not touched. Of equal
    names that are limited to paths only the first is shown. It has the longest path
    (RFC 6265, 5.4), so it is the mount's own, and one behind it has been set by a
    ``shared`` neighbour, a script, or another server on the same host.

    :param header: the header's value.
    :param script_name: where the application is, as in a WSGI environ.
    :returns: *header* itself, if nothing is to be changed; empty for no cookies.
    """
    first_only = plan.scoped and not plan.renames and bool(script_name)
    own: list[str] = []
    seen: set[str] = set()
    changed = False
    # Not only outside of quotes, as some parsers do: browsers know no quotes here.
    for part in header.split(";"):
        name, value = _parse_pair(part)
        # Browsers send what has no name too, but it has no namespace.
        inside = None if plan.renames else ""
        if name:
            inside = plan.inside(name)
        if inside is None or (first_only and inside in seen):
            changed = True
        elif inside == name:
            own.append(part)
        else:
            own.append(f" {inside}={value}")
            changed = True
        if inside:
            seen.add(inside)
    return ";".join(own).strip(_BLANKS + ";") if changed else header


def outgoing_cookie(value: str, plan: CookiePlan, script_name: str) -> str | None:
    """Return what the browser is sent for a Set-Cookie header of the application.

    :param value: the header's value.
    :param script_name: where the application is, as in a WSGI environ.
    :returns: ``None`` for a cookie that has to be namespaced but has no name: user
        agents are to ignore it (RFC 6265, 5.2).
    """
    parts = value.split(";")
    name, content = _parse_pair(parts[0])
    if not name and plan.renames:
        return None
    outside = plan.outside(name)
    if outside != name:
        parts[0] = f"{outside}={content}"
    at = _path_attribute(parts)
    given = parts[at].partition("=")[2].strip(_BLANKS) if at else ""
    path = plan.path(name, given, script_name)
    if path != given:
        if at:
            parts[at] = f"{parts[at].partition('=')[0]}={path}"
        else:
            parts.append(f" Path={path}")
    return ";".join(parts)


def _rewritten(
    headers: list[tuple[str, str]], plan: CookiePlan, script_name: str
) -> list[tuple[str, str]]:
    # Not in place: the list is the application's, which may send it again.
    rewritten: list[tuple[str, str]] = []
    for name, value in headers:
        if name.lower() != "set-cookie":
            rewritten.append((name, value))
            continue
        cookie = outgoing_cookie(value, plan, script_name)
        if cookie is not None:
            rewritten.append((name, cookie))
    return rewritten


def _parse_pair(pair: str) -> tuple[str, str]:
    """Return name and value as user agents see them: without ``=`` it is all value."""
    name, equals, value = pair.partition("=")
    return (name.strip(_BLANKS), value) if equals else ("", name)


def _path_attribute(parts: list[str]) -> int:
    """Return the index of the last Path, which counts (RFC 6265, 5.3); 0 for none."""
    for at in range(len(parts) - 1, 0, -1):
        if parts[at].partition("=")[0].strip(_BLANKS).lower() == "path":
            return at
    return 0
