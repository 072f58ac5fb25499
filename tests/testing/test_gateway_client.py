"""The clients, as a user of unittest has them: no pytest in sight of the gateway."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from composing import composed
from werkzeug.test import EnvironBuilder

from gateway.lifecycle import Gateway
from gateway.site import UnknownMountError
from gateway.testing import GatewayClient, MountClient, serving

ECHO = """
import json
from gateway import current_app, request


def application(environ, start_response):
    if environ["PATH_INFO"] == "/fail":
        raise RuntimeError("no luck")
    seen = {
        "mount": current_app.name,
        "host": environ["HTTP_HOST"],
        "script": environ["SCRIPT_NAME"],
        "path": environ["PATH_INFO"],
        "query": environ["QUERY_STRING"],
        "from": environ["REMOTE_ADDR"],
        "cookies": dict(request.cookies),
        "scheme": environ["wsgi.url_scheme"],
    }
    headers = [("Content-Type", "application/json")]
    status = "200 OK"
    if environ["PATH_INFO"] == "/in":
        status = "303 See Other"
        headers += [
            ("Location", environ["SCRIPT_NAME"] + "/seen?a=b"),
            ("Set-Cookie", "who=me"),
        ]
    if environ["PATH_INFO"] == "/over":
        status = "302 Found"
        headers += [("Location", "http://shop.localhost/there")]
    start_response(status, headers)
    return [json.dumps(seen).encode()]
