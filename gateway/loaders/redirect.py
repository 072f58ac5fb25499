"""``redirect:`` mounts: another address for the same rest of the path."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from urllib.parse import quote

from gateway.loaders.foreign import ForeignApplication
from gateway.loaders.loaded import Loaded
from gateway.paths import from_text, location
from gateway.types import StartResponse, WSGIEnvironment


def load_redirect(name: str, prefix: str, target: str, status: int) -> Loaded:
    """Redirect to *target*, with the rest of the path and the query kept.

    :param prefix: the mount's own prefix, as text.
    :param target: a URL, or a path of this gateway.
    :param status: 301, 302, 303, 307 or 308.
    """
    phrase = f"{status} {HTTPStatus(status).phrase}"
    inside = target.startswith("/")
    base = quote(target.rstrip("/"), safe="/:@!$&'()*+,;=-._~%[]")
    own = from_text(prefix)

    def redirect(
        environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        # The rest starts with exactly one slash: two would name another host.
        rest = environ["PATH_INFO"]
        query = environ.get("QUERY_STRING", "")
        tail = location(rest, query) if rest else location("", query)[1:]
        outer = environ["SCRIPT_NAME"].removesuffix(own) if inside else ""
        url = (location(outer, "") if outer else "") + base + tail
        start_response(phrase, [("Location", url or "/"), ("Content-Length", "0")])
        return []

    application = ForeignApplication(name, {})
    source = f"{target} ({status})"
    return Loaded(application, redirect, "redirect", source, slash=False)
