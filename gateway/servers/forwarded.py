"""Forwarding headers of clients that nobody trusts: out of sight, but not forgotten."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from gateway.policies.client import WAS_FORWARDED
from gateway.types import StartResponse, WSGIApplication, WSGIEnvironment

# RFC 7239, nginx, and what was there before them; all of the last.
_UNTRUSTED: Final = ("HTTP_FORWARDED", "HTTP_X_REAL_IP", "HTTP_X_FORWARDED")


class DropForwarded:
    """Takes away the headers by which a proxy, or a liar, names another client.

    Applications do not see them. That there were some is noted in the environ: a
    request from this machine that has any may come from anywhere.

    :param application: what serves the requests.
    """

    __slots__ = ("_application",)

    def __init__(self, application: WSGIApplication) -> None:
        self._application = application

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Serve one request."""
        # In all names at once: most requests have none of them.
        names = "\n".join(environ)
        if "FORWARDED" in names or "X_REAL_IP" in names:
            for name in [each for each in environ if each.startswith(_UNTRUSTED)]:
                del environ[name]
                environ[WAS_FORWARDED] = True
        return self._application(environ, start_response)
