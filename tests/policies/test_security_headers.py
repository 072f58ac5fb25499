"""Security headers: added where they are missing, never in place of the mount's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from composing import get
from policies_site import built, serving

APP = """
def application(environ, start_response):
    given = environ.get("HTTP_X_GIVE", "")
    own = [tuple(each.split(": ")) for each in given.split("|") if each]
    start_response("200 OK", own)
    return [b"page"]
"""
NOSNIFF = "X-Content-Type-Options"
REFERRER = "Referrer-Policy"
FRAMES = "X-Frame-Options"
CSP = "Content-Security-Policy"
HSTS = "Strict-Transport-Security"
DEFAULT = {
    NOSNIFF: "nosniff",
    REFERRER: "strict-origin-when-cross-origin",
    FRAMES: "SAMEORIGIN",
    CSP: "frame-ancestors 'self'",
}


def headers(
    folder: Path, setting: str, give: str = "", scheme: str = "http"
) -> dict[str, str]:
    mounts = f"a: {{app: app:application, path: a, security_headers: {setting}}}"
    with built(folder, mounts, {"a/app.py": APP}) as gateway:
        answer = get(gateway, "/a/", base_url=f"{scheme}://x", headers={"X-Give": give})
        assert len(answer.headers) == len(set(answer.headers.keys()))
        # The gateway's own, from outside.
        return {
            name: value
            for name, value in answer.headers.items()
            if name != "X-Request-ID"
        }


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("true", DEFAULT),
        ("false", {}),
        ("{}", DEFAULT),
        ("{nosniff: false, referrer_policy: off, frames: any}", {}),
        (
            "{frames: deny, referrer_policy: no-referrer}",
            {
                **DEFAULT,
                FRAMES: "DENY",
                CSP: "frame-ancestors 'none'",
                REFERRER: "no-referrer",
            },
        ),
    ],
)
def test_which(tmp_path: Path, setting: str, expected: Any) -> None:
    assert headers(tmp_path, setting) == expected


@pytest.mark.parametrize(
    ("give", "kept"),
    [
        ("x-content-type-options: own", [REFERRER, FRAMES, CSP]),
        ("REFERRER-POLICY: origin", [NOSNIFF, FRAMES, CSP]),
        ("X-Frame-Options: DENY", [NOSNIFF, REFERRER]),
        (f"{CSP}: default-src 'self'", [NOSNIFF, REFERRER, FRAMES]),
        (f"{CSP}: default-src 'self'; Frame-Ancestors *", [NOSNIFF, REFERRER]),
    ],
)
def test_the_applications_own_win(tmp_path: Path, give: str, kept: list[str]) -> None:
    name, value = give.split(": ")
    expected = {each: DEFAULT[each] for each in kept}
    assert headers(tmp_path, "true", give) == {name: value, **expected}


def test_hsts_is_for_https_only(tmp_path: Path) -> None:
    assert headers(tmp_path, "true", scheme="https")[HSTS] == "max-age=31536000"
    assert HSTS not in headers(tmp_path, "true")
    assert HSTS not in headers(tmp_path, "{hsts: off}", scheme="https")
    assert headers(tmp_path, "{hsts: 60s}", scheme="https")[HSTS] == "max-age=60"
    own = headers(tmp_path, "true", f"{HSTS}: max-age=1", scheme="https")
    assert own[HSTS] == "max-age=1"


def test_refusals_and_errors_have_them_and_mounts_may_opt_out(tmp_path: Path) -> None:
    mounts = """
    closed: {app: app:application, path: a, allow: []}
    broken: {app: app:broken, path: a}
    files: {static: public}
    bare: {static: public, security_headers: off}
    """
    files = {
        "a/app.py": APP + "\n\ndef broken(environ, start_response):\n"
        "    start_response('200 OK', None)\n    return [b'']\n",
        "public/a.txt": "a",
    }
    with serving(tmp_path, mounts, files, "defaults: {security_headers: on}") as served:
        for path in ("/closed/", "/files/a.txt"):
            assert DEFAULT.items() <= dict(served.ask(path).headers).items()
        assert FRAMES not in served.ask("/bare/a.txt").headers
        # No list of headers: the server says so.
        assert served.ask("/broken/").status == 500
