"""Pages that are loaded again when their mount is another one, for developers.

A page asks for it with a script, which asks every now and then which mount the page
belongs to. Each answer is given at once: a connection that is held open would hold one
of the server's threads, too.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from ipaddress import ip_network
from itertools import count
from threading import Lock
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, unquote

from gateway.dispatch.hosts import parse_host
from gateway.dispatch.names import table_of_names
from gateway.paths import from_text, quote_path
from gateway.policies.client import is_allowed
from gateway.types import StartResponse, WSGIApplication, WSGIEnvironment

if TYPE_CHECKING:
    from gateway.lifecycle import Gateway
    from gateway.mount import Mount

RELOAD_SCRIPT: Final = "gateway.reload_script"
"""The environ key of the script's URL, for the page that is being served."""

# Where a file without 'admin:' has nothing of the gateway's own.
_PREFIX: Final = "/_gateway"
_SCRIPT: Final = "/reload.js"
_MARK: Final = "/reload.txt"

_LOCAL: Final = (ip_network("127.0.0.0/8"), ip_network("::1/128"))

_JAVASCRIPT: Final = b"""\
// Loads the page again when the mount that it belongs to was replaced or has failed.
(() => {
  const script = new URL(document.currentScript.src);
  const mark = new URL("reload.txt", script);
  mark.searchParams.set("path", location.pathname);
  let seen = script.searchParams.get("seen");
  const look = async () => {
    try {
      const answer = await fetch(mark, {cache: "no-store"});
      if (answer.ok) {
        const now = await answer.text();
        if (seen !== null && now !== seen) return location.reload();
        seen = now;
      }
    } catch {
      // The server is being restarted.
    }
    setTimeout(look, document.hidden ? 3000 : 500);
  };
  look();
})();
"""


class Refreshing:
    """A gateway that tells pages whether their mount is still the same.

    A WSGI application (PEP 3333). Only clients on this machine are told.

    :param gateway: what serves everything else.
    """

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._lock = Lock()
        # Another server is another gateway, be its mounts what they were.
        self._start = secrets.token_hex(4)
        self._numbers = count(1)
        self._mounts: Mapping[str, Mount] = {}
        self._marks: dict[str, int] = {}
        self._table = table_of_names([])

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Serve one request."""
        serve: WSGIApplication = self._gateway
        if is_allowed(environ, _LOCAL):
            admin = self._gateway.spec.admin
            prefix = from_text(_PREFIX if admin is None else admin.prefix)
            path = environ.get("PATH_INFO", "")
            if path == prefix + _SCRIPT:
                return _answer("text/javascript", _JAVASCRIPT, start_response)
            if path == prefix + _MARK:
                asked = parse_qs(environ.get("QUERY_STRING", "")).get("path", [""])[0]
                mark = self._mark(environ, unquote(asked, "latin-1"))
                return _answer("text/plain", mark.encode(), start_response)
            script = f"{quote_path(prefix)}{_SCRIPT}?seen={self._mark(environ, path)}"
            environ[RELOAD_SCRIPT] = script
        return serve(environ, start_response)

    def _mark(self, environ: WSGIEnvironment, path: str) -> str:
        """Return what is another text as soon as *path* has another mount."""
        host = parse_host(environ.get("HTTP_HOST", ""))
        with self._lock:
            self._follow(self._gateway.mounts)
            route = self._table.resolve(host or "", path if path[:1] == "/" else "/")
            number = 0 if route is None else self._marks[route.target]
        return f"{self._start}-{number}"

    def _follow(self, mounts: Mapping[str, Mount]) -> None:
        old = self._mounts
        if old == mounts:
            return
        self._marks = {
            name: self._marks[name] if old.get(name) is mount else next(self._numbers)
            for name, mount in mounts.items()
        }
        self._table = table_of_names(mounts.values())
        self._mounts = dict(mounts)


def _answer(kind: str, body: bytes, start_response: StartResponse) -> list[bytes]:
    headers = [
        ("Content-Type", f"{kind}; charset=utf-8"),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
        ("X-Content-Type-Options", "nosniff"),
    ]
    start_response("200 OK", headers)
    return [body]
