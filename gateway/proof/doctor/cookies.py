"""Cookies that reach beyond their mount, or never come back to it (RFC 6265)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from gateway.paths import from_text
from gateway.proof.doctor.references import clipped
from gateway.proof.doctor.report import Finding, Spot


@dataclass(frozen=True, slots=True)
class CookieHome:
    """Where a cookie is set.

    :param prefix: of the mount, as text.
    :param alone: whether no other mount is reached on the mount's host.
    :param policy: the mount's ``cookies:``.
    """

    prefix: str
    alone: bool
    policy: str


def cookie_findings(header: str, page: str, home: CookieHome) -> Iterator[Finding]:
    """Yield what is wrong with one ``Set-Cookie`` header, as the browser gets it.

    No finding holds the cookie's value.

    :param page: the path that it came with.
    """
    first, _, rest = header.partition(";")
    # A cookie without a name is all value (RFC 6265bis, 5.6).
    name = first.partition("=")[0].strip() if "=" in first else ""
    given = _attributes(rest)
    spot = Spot(page, None, clipped(f"Set-Cookie: {name}=...;{rest}"))
    if "domain" in given:
        yield Finding(
            "warning",
            "cookie",
            f"the cookie {name!r} has Domain={given['domain']}, so every host below "
            "that domain gets it, and the mounts there too",
            "leave Domain out (Flask: SESSION_COOKIE_DOMAIN, Django: "
            "SESSION_COOKIE_DOMAIN and CSRF_COOKIE_DOMAIN): then only the host that "
            "set it gets it back",
            spot,
        )
    yield from _path_findings(name, given.get("path", ""), spot, home)
    missing = [each for each in ("Secure", "HttpOnly") if each.lower() not in given]
    if missing and not _is_deletion(given):
        yield Finding(
            "note", "cookie", f"the cookie {name!r} has no {' and no '.join(missing)}",
            "set Secure where the gateway is reached by https, and HttpOnly unless a "
            "script has to read it",
            spot,
        )  # fmt: skip


def _path_findings(
    name: str, path: str, spot: Spot, home: CookieHome
) -> Iterator[Finding]:
    prefix = from_text(home.prefix)
    here = unquote(path, "latin-1").rstrip("/") if path[:1] == "/" else None
    # With the policies that keep cookies apart, the gateway has seen to it.
    if here is None or not prefix or home.policy != "shared":
        return
    if here == prefix or here.startswith(f"{prefix}/"):
        return
    if f"{prefix}/".startswith(f"{here}/"):
        if not home.alone:
            yield Finding(
                "warning", "cookie",
                f"the cookie {name!r} has Path={path}, so the mounts beside it get it "
                "too, and may set one of the same name",
                "leave 'cookies: isolated', which is the default, unless they are "
                "meant to share it",
                spot,
            )  # fmt: skip
        return
    yield Finding(
        "error", "cookie",
        f"the cookie {name!r} has Path={path}, which is not where the mount is, so it "
        "never comes back",
        "leave 'cookies: isolated', which is the default, or set the Path from "
        "SCRIPT_NAME",
        spot,
    )  # fmt: skip


def _attributes(text: str) -> Mapping[str, str]:
    """Return the attributes by lower-case name; the last one of a name counts."""
    found = {}
    for part in text.split(";"):
        name, _, value = part.partition("=")
        found[name.strip().lower()] = value.strip()
    return found


def _is_deletion(given: Mapping[str, str]) -> bool:
    return given.get("max-age") == "0" or "01 Jan 1970" in given.get("expires", "")