"""

MOUNTS = """
portal: {prefix: /, app: "echo:application", path: echo}
notes: {app: "echo:application", path: echo}
shop: {host: shop.localhost, app: "echo:application", path: echo}
local: {host: localhost, prefix: /deep, app: "echo:application", path: echo}
deep: {prefix: /deep/er, app: "echo:application", path: echo}
hidden: {prefix: /deep, app: "echo:application", path: echo}
wild: {host: "*.example.com", prefix: /über 50%25, app: "echo:application", path: echo}
www: {host: www.example.com, prefix: /über 50%25, app: "echo:application", path: echo}
"""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Gateway]:
    with composed(tmp_path, MOUNTS, {"echo/echo.py": ECHO}) as made:
        yield made


@pytest.fixture
def client(site: Gateway) -> GatewayClient:
    return GatewayClient(site)


@pytest.mark.parametrize(
    ("url", "mount", "path"),
    [
        ("/", "portal", "/"),
        ("/notes/x", "notes", "/x"),
        ("http://shop.localhost/x?y=z", "shop", "/x"),
        ("HTTPS://shop.localhost:8443", "shop", "/"),
    ],
)
def test_path_and_host_choose_the_mount(
    client: GatewayClient, url: str, mount: str, path: str
) -> None:
    seen = client.get(url).json
    assert seen is not None
    assert (seen["mount"], seen["path"]) == (mount, path)
    assert seen["from"] == "127.0.0.1"
    assert seen["scheme"] == url.lower().partition("://")[0].replace(url, "http")


def test_what_werkzeugs_client_takes_too(client: GatewayClient) -> None:
    builder = EnvironBuilder("/notes/b", method="POST")
    for answer in (
        client.open(builder),
        client.open(builder.get_environ()),
        client.open(path="/notes/b", method="POST"),
        client.post("/notes/b", "http://localhost", data={"a": "b"}),
        client.put("/notes/b", environ_base={"REMOTE_ADDR": "::1"}, json=[1]),
    ):
        assert answer.json is not None
        assert answer.json["mount"] == "notes"
        assert answer.json["path"] == "/b"


def test_cookies_are_kept_and_redirects_followed_on_request(
    client: GatewayClient,
) -> None:
    stopped = client.get("/notes/in")
    assert stopped.status_code == 303
    followed = client.get("/notes/in", follow_redirects=True)
    assert [each.status_code for each in followed.history] == [303]
    assert followed.json is not None
    assert followed.json["path"] == "/seen"
    assert followed.json["query"] == "a=b"
    assert followed.json["cookies"] == {"who": "me"}
    over = client.get("/over", follow_redirects=True).json
    assert over is not None
    assert over["mount"] == "shop"


@pytest.mark.parametrize(
    "name", ["portal", "notes", "shop", "local", "deep", "hidden", "wild", "www"]
)
def test_every_mount_has_its_own_root(client: GatewayClient, name: str) -> None:
    mount = client.mount(name)
    for path, expected in [("/", "/"), ("/a%20b", "/a b"), ("inner", "/inner")]:
        seen = mount.get(path).json
        assert seen is not None
        assert (seen["mount"], seen["path"]) == (name, expected)


def test_the_bare_prefix_is_redirected(client: GatewayClient) -> None:
    notes = client.mount("notes")
    assert notes.get("").headers["Location"] == "/notes/"
    assert notes.get("?a=b").headers["Location"] == "/notes/?a=b"
    assert client.mount("portal").get("").status_code == 200


def test_a_mount_whose_place_is_taken_is_asked_where_it_should_be(
    tmp_path: Path,
) -> None:
    mounts = """
    all: {host: "*.x.y", app: "echo:application", path: echo, prefix: /}
    one: {host: www.x.y, app: "echo:application", path: echo, prefix: /}
    two: {host: gateway-test.x.y, app: "echo:application", path: echo, prefix: /}
    """
    files = {"echo/echo.py": ECHO}
    with composed(tmp_path, mounts, files) as site:
        seen = MountClient(site, "all").get("/").json
        assert seen is not None
        assert (seen["mount"], seen["host"]) == ("all", "a.b.x.y")
    mounts += """
    three: {host: "*.b.x.y", app: "echo:application", path: echo, prefix: /}
    """
    with composed(tmp_path, mounts, files) as site:
        seen = MountClient(site, "all").get("/").json
        assert seen is not None
        assert (seen["mount"], seen["host"]) == ("one", "www.x.y")


def test_a_mounts_client_takes_whole_urls_as_they_are(client: GatewayClient) -> None:
    seen = client.mount("notes").get("http://shop.localhost/x").json
    assert seen is not None
    assert seen["mount"] == "shop"


def test_the_clients_of_one_gateway_client_are_one_browser(
    client: GatewayClient,
) -> None:
    client.mount("notes").get("/in")
    seen = client.mount("notes").get("/").json
    assert seen is not None
    assert seen["cookies"] == {"who": "me"}
    assert client.get("/notes/").json == seen
    other = MountClient(client.gateway, "notes").get("/").json
    assert other is not None
    assert other["cookies"] == {}


def test_an_unknown_mount_is_named_with_its_cure(client: GatewayClient) -> None:
    with pytest.raises(UnknownMountError, match="did you mean 'notes'"):
        client.mount("note")


def test_an_error_is_a_500_and_a_record_with_the_traceback(
    client: GatewayClient, caplog: pytest.LogCaptureFixture
) -> None:
    assert client.get("/notes/fail").status_code == 500
    (record,) = (each for each in caplog.records if each.levelno == logging.ERROR)
    assert record.getMessage() == "mount notes: GET /notes/fail failed"
    assert "no luck" in caplog.text


def test_an_error_after_the_first_part_is_for_the_server(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    app = """
    def application(environ, start_response):
        write = start_response("200 OK", [])
        if environ["PATH_INFO"] == "/written":
            write(b"part")
            raise RuntimeError("too late")
        def parts():
            if environ["PATH_INFO"] == "/sent":
                yield b"part"
            raise RuntimeError("too late")
        return parts()
    """
    with composed(tmp_path, 'one: {app: "one:application"}', {"one.py": app}) as site:
        client = MountClient(site, "one")
        for path in ("/written", "/sent"):
            with pytest.raises(RuntimeError, match="too late"):
                client.get(path)
        assert client.get("/not-yet").status_code == 500


def test_the_context_has_ended_when_the_answer_is_there(tmp_path: Path) -> None:
    app = """
    from gateway import current_app

    def application(environ, start_response):
        start_response("200 OK", [])
        return (part for part in (b"a", b"b"))
    """
    with composed(tmp_path, 'one: {app: "one:application"}', {"one.py": app}) as site:
        ended: list[BaseException | None] = []
        site.mounts["one"].application.teardown_appcontext_funcs.append(ended.append)
        client = MountClient(site, "one")
        answer = client.get("/")
        assert ended == [None]
        assert answer.text == "ab"
        stream = client.get("/", buffered=False)
        assert ended == [None]
        stream.close()
        assert ended == [None, None]


def test_they_say_what_they_are(client: GatewayClient) -> None:
    assert repr(client).startswith("<GatewayClient of portal, notes, ")
    assert repr(client.mount("notes")) == "<MountClient 'notes'>"
    # pytest shows them where a test fails.
    assert repr(client.gateway).startswith("<Gateway of portal, notes, ")
    assert repr(client.gateway.mounts["notes"]) == "<Mount 'notes' at '/notes'>"
    assert repr(client.gateway.mounts["portal"]) == "<Mount 'portal' at '/'>"


def test_serving_is_a_real_server(site: Gateway) -> None:
    from urllib.request import urlopen

    with serving(site) as live:
        assert live.gateway is site
        assert live.base_url.startswith("http://127.0.0.1:")
        assert live.url("notes/x") == live.url("/notes/x")
        with urlopen(live.url("/notes/x"), timeout=10) as answer:
            assert b'"path": "/x"' in answer.read()


def test_the_names_of_the_package() -> None:
    import gateway.testing

    for name in gateway.testing._HOMES | gateway.testing._PORTED:
        assert name in dir(gateway.testing)
        assert callable(getattr(gateway.testing, name))
    with pytest.raises(AttributeError, match="has no attribute 'Browser'"):
        gateway.testing.Browser  # noqa: B018
