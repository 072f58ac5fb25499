"""Cookies: a browser that visits every mount, and what each mount gets from it."""

from __future__ import annotations

from collections.abc import Iterable
from secrets import token_hex

from gateway.proof.evidence import Cookie
from gateway.proof.looks import CookieLook
from gateway.types import WSGIEnvironment

_NAME = "gateway-proof"


class Cookies:
    """The cookies that witnesses set: of one name, with a value for each mount."""

    def __init__(self) -> None:
        self._mount_of: dict[str, str] = {}

    def header(self, mount: str) -> tuple[str, str]:
        """Return a header that sets the cookie of *mount*, for the whole host."""
        value = token_hex(8)
        self._mount_of[value] = mount
        return "Set-Cookie", f"{_NAME}={value}; Path=/"

    def look(self, environ: WSGIEnvironment) -> CookieLook | None:
        """Return whose cookies an application is shown; ``None`` for no cookies."""
        header = environ.get("HTTP_COOKIE")
        if not header:
            return None
        pairs = [part.strip().partition("=") for part in header.split(";")]
        return CookieLook(
            tuple(
                self._mount_of.get(value, "")
                for name, _, value in pairs
                if name == _NAME
            )
        )


class Jar:
    """The cookies of one browser, by host, path and name (RFC 6265, 5.3)."""

    def __init__(self) -> None:
        self._cookies: dict[tuple[str, str, str], Cookie] = {}

    def keep(self, cookies: Iterable[Cookie]) -> None:
        """Keep *cookies*; each takes the place of one with its host, path and name."""
        for cookie in cookies:
            self._cookies[cookie.host, cookie.path, cookie.name] = cookie

    def header(self, host: str, path: str) -> str:
        """Return the Cookie header for a request (RFC 6265, 5.4)."""
        fitting = [
            each
            for each in self._cookies.values()
            if each.host == host and _path_matches(path, each.path)
        ]
        fitting.sort(key=lambda each: len(each.path), reverse=True)
        return "; ".join(f"{each.name}={each.value}" for each in fitting)


def parse_cookie(header: str, host: str, path: str) -> Cookie:
    """Return the cookie that a Set-Cookie header sets (RFC 6265, 5.2 and 5.3).

    :param host: what the request was sent to, and *path* for what.
    """
    pair, *attributes = header.split(";")
    name, _, value = pair.partition("=")
    given = ""
    for attribute in attributes:
        key, _, content = attribute.partition("=")
        if key.strip().lower() == "path":
            given = content.strip()
    if not given.startswith("/"):
        given = path[: path.rfind("/")] or "/"
    return Cookie(host, given, name.strip(), value.strip())


def _path_matches(path: str, cookie_path: str) -> bool:
    """Tell whether a cookie is sent along (RFC 6265, 5.1.4)."""
    return path == cookie_path or (
        path.startswith(cookie_path)
        and (cookie_path.endswith("/") or path[len(cookie_path)] == "/")
    )
