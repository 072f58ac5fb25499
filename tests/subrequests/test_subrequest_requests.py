"""What a subrequest takes along, what it does not, and where it may go."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from composing import composed, get
from subrequest_site import ECHO
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client

from gateway import subrequest as public_subrequest
from gateway.context import AppContext
from gateway.errors import OutsideContextError, SubrequestError
from gateway.framework.app import App
from gateway.lifecycle import Gateway
from gateway.policies.client import is_forwarded
from gateway.servers.forwarded import WAS_FORWARDED
from gateway.site import UnknownMountError
from gateway.subrequests.call import subrequest

MOUNTS = """
portal: {app: app:application, path: ask, prefix: /}
notes: {app: app:application, path: ask}
shop: {app: app:application, path: ask, host: shop.example.com}
tenant: {app: app:application, path: ask, host: "*.tenant.example.com"}
"""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("site")
    with composed(folder, MOUNTS, {"ask/app.py": ECHO}) as gateway:
        yield gateway


def asked(gateway: Any, path: str = "/", /, **options: Any) -> Any:
    """Have the mount at *path* make a subrequest; return what that one was shown."""
    sent = options.pop("sent", {})
    query = {"ask": json.dumps(options)}
    # A client that keeps cookies sends no others.
    client = Client(gateway, use_cookies=False)
    response = client.open(path, query_string=query, **sent)
    assert response.status_code == 200, response.text
    return response.json


def refused(gateway: Gateway, url: str, **options: Any) -> str:
    with pytest.raises(SubrequestError) as caught:
        gateway.subrequest(url, **options)
    return str(caught.value)


def test_who_the_client_is_goes_along(gateway: Gateway) -> None:
    client = {"REMOTE_ADDR": "192.0.2.7", "REMOTE_PORT": "4711"}
    headers = {"User-Agent": "Mozilla", "X-Forwarded-For": "198.51.100.1"}
    sent = {
        "base_url": "https://www.example.com:8443/",
        "environ_base": client,
        "headers": headers,
    }
    seen = asked(gateway, url="/notes/a%20b?x=%C3%BC", sent=sent)
    expected = {
        **client,
        "HTTP_HOST": "www.example.com:8443",
        "HTTP_USER_AGENT": "Mozilla",
        "HTTP_X_FORWARDED_FOR": "198.51.100.1",
        "PATH_INFO": "/a b",
        "QUERY_STRING": "x=%C3%BC",
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "/notes",
        "SERVER_NAME": "www.example.com",
        "SERVER_PORT": "8443",
        "wsgi.url_scheme": "https",
        "mount": "notes",
    }
    assert {key: seen.get(key) for key in expected} == expected


def test_what_the_client_may_does_not_go_along(gateway: Gateway) -> None:
    sent = {
        "headers": {"Authorization": "Bearer x", "Cookie": "a=1", "X-Own": "1"},
        "environ_base": {"REMOTE_USER": "ann", "AUTH_TYPE": "Basic"},
        "method": "POST",
        "data": b"outer",
        "content_type": "text/plain",
    }
    secrets = ("HTTP_AUTHORIZATION", "REMOTE_USER", "AUTH_TYPE")
    seen = asked(gateway, url="/notes/", sent=sent)
    assert not {*secrets, "HTTP_COOKIE", "HTTP_X_OWN", "CONTENT_TYPE"} & seen.keys()
    assert seen["body"] == ""
    assert "CONTENT_LENGTH" not in seen
    seen = asked(gateway, url="/notes/", authorization=True, sent=sent)
    assert [seen[key] for key in secrets] == ["Bearer x", "ann", "Basic"]
    assert "HTTP_COOKIE" not in seen


def test_the_request_id_and_the_trace_go_along(gateway: Gateway) -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    headers = {"X-Request-ID": "r1", "Traceparent": trace, "Tracestate": "a=b"}
    seen = asked(gateway, url="/notes/", sent={"headers": headers})
    assert seen["HTTP_X_REQUEST_ID"] == "r1"
    assert seen["HTTP_TRACESTATE"] == "a=b"
    # Of the same trace, and a child of its own: the outer request has the parent's id.
    version, trace_id, parent, flags = seen["HTTP_TRACEPARENT"].split("-")
    assert f"{version}-{trace_id}-{flags}" == f"{trace[:35]}-01"
    assert parent != trace.split("-")[2]
    assert len(bytes.fromhex(parent)) == 8
    # One that was given to the request here, and which the client does not know.
    base = {"gateway.request_id": "given"}
    sent = {"environ_base": base, "headers": headers}
    seen = asked(gateway, url="/notes/", sent=sent)
    assert seen["gateway.request_id"] == seen["HTTP_X_REQUEST_ID"] == "given"
    own = {"X-Request-ID": "mine"}
    seen = asked(gateway, url="/notes/", headers=own, sent={"headers": headers})
    assert seen["HTTP_X_REQUEST_ID"] == "mine"


def test_cookies_when_they_are_asked_for(gateway: Gateway) -> None:
    # What the client sends to the portal, which is shown its own only.
    sent = {"headers": {"Cookie": "session=of-notes; portal.session=of-portal"}}
    client = Client(gateway, use_cookies=False)
    assert client.get("/", **sent).json["HTTP_COOKIE"] == "session=of-portal"
    seen = asked(gateway, url="/notes/", cookies=True, sent=sent)
    assert seen["HTTP_COOKIE"] == "session=of-notes"
    seen = asked(gateway, url="/notes/", cookies={"a": "x;y", "b": "2"}, sent=sent)
    assert seen["HTTP_COOKIE"] == 'a="x\\073y"; b=2'
    # Two steps on: what that request was given counts, not what the first one had.
    further = {"url": "/notes/", "cookies": True}
    query = {"ask": json.dumps(further)}
    seen = asked(gateway, url="/notes/", cookies={"c": "3"}, query=query, sent=sent)
    assert seen["HTTP_COOKIE"] == "c=3"
    unchanged = {"headers": {"Cookie": "theme=dark"}}
    seen = asked(gateway, "/notes/", url="/notes/", cookies=True, sent=unchanged)
    assert seen["HTTP_COOKIE"] == "theme=dark"
    assert "HTTP_COOKIE" not in asked(gateway, url="/notes/", cookies=True)


def test_bodies_and_methods(gateway: Gateway) -> None:
    seen = asked(gateway, url="/notes/", json={"a": [1]})
    assert (seen["REQUEST_METHOD"], seen["CONTENT_TYPE"]) == (
        "POST",
        "application/json",
    )
    assert json.loads(seen["body"]) == {"a": [1]}
    with gateway.subrequest("/notes/", data={"a": "ü", "b": ["1", "2"]}) as response:
        seen = response.json
    assert seen["body"] == "a=%C3%BC&b=1&b=2"
    assert seen["CONTENT_TYPE"] == "application/x-www-form-urlencoded"
    assert seen["CONTENT_LENGTH"] == str(len(seen["body"]))
    upload = {"file": (io.BytesIO(b"content"), "name.txt")}
    with gateway.subrequest("/notes/", method="PUT", data=upload) as response:
        assert "name.txt" in response.json["body"]
        assert response.json["CONTENT_TYPE"].startswith("multipart/form-data; bound")
    for data in ("text", b"text", io.BytesIO(b"text")):
        with gateway.subrequest("/notes/", data=data) as response:
            assert response.json["body"] == "text"
    with gateway.subrequest("/notes/", method="PUT") as response:
        assert response.json["CONTENT_LENGTH"] == "0"
    with gateway.subrequest("/notes/", method="HEAD") as response:
        assert (response.status_code, response.data) == (200, b"")


def test_queries_and_headers(gateway: Gateway) -> None:
    for query, expected in [
        ({"b": "ü &", "c": [1, 2]}, "a=1&b=%C3%BC+%26&c=1&c=2"),
        ([("b", "2"), ("b", "3")], "a=1&b=2&b=3"),
        ("b=2&b=ü", "a=1&b=2&b=%C3%BC"),
        (None, "a=1"),
    ]:
        with gateway.subrequest("/notes/?a=1", query=query) as response:
            assert response.json["QUERY_STRING"] == expected
    headers = [("X-One", "1"), ("X-One", "2"), ("Host", "any"), ("Content-Type", "t/u")]
    with gateway.subrequest("/notes/", headers=headers, data=b"x") as response:
        seen = response.json
    assert (seen["HTTP_X_ONE"], seen["HTTP_HOST"]) == ("1, 2", "any")
    assert seen["CONTENT_TYPE"] == "t/u"
    with gateway.subrequest("/notes/", headers=iter(headers), data=b"x") as response:
        assert response.json["HTTP_HOST"] == "any"
    # As they would arrive from outside: bytes, shown as Latin-1 (PEP 3333).
    names = {"X-A": "Müller", "X-B": "\u65e5", "X-C": 1}
    with gateway.subrequest("/notes/", headers=names) as response:
        seen = response.json
    assert [seen[f"HTTP_X_{letter}"] for letter in "ABC"] == ["Müller", "æ\x97¥", "1"]


def test_where_it_goes(gateway: Gateway) -> None:
    assert asked(gateway, url="/elsewhere")["mount"] == "portal"
    assert asked(gateway, url="/notes/../notes/x")["PATH_INFO"] == "/x"
    assert asked(gateway, url="x", mount="notes")["PATH_INFO"] == "/x"
    assert asked(gateway, url="/x?y=1", mount="notes")["QUERY_STRING"] == "y=1"
    shop = asked(gateway, url="/", mount="shop")
    assert (shop["mount"], shop["HTTP_HOST"]) == ("shop", "shop.example.com")
    assert asked(gateway, url="http://shop.example.com")["mount"] == "shop"
    proxied = {
        "X-Forwarded-Host": "www.example.com",
        "X-Forwarded-Proto": "https",
        "Forwarded": "host=www.example.com",
    }
    sent = {"base_url": "http://localhost:81", "headers": proxied}
    shop = asked(gateway, to=["shop", "/ü"], sent=sent)
    assert (shop["mount"], shop["HTTP_HOST"]) == ("shop", "shop.example.com:81")
    assert shop["PATH_INFO"] == "/Ã¼"
    # A host of the request's own goes with it only as far as the host does.
    assert "HTTP_X_FORWARDED_HOST" not in shop
    assert shop["HTTP_X_FORWARDED_PROTO"] == "https"
    assert is_forwarded(shop)
    shop = asked(gateway, url="https://shop.example.com/", sent=sent)
    assert shop["wsgi.url_scheme"] == "https"
    assert "HTTP_X_FORWARDED_PROTO" not in shop
    tenant = asked(gateway, url="//a.tenant.example.com/x")
    assert (tenant["mount"], tenant["HTTP_HOST"]) == ("tenant", "a.tenant.example.com")
    own = {"base_url": "http://www.tenant.example.com"}
    assert asked(gateway, url="/x", sent=own)["HTTP_HOST"] == "www.tenant.example.com"


def test_where_it_does_not_go(gateway: Gateway) -> None:
    for url, words in [
        ("notes/", "begin it with a slash"),
        ("", "begin it with a slash"),
        ("ftp://localhost/", "begin it with a slash"),
        ("http://[::1/", "is not a URL"),
        ("http://a b/", "no host that a request could have"),
        ("/\udcff", "cannot be encoded"),
        ("/?\udcff", "cannot be encoded"),
    ]:
        assert words in refused(gateway, url), url
    with pytest.raises(UnknownMountError, match="did you mean 'notes'"):
        gateway.subrequest("/", mount="nodes")
    assert "(RFC 9110, 9.1)" in refused(gateway, "/", method="GE T")
    assert "(RFC 6265, 4.1.1)" in refused(gateway, "/", cookies={"a;b": "1"})
    assert "(RFC 9110, 5.1)" in refused(gateway, "/", headers={"a b": "1"})
    assert "no request can be made" in refused(gateway, "/", headers={"a": "1\n2"})
    assert "no request can be made" in refused(gateway, "/", json=1, data=b"2")
    assert "no body can be made of list" in refused(gateway, "/", data=["a"])


def test_other_servers_are_none_of_its_business(gateway: Gateway) -> None:
    with pytest.raises(SubrequestError, match="ask other servers with an HTTP client"):
        asked(gateway, url="http://www.example.org/")
    # The one that the request came to is the gateway's, whatever it is called.
    sent = {"base_url": "http://www.example.org/"}
    assert asked(gateway, url="http://www.example.org/", sent=sent)["mount"] == "portal"
    # Outside of a request any may be named: the gateway answers on all of them.
    with gateway.subrequest("https://www.example.org:8443/notes/") as response:
        seen = response.json
    assert (seen["SERVER_NAME"], seen["SERVER_PORT"]) == ("www.example.org", "8443")


def test_under_a_prefix_of_the_server(gateway: Gateway) -> None:
    outer = DispatcherMiddleware(gateway, {"/outer": gateway})
    seen = asked(outer, "/outer/", to=["notes", "/x"])
    assert (seen["SCRIPT_NAME"], seen["PATH_INFO"]) == ("/outer/notes", "/x")
    assert asked(outer, "/outer/", url="/outer/notes/")["mount"] == "notes"
    assert asked(outer, "/outer/", url="x", mount="notes")["mount"] == "notes"
    with pytest.raises(SubrequestError, match="which is served at '/outer'"):
        asked(outer, "/outer/", url="/notes/")


def test_outside_of_a_request(gateway: Gateway) -> None:
    with gateway.subrequest("/notes/") as response:
        seen = response.json
    assert seen["HTTP_HOST"] == seen["SERVER_NAME"] == "localhost"
    assert (seen["REMOTE_ADDR"], seen["SERVER_PORT"]) == ("127.0.0.1", "80")
    assert seen["HTTP_USER_AGENT"].startswith("gateway/")
    assert seen["gateway.mount_stack"] == []
    # It is made for no client, so it is none of this machine's either.
    assert is_forwarded(seen)
    assert seen[WAS_FORWARDED] is True
    with gateway.mounts["notes"].app_context():
        assert public_subrequest("/", mount="shop").json["mount"] == "shop"
        assert subrequest("https://shop.example.com").json["SERVER_PORT"] == "443"
    with gateway.mounts["shop"].app_context():
        assert subrequest("/").json["mount"] == "shop"
        assert gateway.subrequest("/").json["mount"] == "shop"
    with gateway.mounts["tenant"].app_context():
        assert subrequest("/").json["HTTP_HOST"] == "subrequest.tenant.example.com"


def test_outside_of_a_gateway(gateway: Gateway, tmp_path: Path) -> None:
    with pytest.raises(OutsideContextError, match=r"subrequest needs .* is none"):
        subrequest("/")
    alone = App("alone")
    with alone.app_context(), pytest.raises(OutsideContextError, match="served alone"):
        subrequest("/")
    # What serves a request of another gateway is not taken for one of this one.
    with composed(tmp_path, "notes: {app: app:application}", {"app.py": ECHO}) as other:
        here = other.mounts["notes"].application
        with AppContext(here, {"REMOTE_ADDR": "192.0.2.1"}):
            seen = gateway.subrequest("/notes/").json
    assert seen["REMOTE_ADDR"] == "127.0.0.1"


def test_the_stack_of_mounts(gateway: Gateway) -> None:
    further = {"ask": json.dumps({"url": "/notes/"})}
    seen = asked(gateway, url="/", mount="shop", query=further)
    assert seen["gateway.mount_stack"] == ["portal", "shop"]
    assert "gateway.mount_stack" not in get(gateway, "/").json
