"""``redirect:`` mounts: what is kept, and that they lead nowhere else."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit
from wsgiref.validate import validator

import pytest
from composing import PLAIN, composed, get
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import create_environ, run_wsgi_app

from gateway.loaders.redirect import load_redirect
from gateway.paths import remove_dot_segments


def located(
    target: str, path: str, query: str = "", *, prefix: str = "/old", outer: str = ""
) -> str:
    """Return where a request for *path* below *prefix* is sent."""
    redirect: Any = validator(load_redirect("old", prefix, target, 307).wsgi)
    environ = create_environ(query_string=query)
    raw = (outer + prefix).encode().decode("latin-1")
    environ |= {"SCRIPT_NAME": raw, "PATH_INFO": path, "QUERY_STRING": query}
    body, status, headers = run_wsgi_app(redirect, environ, buffered=True)
    assert status == "307 Temporary Redirect"
    assert b"".join(body) == b""
    return headers["Location"]


@pytest.mark.parametrize(
    ("target", "path", "query", "location"),
    [
        ("/notes", "", "", "/notes"),
        ("/notes", "/", "", "/notes/"),
        ("/notes", "/a/b", "", "/notes/a/b"),
        ("/notes/", "", "", "/notes/"),
        ("/notes/", "/a", "", "/notes/a"),
        ("/notes", "/a", "x=1&y=%20", "/notes/a?x=1&y=%20"),
        ("/notes", "", "x=1", "/notes?x=1"),
        # Not "?x=1" alone, which would be the address that was asked for.
        ("/", "", "x=1", "/?x=1"),
        ("/", "", "", "/"),
        ("/", "/a", "", "/a"),
        ("/a%20b", "/c d", "", "/a%20b/c%20d"),
        ("/notes", "/\xc3\xbc", "", "/notes/%C3%BC"),
        ("https://example.com", "", "", "https://example.com"),
        ("https://example.com", "", "x", "https://example.com?x"),
        ("https://example.com", "/a", "x", "https://example.com/a?x"),
        ("https://example.com:8443/b/", "/a", "", "https://example.com:8443/b/a"),
        ("https://[::1]/b", "/a", "", "https://[::1]/b/a"),
    ],
)
def test_the_rest_of_the_path_and_the_query_are_kept(
    target: str, path: str, query: str, location: str
) -> None:
    assert located(target, path, query) == location


@pytest.mark.parametrize(
    ("target", "path", "location"),
    [
        ("/", "//evil.com", "/evil.com"),
        ("/", "///evil.com", "/evil.com"),
        ("/", "/\\evil.com", "/%5Cevil.com"),
        ("/", "/\\/evil.com", "/%5C/evil.com"),
        ("/", "/\t/evil.com", "/%09/evil.com"),
        ("/", "/\r\nSet-Cookie: a=b", "/%0D%0ASet-Cookie:%20a=b"),
        ("/notes", "//evil.com", "/notes/evil.com"),
        ("https://example.com", "/@evil.com", "https://example.com/@evil.com"),
        ("https://example.com", "/.evil.com", "https://example.com/.evil.com"),
        ("https://example.com", "/:80@evil.com", "https://example.com/:80@evil.com"),
        ("https://example.com", "//evil.com", "https://example.com/evil.com"),
    ],
)
def test_no_path_leads_to_another_host(target: str, path: str, location: str) -> None:
    assert located(target, path) == location


def test_a_query_cannot_split_the_response() -> None:
    assert located("/notes", "/", "a\r\nX: b\xff") == "/notes/?a%0D%0AX:%20b%FF"


ANY = st.text(st.characters(max_codepoint=255), max_size=20)


@given(rest=ANY, query=ANY, target=st.sampled_from(["/", "/b/", "https://host/b"]))
def test_every_location_stays_where_it_is_meant_to(
    rest: str, query: str, target: str
) -> None:
    # As the dispatcher hands it over.
    location = located(target, remove_dot_segments(f"/{rest}"), query)
    assert location.isascii()
    assert location.isprintable()
    base = "https://here/old/x"
    found = urlsplit(urljoin(base, location))
    wanted = urlsplit(urljoin(base, target))
    assert (found.scheme, found.netloc) == (wanted.scheme, wanted.netloc)
    assert found.path.startswith(wanted.path)


@pytest.mark.parametrize(
    ("target", "prefix", "outer", "location"),
    [
        ("/notes", "/old", "/gw", "/gw/notes/a"),
        ("/", "/old", "/gw", "/gw/a"),
        ("/notes", "", "/gw", "/gw/notes/a"),
        ("/notes", "/\xfc", "/gw", "/gw/notes/a"),
        ("/notes", "/old", "/g w", "/g%20w/notes/a"),
        ("/notes", "/old", "//evil.com", "/evil.com/notes/a"),
        ("https://example.com", "/old", "/gw", "https://example.com/a"),
    ],
)
def test_the_prefix_of_the_gateway_itself_is_kept(
    target: str, prefix: str, outer: str, location: str
) -> None:
    assert located(target, "/a", prefix=prefix, outer=outer) == location


@pytest.mark.parametrize(
    ("status", "line"),
    [
        (301, "301 Moved Permanently"),
        (302, "302 Found"),
        (303, "303 See Other"),
        (307, "307 Temporary Redirect"),
        (308, "308 Permanent Redirect"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE"])
def test_every_status_for_every_method(
    tmp_path: Path, status: int, line: str, method: str
) -> None:
    mounts = f"""
        notes: {{app: app:application}}
        old: {{redirect: /notes, status: {status}}}
        """
    with composed(tmp_path, mounts, {"app.py": PLAIN}) as gateway:
        for path, location in (
            ("/old", "/notes"),
            ("/old/a?b=c", "/notes/a?b=c"),
            ("/old/../../x/old/a", None),
            ("/old//evil.com", "/notes/evil.com"),
            ("/old/%5Cevil.com", "/notes/%5Cevil.com"),
        ):
            response = get(gateway, path, method=method)
            if location is None:
                assert response.status_code == 404
            else:
                assert (response.status, response.headers["Location"]) == (
                    line,
                    location,
                )
            if location or method == "HEAD":
                assert response.data == b""


def test_a_redirect_at_the_root(tmp_path: Path) -> None:
    mounts = "all: {prefix: /, redirect: 'https://example.com/new'}"
    with composed(tmp_path, mounts) as gateway:
        assert gateway.mounts["all"].source == "https://example.com/new (307)"
        assert get(gateway, "/").location == "https://example.com/new/"
        assert get(gateway, "/a?b").location == "https://example.com/new/a?b"
