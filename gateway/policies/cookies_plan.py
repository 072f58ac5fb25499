"""Which cookies are a mount's own: their names and paths, decided when it is composed.

The same cookie has a name inside, which the application knows, and one outside, which
the browser knows. A cookie that is *namespaced* has its mount's name and a dot in front
of it outside: ``session`` of the mount ``notes`` is ``notes.session``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote, unquote

from gateway.paths import from_text, is_below, quote_path
from gateway.site import covers

# RFC 6265bis, 4.1.3, which has user agents ignore their case, and the two that hold a
# cookie to HttpOnly. What they promise depends on their being in front.
_NAME_PREFIX = re.compile(r"__(?:host-http|host|secure|http)-", re.IGNORECASE)

# Cookie paths are compared as text (RFC 6265, 5.1.4). A semicolon would end the
# attribute, and the others stand in URLs as they are or percent-encoded, as the writer
# of the link likes it: no one path matches both.
_NOT_IN_PATHS = re.compile(r"[;\\^|\[\]]")


class CookieMount(Protocol):
    """What has to be known of a mount."""

    @property
    def name(self) -> str:
        """Unique in the gateway."""

    @property
    def prefix(self) -> str:
        """Without a trailing slash, as text; empty for the root."""

    @property
    def host(self) -> str | None:
        """Exact, ``*.`` and a domain, or ``None`` for every host."""

    @property
    def cookies(self) -> str:
        """``isolated``, ``namespaced`` or ``shared``."""


@dataclass(frozen=True, slots=True)
class CookiePlan:
    """What is done to the cookies of one mount.

    :param prefix: the mount's, as in a WSGI path.
    :param namespace: what stands in front of a namespaced cookie's name.
    :param namespaces: those of all mounts that have one, this mount's included.
    :param scoped: whether paths are limited to the mount.
    :param renames: whether every cookie is namespaced.
    :param renames_host_wide: whether ``__Host-`` cookies are: they have no other path
        than ``/``.
    """

    prefix: str
    namespace: str
    namespaces: frozenset[str]
    scoped: bool
    renames: bool
    renames_host_wide: bool

    def outside(self, name: str) -> str:
        """Return what the browser calls the cookie that the application calls *name*.

        One that could be taken for another mount's is namespaced in any case.
        """
        kind, rest = _split_name(name)
        first, dot, _ = rest.partition(".")
        if (
            self.renames
            or (self.renames_host_wide and _is_host_wide(name))
            or first + dot in self.namespaces
        ):
            return kind + self.namespace + rest
        return name

    def inside(self, name: str) -> str | None:
        """Return what the application calls the cookie that the browser calls *name*.

        :returns: ``None`` if it is none of the mount's own: it could not delete it.
        """
        if "." not in name and name[:1].isalnum():
            # Most names, sooner: the rest would say the same.
            return None if self.renames else name
        kind, rest = _split_name(name)
        inner = kind + rest.removeprefix(self.namespace)
        # Applications strip blanks, so one in front would bring in a "__Host-" that no
        # browser has enforced. No browser has names that start with one.
        return inner if inner[:1] > " " and self.outside(inner) == name else None

    def path(self, name: str, path: str, script_name: str) -> str:
        """Return the Path for the cookie that the application calls *name*.

        :param path: what the application has set; empty for none.
        :param script_name: where the application is, as in a WSGI environ.
        :returns: *path*, if nothing is to be changed.
        """
        here = script_name.rstrip("/")
        if not self.scoped or not here or _is_host_wide(name):
            return path
        if path[:1] != "/" or path == "/":  # RFC 6265, 5.2.4: others count for nothing
            return _as_cookie_path(here)[0]
        decoded = unquote(path, "latin-1")
        if is_below(decoded, here):
            return path
        if is_below(decoded, self.prefix):
            # Set by someone who knows the mount's prefix, but not the gateway's own.
            here = here.removesuffix(self.prefix)
        base, whole = _as_cookie_path(here)
        return base.rstrip("/") + path if whole else base


def plan_cookies(mounts: Sequence[CookieMount]) -> dict[str, CookiePlan]:
    """Return what is done to the cookies of each mount, by its name.

    A mount with ``cookies: shared`` has no plan.

    :param mounts: all that can set or read cookies. Folders of files and redirects
        cannot, and would have the mounts above them namespaced for nothing.
    """
    planned = [mount for mount in mounts if mount.cookies != "shared"]
    namespaces = frozenset(_namespace(mount.name) for mount in planned)
    return {mount.name: _plan(mount, mounts, namespaces) for mount in planned}


def _plan(
    mount: CookieMount, mounts: Sequence[CookieMount], namespaces: frozenset[str]
) -> CookiePlan:
    isolated = mount.cookies == "isolated"
    others = [other for other in mounts if other.name != mount.name]
    return CookiePlan(
        prefix=from_text(mount.prefix),
        namespace=_namespace(mount.name),
        namespaces=namespaces,
        scoped=isolated,
        renames=(
            not isolated
            or _NOT_IN_PATHS.search(mount.prefix) is not None
            # Its cookies would reach the mounts below it beside those of the same name
            # that they set themselves, and frameworks differ on which of two they read.
            or any(
                is_below(other.prefix, mount.prefix) and _meet(mount, other, mounts)
                for other in others
            )
        ),
        renames_host_wide=any(_meet(mount, other, mounts) for other in others),
    )


def _namespace(name: str) -> str:
    """Return a token (RFC 9110, 5.6.2) with one dot, at its end."""
    token = quote(name, safe="").replace(".", "%2E")
    if token[:5].lower() == "http-":
        # Behind "__Host-" it would read as "__Host-Http-".
        token = f"%{ord(token[0]):X}{token[1:]}"
    return token + "."


def _split_name(name: str) -> tuple[str, str]:
    match = _NAME_PREFIX.match(name) if name[:2] == "__" else None
    return (match[0], name[match.end() :]) if match else ("", name)


def _is_host_wide(name: str) -> bool:
    """Tell whether its name binds a cookie to the path ``/`` (RFC 6265bis, 4.1.3)."""
    return name[:7].lower() == "__host-"


def _meet(one: CookieMount, other: CookieMount, mounts: Sequence[CookieMount]) -> bool:
    """Tell whether there is a host on which both mounts are reached."""
    host = one.host if _covers(other.host, one.host) else other.host
    return _answers(one, host, mounts) and _answers(other, host, mounts)


def _answers(
    mount: CookieMount, host: str | None, mounts: Sequence[CookieMount]
) -> bool:
    """Tell whether *mount* is reached on *host*, or another mount is in front of it."""
    return _covers(mount.host, host) and not any(
        other.host != mount.host
        and _covers(mount.host, other.host)
        and _covers(other.host, host)
        and is_below(mount.prefix, other.prefix)
        for other in mounts
    )


def _covers(pattern: str | None, host: str | None) -> bool:
    """Tell whether every host that *host* stands for is one that *pattern* does."""
    if pattern is None or host is None:
        return pattern is None
    return covers(pattern, host.removeprefix("*"))


def _as_cookie_path(path: str) -> tuple[str, bool]:
    """Return the narrowest cookie path that holds *path*, and whether it is its own."""
    match = _NOT_IN_PATHS.search(path)
    if match is None:
        return quote_path(path) or "/", True
    return quote_path(path[: path.rfind("/", 0, match.start())]) or "/", False
