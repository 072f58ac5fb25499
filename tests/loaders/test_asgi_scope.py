from __future__ import annotations

from typing import Any
from urllib.parse import unquote_to_bytes

import pytest
from asgi_support import bridged, call, call_bare, http_only, make_environ
from fastapi import FastAPI, Request
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request as StarletteRequest
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from gateway.loaders.asgi_protocol import UndecodableRequest
from gateway.loaders.asgi_scope import build_scope
from gateway.paths import from_text


def scope_of(**environ: Any) -> Any:
    return build_scope(make_environ(**environ), {})


def test_a_request_in_the_words_of_asgi() -> None:
    environ = {
        "REQUEST_METHOD": "post",
        "SCRIPT_NAME": "/api",
        "PATH_INFO": "/items/1",
        "QUERY_STRING": "a=%20&b",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_NAME": "example.com",
        "SERVER_PORT": "8443",
        "REMOTE_ADDR": "192.0.2.1",
        "REMOTE_PORT": "50000",
        "CONTENT_TYPE": "text/plain",
        "CONTENT_LENGTH": "3",
        "HTTP_X_TWO_WORDS": "caf\xe9",
        "HTTP_COOKIE": "a=1; b=2",
        "wsgi.url_scheme": "https",
    }

    assert build_scope(environ, {"pool": 1}) == {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "https",
        "path": "/api/items/1",
        "raw_path": b"/api/items/1",
        "root_path": "/api",
        "query_string": b"a=%20&b",
        "headers": [
            (b"content-type", b"text/plain"),
            (b"content-length", b"3"),
            (b"x-two-words", b"caf\xe9"),
            (b"cookie", b"a=1; b=2"),
        ],
        "server": ("example.com", 8443),
        "client": ("192.0.2.1", 50000),
        "extensions": {},
        "state": {"pool": 1},
    }


@pytest.mark.parametrize(
    ("prefix", "rest", "path"),
    [
        ("", "/", "/"),
        ("", "", "/"),
        ("/api", "", "/api"),
        ("/api", "/", "/api/"),
        ("/a/b", "//c", "/a/b//c"),
        ("/caf\u00e9", "/\u65e5\u672c", "/caf\u00e9/\u65e5\u672c"),
    ],
)
def test_the_path_includes_the_root_path(prefix: str, rest: str, path: str) -> None:
    scope = scope_of(path=from_text(rest), SCRIPT_NAME=from_text(prefix))

    assert (scope["root_path"], scope["path"]) == (prefix, path)


@pytest.mark.parametrize("key", ["REQUEST_URI", "RAW_URI"])
@pytest.mark.parametrize(
    ("target", "path", "raw"),
    [
        ("/a%2Fb?q=%2F", "/a/b", b"/a%2Fb"),
        ("/a%2541", "/a%41", b"/a%2541"),
        ("/x;v=1/~me", "/x;v=1/~me", b"/x;v=1/~me"),
        # Not the path that was dispatched: what may be said is only what that was.
        ("/notes/../a b", "/a b", b"/a%20b"),
        ("http://example.com/a", "/a", b"/a"),
        ("", "/caf\xc3\xa9", b"/caf%C3%A9"),
    ],
)
def test_the_raw_path_is_the_clients_own_if_it_was_dispatched(
    key: str, target: str, path: str, raw: bytes
) -> None:
    assert scope_of(path=path, **{key: target})["raw_path"] == raw


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
def test_any_text_is_a_path(text: str) -> None:
    scope = scope_of(path="/" + from_text(text), SCRIPT_NAME="/p")

    assert scope["path"] == "/p/" + text
    assert unquote_to_bytes(scope["raw_path"]) == b"/p/" + text.encode()


@pytest.mark.parametrize("key", ["PATH_INFO", "SCRIPT_NAME"])
@pytest.mark.parametrize("value", ["/\xff", "/caf\xe9", "/\u20ac"])
def test_a_path_that_is_not_utf8_gets_400(key: str, value: str) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("the application was called")

    with pytest.raises(UndecodableRequest, match="cannot be decoded"):
        build_scope(make_environ() | {key: value}, {})
    with bridged(http_only(app)) as bridge:
        answer = call(bridge, **{key: value})

    assert answer.status == 400
    assert b"could not be understood" in answer.body


