"""Real frameworks side by side on a real server, with a browser's cookie jar."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from cookies_site import (
    HOST,
    Placed,
    bottle_app,
    browsing,
    check_independent,
    composed,
    flask_app,
    native_app,
    starlette_app,
)
from werkzeug.exceptions import NotFound
from werkzeug.middleware.dispatcher import DispatcherMiddleware

MAKERS = {
    "flask": flask_app,
    "native": native_app,
    "bottle": bottle_app,
    "starlette": starlette_app,
}


@pytest.fixture
def make() -> Iterator[Any]:
    """Make applications, and end what they run after the test."""
    with ExitStack() as stack:

        def made(framework: str, name: str) -> Any:
            app = MAKERS[framework](name)
            return stack.enter_context(app) if framework == "starlette" else app

        yield made


@pytest.mark.parametrize("cookies", ["isolated", "namespaced"])
@pytest.mark.parametrize("framework", MAKERS)
def test_below_a_root_mount_that_sets_the_same_cookie(
    make: Any, framework: str, cookies: str
) -> None:
    site = composed(
        Placed("portal", "", make("flask", "portal"), cookies=cookies),
        Placed("app", "/app", make(framework, "app"), cookies=cookies),
    )
    with browsing(site) as browser:
        check_independent(browser, "", "/app")


@pytest.mark.parametrize("framework", MAKERS)
def test_above_a_mount_that_sets_the_same_cookie(make: Any, framework: str) -> None:
    site = composed(
        Placed("portal", "", make(framework, "portal")),
        Placed("app", "/app", make("flask", "app")),
    )
    with browsing(site) as browser:
        check_independent(browser, "", "/app")


def test_two_flask_apps_side_by_side(make: Any) -> None:
    site = composed(
        Placed("notes", "/notes", make("flask", "notes")),
        Placed("links", "/links", make("flask", "links")),
    )
    with browsing(site) as browser:
        browser.get("/notes/login/ada")
        assert browser.set[0].startswith("session=")
        assert browser.set[0].endswith("; HttpOnly; Path=/notes")
        check_independent(browser, "/notes", "/links")


def test_what_shared_cookies_would_do(make: Any) -> None:
    """The clash is real: without the policy one login ends the other."""
    site = composed(
        Placed("notes", "/notes", make("flask", "notes"), cookies="shared"),
        Placed("links", "/links", make("flask", "links"), cookies="shared"),
    )
    with browsing(site) as browser:
        browser.get("/notes/login/ada")
        browser.get("/links/login/bob")
        assert browser.get("/notes/") == "-"


@pytest.mark.parametrize("framework", ["bottle", "starlette"])
def test_of_equal_names_the_mounts_own_counts(make: Any, framework: str) -> None:
    """What a shared neighbour, or another server of the host, has set for ``/``."""
    site = composed(
        Placed("portal", "", make("flask", "portal"), cookies="shared"),
        Placed("app", "/app", make(framework, "app")),
    )
    with browsing(site) as browser:
        browser.get("/login/ada")
        browser.get("/app/login/bob")
        assert [cookie.name for cookie in browser.jar] == ["session", "session"]
        assert browser.get("/app/") == "bob"
        assert browser.get("/") == "ada"


@pytest.mark.parametrize("framework", ["flask", "bottle", "starlette"])
def test_nested_prefixes(make: Any, framework: str) -> None:
    bases = ["", "/a", "/a/b", "/a/b/c", "/ab"]
    site = composed(
        *(
            Placed(f"m{number}", base, make(framework, f"m{number}"))
            for number, base in enumerate(bases)
        )
    )
    with browsing(site) as browser:
        check_independent(browser, *bases)


def test_modes_mixed(make: Any) -> None:
    site = composed(
        Placed("portal", "", make("starlette", "portal"), cookies="namespaced"),
        Placed("a", "/a", make("bottle", "a")),
        Placed("b", "/a/b", make("flask", "b"), cookies="namespaced"),
        Placed("c", "/c", make("native", "c")),
    )
    with browsing(site) as browser:
        check_independent(browser, "", "/a", "/a/b", "/c")


def test_a_mount_at_an_outer_script_name(make: Any) -> None:
    inner = composed(
        Placed("portal", "", make("flask", "portal")),
        Placed("app", "/app", make("starlette", "app")),
        Placed("native", "/native", make("native", "native")),
    )
    site = DispatcherMiddleware(make("flask", "outer"), {"/outer": inner})
    with browsing(site) as browser:
        browser.get("/outer/login/ada")
        assert browser.set[0].startswith("portal.session=")
        assert browser.set[0].endswith("; Path=/outer")
        browser.get("/outer/app/login/bob")
        assert "; path=/outer/app;" in browser.set[0]
        browser.jar.clear()
        check_independent(browser, "/outer", "/outer/app", "/outer/native")


def test_mounts_with_hosts_of_their_own(make: Any) -> None:
    site = composed(
        Placed("portal", "", make("flask", "portal")),
        Placed("notes", "/notes", make("bottle", "notes")),
        Placed("catalog", "", make("flask", "catalog"), host="catalog.example.com"),
        Placed("admin", "/admin", make("bottle", "admin"), host="*.example.org"),
    )
    with browsing(site) as browser:
        browser.get("/login/ada", "catalog.example.com")
        # Nothing else answers there, so it is as if it were served alone.
        assert browser.set[0].startswith("session=")
        assert browser.set[0].endswith("; Path=/")
        browser.get("/login/bob")
        assert browser.set[0].startswith("portal.session=")
        browser.get("/notes/login/eve")
        browser.get("/login/joe", "shop.example.org")
        browser.get("/admin/login/root", "shop.example.org")
        assert browser.get("/", "catalog.example.com") == "ada"
        assert browser.get("/") == "bob"
        assert browser.get("/notes/") == "eve"
        assert browser.get("/", "shop.example.org") == "joe"
        assert browser.get("/admin/", "shop.example.org") == "root"
        assert browser.get("/admin/", "other.example.org") == "-"
        browser.get("/logout")
        assert browser.get("/", HOST) == "-"
        assert browser.get("/", "shop.example.org") == "joe"


def test_prefixes_beyond_ascii_and_those_that_no_path_can_name(make: Any) -> None:
    site = composed(
        Placed("cafe", "/café", make("starlette", "cafe")),
        Placed("odd", "/x/a;b", make("bottle", "odd")),
        Placed("x", "/x/c", make("bottle", "x")),
        Placed("app", "", NotFound()),
    )
    with browsing(site) as browser:
        browser.get("/caf%C3%A9/login/ada")
        assert "; path=/caf%C3%A9;" in browser.set[0]
        browser.get("/x/a;b/login/bob")
        assert browser.set[0].startswith("odd.session=")
        assert browser.set[0].endswith("; Path=/x")
        browser.jar.clear()
        check_independent(browser, "/caf%C3%A9", "/x/a;b", "/x/c")


@pytest.mark.parametrize(
    ("cookies", "outcome"),
    [("isolated", "independent"), ("namespaced", "independent"), ("shared", "clash")],
)
def test_django_below_and_above(cookies: str, outcome: str) -> None:
    here = Path(__file__).parent
    done = subprocess.run(
        [sys.executable, "-W", "error", here / "cookies_django.py", cookies],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(here.parents[1])},
        timeout=60,
    )
    assert done.stdout == f"{outcome}\n" * 2, done.stderr
