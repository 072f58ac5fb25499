"""``redirect:`` mounts: another address for the same rest of the path."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from urllib.parse import quote

from gateway.loaders.foreign import ForeignApplication
from gateway.loaders.loaded import Loaded
from gateway.paths import from_text, location, quote_query
from gateway.types import StartResponse, WSGIEnvironment

# RFC 3986, 2.2 and 2.3, and the percent sign of escapes that are there already.
_URL_SAFE = "/:@!$&'()*+,;=-._~%[]"


def load_redirect(name: str, prefix: str, target: str, status: int) -> Loaded:
    """Redirect to *target*, with the rest of the path and the query kept.

    :param prefix: the mount's own prefix, as text.
    :param target: a URL, or a path of this gateway; a request for the bare prefix goes
        to it as it is written.
    :param status: 301, 302, 303, 307 or 308 (RFC 9110, 15.4).
    """
    phrase = f"{status} {HTTPStatus(status).phrase}"
    inside = target.startswith("/")
    whole = quote(target, safe=_URL_SAFE)
    base = whole.rstrip("/")
    own = from_text(prefix)

    def redirect(
        environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        rest = environ["PATH_INFO"]
        query = environ.get("QUERY_STRING", "")
        if rest:
            # The rest starts with exactly one slash: two would name another host.
            url = base + location(rest, query)
        else:
            url = whole + (f"?{quote_query(query)}" if query else "")
        outer = environ["SCRIPT_NAME"].removesuffix(own) if inside else ""
        if outer:
            url = location(outer, "") + url
        headers = [
            ("Location", url),
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Length", "0"),
        ]
        start_response(phrase, headers)
        return []

    application = ForeignApplication(name, {})
    source = f"{target} ({status})"
    return Loaded(application, redirect, "redirect", source, slash=False)
