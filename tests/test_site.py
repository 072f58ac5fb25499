"""``mount_url``: links from one mount to another, wherever they are served."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from composing import composed, failure, get, text
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client, create_environ

from gateway.context import AppContext, RequestContext
from gateway.errors import GatewayError, OutsideContextError
from gateway.framework.app import App
from gateway.lifecycle import Gateway
from gateway.loaders.foreign import ForeignApplication
from gateway.site import MountPoint, Site, UnknownMountError, mount_url

PLAIN = """
import json
from gateway import mount_url

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [mount_url(*json.loads(environ["QUERY_STRING"])).encode()]
"""
NATIVE = """
import json
from gateway import App, mount_url, request

app = App(__name__)

@app.get("/")
def link():
    return mount_url(*json.loads(request.query_string))
"""
FLASK = """
import json
from flask import Flask, request
from gateway import mount_url

app = Flask(__name__)

@app.get("/")
def link():
    return mount_url(*json.loads(request.query_string))
"""
FASTAPI = """
import json
from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse
from gateway import mount_url

app = FastAPI()

@app.get("/", response_class=PlainTextResponse)
async def link(request: Request):
    return mount_url(*json.loads(bytes(request.scope["query_string"])))
"""
WRAPPED = """
from native import app as inner
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix

app = ProxyFix(DispatcherMiddleware(inner, {"/part": inner}))
"""

MOUNTS = """
root: {app: 'plain:application', prefix: /}
plain: {app: 'plain:application'}
native: {app: 'native:app'}
wrapped: {app: 'wrapped:app'}
flask: {app: 'flasky:app'}
api: {asgi: 'fast:app'}
deep: {app: 'plain:application', prefix: /a/ü}
files: {static: public}
shop: {app: 'plain:application', host: shop.example.com}
part: {app: 'plain:application', host: shop.example.com, prefix: /part}
admin: {app: 'plain:application', host: admin.example.com, prefix: /admin}
any: {app: 'plain:application', host: '*.example.org'}
one: {app: 'plain:application', host: one.example.org, prefix: /one}
"""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("site")
    files = {
        "plain.py": PLAIN,
        "native.py": NATIVE,
        "flasky.py": FLASK,
        "fast.py": FASTAPI,
        "wrapped.py": WRAPPED,
        "public/a.txt": "",
    }
    with composed(folder, MOUNTS, files) as gateway:
        yield gateway


def linked(
    gateway: Gateway, here: str, name: str, path: str = "/", **options: Any
) -> str:
    """Return the URL that an application at the path *here* makes."""
    query = json.dumps([name, path])
    return text(gateway, here, query_string=query, **options)


@pytest.mark.parametrize(
    "here", ["/", "/plain/", "/native/", "/wrapped/", "/flask/", "/api/"]
)
def test_from_every_kind_of_mount(gateway: Gateway, here: str) -> None:
    assert linked(gateway, here, "native") == "/native/"
    assert linked(gateway, here, "deep", "b") == "/a/%C3%BC/b"
    assert linked(gateway, here, "root", "b") == "/b"
    outer = {"SCRIPT_NAME": "/outer"}
    found = linked(gateway, here, "native", "x", environ_overrides=outer)
    assert found == "/outer/native/x"
    found = linked(gateway, here, "root", "", environ_overrides=outer)
    assert found == "/outer/"
    host = {"headers": {"Host": "localhost:8080"}, "environ_overrides": outer}
    found = linked(gateway, here, "shop", "a b", **host)
    assert found == "http://shop.example.com:8080/outer/a%20b"


def test_from_below_a_prefix_that_middleware_in_the_mount_has_added(
    gateway: Gateway,
) -> None:
    assert linked(gateway, "/wrapped/part/", "native") == "/native/"
    outer = {"SCRIPT_NAME": "/outer"}
    found = linked(gateway, "/wrapped/part/", "native", environ_overrides=outer)
    assert found == "/outer/native/"


@pytest.mark.parametrize(
    ("path", "url"),
    [
        ("/", "/plain/"),
        ("", "/plain/"),
        ("a/b", "/plain/a/b"),
        ("/a/b/", "/plain/a/b/"),
        ("//evil.com", "/plain/evil.com"),
        ("///evil.com/a", "/plain/evil.com/a"),
        ("\\\\evil.com", "/plain/%5C%5Cevil.com"),
        ("a//b", "/plain/a//b"),
        ("../../etc", "/plain/etc"),
        ("a/../../..", "/plain/"),
        ("./a/.", "/plain/a/"),
        ("%2e%2e/x", "/plain/%252e%252e/x"),
        ("..%2fx", "/plain/..%252fx"),
        ("a b#c", "/plain/a%20b%23c"),
        ("größe", "/plain/gr%C3%B6%C3%9Fe"),
        ("\u65e5\u672c", "/plain/%E6%97%A5%E6%9C%AC"),
        ("a\r\nX: y", "/plain/a%0D%0AX:%20y"),
        ("a?b=c&d=%20", "/plain/a?b=c&d=%20"),
        ("?b=c", "/plain/?b=c"),
        ("a?", "/plain/a?"),
        ("a?b=/../x?y", "/plain/a?b=/../x?y"),
        ("a?b=ü \r\n#<>", "/plain/a?b=%C3%BC%20%0D%0A%23%3C%3E"),
    ],
)
def test_paths_and_queries(gateway: Gateway, path: str, url: str) -> None:
    with gateway.mounts["root"].app_context():
        assert mount_url("plain", path) == url


@given(path=st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_no_path_leads_out_of_the_mount(gateway: Gateway, path: str) -> None:
    with gateway.mounts["root"].app_context():
        for name, start in (("plain", "/plain/"), ("root", "/")):
            url = mount_url(name, path)
            assert url.isascii()
            assert url.isprintable()
            parts = urlsplit(urljoin("https://here/there/", url))
            assert parts.netloc == "here"
            assert parts.path.startswith(start)
            assert parts.fragment == ""


def test_without_a_request_the_gateway_is_taken_to_be_at_the_root(
    gateway: Gateway,
) -> None:
    for name in ("plain", "native", "wrapped", "flask", "api", "files"):
        with gateway.mounts[name].app_context():
            assert mount_url("deep", "x") == "/a/%C3%BC/x"
            assert mount_url("shop", "x") == "//shop.example.com/x"


def test_mounts_on_a_host_of_their_own(gateway: Gateway) -> None:
    for here in ("/plain/", "/native/", "/api/"):
        for options, authority in (
            ({"base_url": "http://localhost"}, "http://shop.example.com"),
            ({"base_url": "https://localhost"}, "https://shop.example.com"),
            ({"base_url": "http://localhost:81"}, "http://shop.example.com:81"),
            ({"base_url": "http://[::1]:81"}, "http://shop.example.com:81"),
            ({"base_url": "http://[::1]"}, "http://shop.example.com"),
        ):
            assert linked(gateway, here, "shop", "x", **options) == f"{authority}/x"
            found = linked(gateway, here, "part", **options)
            assert found == f"{authority}/part/"
    # On the same host a path is enough, whatever the port.
    options = {"base_url": "http://shop.example.com:81"}
    assert linked(gateway, "/", "part", **options) == "/part/"
    assert linked(gateway, "/part/", "shop", **options) == "/"


def test_a_wildcard_has_no_single_url(gateway: Gateway) -> None:
    with (
        gateway.mounts["plain"].app_context(),
        pytest.raises(GatewayError, match="answers on every host of") as caught,
    ):
        mount_url("any")
    assert str(caught.value) == (
        "mount 'any' answers on every host of '*.example.org', so it has no single "
        "URL: give it an exact host, or build the URL yourself"
    )
    # Within it the current host is meant.
    options = {"base_url": "http://b.example.org"}
    assert linked(gateway, "/", "any", "x", **options) == "/x"


def test_a_mount_that_another_is_in_front_of_on_this_host(gateway: Gateway) -> None:
    with gateway.mounts["shop"].app_context():
        with pytest.raises(GatewayError) as caught:
            mount_url("plain")
        assert str(caught.value) == (
            "mount 'plain' has no URL on the host 'shop.example.com': mount 'shop' "
            "answers there in its place. Give 'plain' a host of its own"
        )
        with pytest.raises(GatewayError, match="has no URL on the host"):
            mount_url("root")
    with gateway.mounts["one"].app_context(), pytest.raises(GatewayError, match="any"):
        mount_url("plain")
    # Nothing is in front of it on a host with another prefix.
    with gateway.mounts["admin"].app_context():
        assert mount_url("plain", "x") == "/plain/x"
        assert mount_url("root") == "/"


@pytest.mark.parametrize(
    ("name", "cure"),
    [
        ("plian", "did you mean 'plain'?"),
        (
            "nothing-like-it",
            "the mounts are root, plain, native, wrapped, flask, api, deep, files, "
            "shop, part, admin, any, one",
        ),
    ],
)
def test_an_unknown_mount(gateway: Gateway, name: str, cure: str) -> None:
    with gateway.mounts["plain"].app_context():
        with pytest.raises(LookupError) as caught:
            mount_url(name)
        assert isinstance(caught.value, UnknownMountError)
        assert str(caught.value) == f"there is no mount {name!r}: {cure}"


def test_an_unknown_mount_among_none_or_very_many() -> None:
    assert str(UnknownMountError("x", [])) == (
        "there is no mount 'x': the mounts are none"
    )
    many = UnknownMountError("x", [f"mount{n}" for n in range(1000)])
    assert str(many).endswith("mount19, ...")


def test_outside_of_a_gateway_the_error_says_what_is_missing() -> None:
    with pytest.raises(OutsideContextError, match="the current one is none"):
        mount_url("a")
    app = App("alone")
    with (
        app.test_request_context(),
        pytest.raises(OutsideContextError, match="'alone', served alone"),
    ):
        mount_url("a")


def test_an_application_pushed_by_hand_while_another_serves(gateway: Gateway) -> None:
    deep, plain = (gateway.mounts[name].application for name in ("deep", "plain"))
    environ = create_environ("/x") | {
        "SCRIPT_NAME": "/outer/a/\xc3\xbc",
        "gateway.script_name": "/outer",
    }
    with RequestContext(deep, environ), AppContext(plain):
        assert mount_url("native") == "/outer/native/"
    alone = ForeignApplication("alone", {})
    with RequestContext(alone, create_environ("/x")), AppContext(plain):
        assert mount_url("native") == "/native/"


def test_a_site_says_where_its_mounts_are(gateway: Gateway, tmp_path: Path) -> None:
    assert gateway.site.mounts["deep"] == MountPoint("deep", "/a/ü", None, "wsgi")
    assert gateway.site.mounts["files"].kind == "static"
    mounted = gateway.mounts["deep"].application.mount
    assert mounted.point == gateway.site.mounts["deep"]
    assert mounted.site is gateway.site
    assert Site().mounts == {}
    # While the mounts are being loaded, the site is not known yet.
    app = {"app.py": "from gateway import mount_url\nmount_url('a')"}
    error = failure(tmp_path, "a: {app: app:app}", app)
    assert "OutsideContextError: mount_url needs an application" in error.message
    assert get(gateway, "/files/none").status_code == 404


def test_middleware_inside_a_mount_that_moves_segments(tmp_path: Path) -> None:
    app = """
        from gateway import mount_url
        from werkzeug.middleware.dispatcher import DispatcherMiddleware

        def show(environ, start_response):
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [mount_url("other", "/x").encode()]

        application = DispatcherMiddleware(show, {"/inner": show})
        """
    mounts = """
        root: {app: app:application, prefix: /, path: one}
        inner: {app: app:application, path: two}
        other: {app: app:application, path: three}
        """
    files = {f"{folder}/app.py": app for folder in ("one", "two", "three")}
    with composed(tmp_path, mounts, files) as gateway:
        for path in ("/", "/inner/", "/inner/inner", "/nowhere/inner"):
            assert Client(gateway).get(path).text == "/other/x"
            outer = DispatcherMiddleware(gateway, {"/outer": gateway})
            assert Client(outer).get("/outer" + path).text == "/outer/other/x"