def test_headers_that_are_not_the_clients_are_left_out() -> None:
    scope = scope_of(
        CONTENT_TYPE="", HTTP_CONTENT_LENGTH="9", HTTP_CONTENT_TYPE="a", HTTP_HOST="h"
    )

    assert scope["headers"] == [(b"host", b"h")]


@pytest.mark.parametrize(
    ("protocol", "version"),
    [("HTTP/1.0", "1.0"), ("HTTP/1.1", "1.1"), ("HTTP/2.0", "2"), ("HTTP/3", "3")],
)
def test_http_versions(protocol: str, version: str) -> None:
    assert scope_of(SERVER_PROTOCOL=protocol)["http_version"] == version


def test_a_unix_socket_has_no_ports() -> None:
    scope = scope_of(SERVER_PORT="", REMOTE_ADDR="localhost", REMOTE_PORT="None")

    assert scope["server"] == ("127.0.0.1", None)
    assert scope["client"] == ("localhost", 0)
    assert scope_of(REMOTE_ADDR="")["client"] is None


def test_each_request_has_a_copy_of_the_state() -> None:
    state: dict[str, Any] = {"pool": []}
    scope = build_scope(make_environ(), state)
    scope["state"]["mine"] = 1

    assert state == {"pool": []}
    assert scope["state"]["pool"] is state["pool"]


def fastapi_app() -> FastAPI:
    app = FastAPI()
    part = FastAPI()

    @app.get("/items/{number}")
    async def item(number: int, request: Request) -> dict[str, Any]:
        return {
            "self": str(request.url),
            "item": str(request.url_for("item", number=7)),
            "base": str(request.base_url),
        }

    @app.get("/list/")
    async def listing() -> str:
        return "listing"

    @part.get("/where")
    async def where(request: Request) -> dict[str, Any]:
        return {
            "root": request.scope["root_path"],
            "own": str(request.url_for("where")),
        }

    app.mount("/part", part)
    return app


@pytest.mark.parametrize("prefix", ["", "/api", "/a/b"])
def test_a_fastapi_app_finds_itself_under_its_prefix(prefix: str) -> None:
    site = {"SCRIPT_NAME": prefix, "HTTP_HOST": "example.com"}
    base = "http://example.com" + prefix
    with bridged(fastapi_app()) as bridge:
        item = call(bridge, "/items/3", QUERY_STRING="q=1", **site)
        docs = call(bridge, "/docs", **site)
        schema = call(bridge, "/openapi.json", **site)
        slash = call_bare(bridge, "/list", **site)
        part = call(bridge, "/part/where", **site)
        missing = call(bridge, "/api/items/3" if prefix == "" else "/nope", **site)

    assert item.text == (
        f'{{"self":"{base}/items/3?q=1","item":"{base}/items/7","base":"{base}/"}}'
    )
    assert f"'{prefix}/openapi.json'" in docs.text.replace('"', "'")
    assert ('"servers"' in schema.text) == bool(prefix)
    assert not prefix or f'"url":"{prefix}"' in schema.text
    assert (slash.status, slash.header("location")) == (307, base + "/list/")
    assert part.text == f'{{"root":"{prefix}/part","own":"{base}/part/where"}}'
    assert missing.status == 404


def test_a_starlette_app_finds_itself_under_a_prefix_of_its_own_name() -> None:
    async def page(request: StarletteRequest) -> PlainTextResponse:
        return PlainTextResponse(str(request.url_for("sub:page", name="\u00fc")))

    app = Starlette(
        routes=[
            Mount("/api", routes=[Route("/p/{name}", page, name="page")], name="sub")
        ]
    )
    with bridged(app) as bridge:
        answer = call(bridge, "/api/p/x", SCRIPT_NAME="/api", HTTP_HOST="h")
        bare = call(bridge, "", SCRIPT_NAME="/api", HTTP_HOST="h")

    assert answer.text.startswith("http://h/api/api/p/")
    assert bare.status == 404
