"""Networks, methods and the size of bodies: who and what is let into a mount."""

from __future__ import annotations

import io
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection, IncompleteRead
from pathlib import Path
from typing import Any

import pytest
from composing import get
from policies_site import built, serving
from werkzeug.serving import make_server
from werkzeug.test import create_environ, run_wsgi_app

from gateway.lifecycle import Gateway

APP = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"inside"]
"""


@pytest.mark.parametrize(
    ("rules", "address", "status"),
    [
        ("allow: 10.0.0.0/8", "10.1.2.3", 200),
        ("allow: 10.0.0.0/8", "11.1.2.3", 403),
        ("allow: 10.0.0.0/8", "::ffff:10.1.2.3", 200),
        ("allow: [10.0.0.0/8, '2001:db8::/32']", "2001:db8::1", 200),
        ("allow: []", "127.0.0.1", 403),
        ("allow: 0.0.0.0/0", "", 403),
        ("deny: 10.0.0.0/8", "10.1.2.3", 403),
        ("deny: 10.0.0.0/8", "::ffff:10.1.2.3", 403),
        ("deny: 10.0.0.0/8", "11.1.2.3", 200),
        ("deny: 10.0.0.0/8", "", 403),
        ("allow: 10.0.0.0/8, deny: 10.1.0.0/16", "10.1.2.3", 403),
        ("allow: 10.0.0.0/8, deny: 10.1.0.0/16", "10.2.2.3", 200),
        # Both sides as an IPv6 socket shows them.
        ("allow: '::ffff:10.0.0.0/104'", "10.1.2.3", 200),
        ("allow: '::ffff:10.0.0.0/104'", "::ffff:11.1.2.3", 403),
        ("deny: '::ffff:10.1.2.3'", "::ffff:10.1.2.3", 403),
        ("deny: '::ffff:0:0/96'", "10.1.2.3", 403),
        ("deny: '::/0'", "10.1.2.3", 200),
    ],
)
def test_networks(tmp_path: Path, rules: str, address: str, status: int) -> None:
    mounts = f"a: {{app: app:application, path: a, {rules}}}"
    with built(tmp_path, mounts) as gateway:
        answer = get(gateway, "/a/", environ_base={"REMOTE_ADDR": address})
        assert answer.status_code == status


@pytest.mark.parametrize("name", ["Forwarded", "X-Forwarded-For", "X-Real-Ip", "Via"])
def test_a_proxy_that_nobody_trusts_is_no_client_of_its_network(
    tmp_path: Path, name: str
) -> None:
    mounts = """
    inside: {app: app:application, path: a, allow: 127.0.0.0/8}
    others: {app: app:application, path: a, deny: 10.0.0.0/8}
    """
    with serving(tmp_path, mounts) as served:
        assert served.ask("/inside/").status == 200
        assert served.ask("/inside/", **{name: "127.0.0.1"}).status == 403
        assert served.ask("/others/", **{name: "127.0.0.1"}).status == 200


def test_networks_are_for_static_files_and_redirects_too(tmp_path: Path) -> None:
    mounts = """
    files: {static: public, deny: 127.0.0.0/8}
    old: {redirect: /new, deny: 127.0.0.0/8}
    open: {static: public}
    """
    files = {"public/a.txt": "the file"}
    with serving(tmp_path, mounts, files) as served:
        refused = served.ask("/files/a.txt")
        assert (refused.status, "the file" in refused.text) == (403, False)
        assert served.ask("/old/x").status == 403
        assert served.ask("/open/a.txt").text == "the file"


def test_methods(tmp_path: Path) -> None:
    mounts = """
    a: {app: app:application, path: a, methods: [GET, PUT]}
    b: {app: app:application, path: a, methods: [POST, OPTIONS]}
    c: {app: app:application, path: a, methods: POST}
    """
    with serving(tmp_path, mounts, {"a/app.py": APP}) as served:
        for method in ("GET", "HEAD", "PUT"):
            assert served.ask("/a/", method).status == 200
        refused = served.ask("/a/", "DELETE")
        assert refused.status == 405
        assert refused.headers["Allow"] == "GET, PUT, HEAD, OPTIONS"
        assert "inside" not in refused.text
        asked = served.ask("/a/", "OPTIONS")
        assert (asked.status, asked.text) == (204, "")
        assert asked.headers["Allow"] == "GET, PUT, HEAD, OPTIONS"
        assert served.ask("/b/", "OPTIONS").text == "inside"
        assert served.ask("/b/", "GET").headers["Allow"] == "POST, OPTIONS"
        assert served.ask("/c/", "HEAD").status == 405


BODIES = """
import json
from gateway import App, abort, request

flavour = App("flavour", static_folder=None)


@flavour.post("/form")
def form():
    if "own" in request.form:
        abort(413)
    return str(len(request.form["f"]))


@flavour.errorhandler(413)
def too_large(error):
    return "its own words", 413


def plain(environ, start_response):
    stream, how = environ["wsgi.input"], environ["PATH_INFO"].strip("/")
    read = {
        "read": lambda: stream.read(),
        "parts": lambda: b"".join(iter(lambda: stream.read(3), b"")),
        "line": lambda: b"".join(iter(stream.readline, b"")),
        "short": lambda: stream.readline(2),
        "lines": lambda: b"".join(stream.readlines()),
        "iterate": lambda: b"".join(stream),
        "nothing": lambda: b"",
    }
    if how == "late":
        def late():
            yield stream.read()
        start_response("200 OK", [("Content-Type", "text/plain")])
        return late()
    if how == "swallowing-late":
        def swallowing():
            try:
                stream.read()
            except Exception:
                pass
            yield b"swallowed"
        start_response("200 OK", [("Content-Type", "text/plain")])
        return swallowing()
    if how == "swallows":
        try:
            data = stream.read()
        except Exception:
            write = start_response("500 Oops", [("Content-Type", "text/plain")])
            write(b"written")
            return [b"swallowed"]
    elif how == "started":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [stream.read()]
    elif how == "after":
        def after():
            yield b"first"
            yield stream.read()
        start_response("200 OK", [("Content-Type", "text/plain")])
        return after()
    else:
        data = read[how]()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [data]
"""
BODY_MOUNTS = """
plain: {app: app:plain, path: a, max_body: 10B}
native: {app: app:flavour, path: a, max_body: 10B}
flask: {app: fl:app, path: a, max_body: 10B}
asgi: {asgi: fl:asgi, path: a, max_body: 10B}
"""
BODY_FILES = {
    "a/app.py": BODIES,
    "a/fl.py": """
    from flask import Flask, request
    app = Flask(__name__)

    @app.post("/form")
    def form():
        return str(len(request.get_data()))

    async def asgi(scope, receive, send):
        if scope["type"] != "http":
            raise NotImplementedError
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"read"})
    """,
}
WAYS = ["read", "parts", "line", "lines", "iterate", "late", "started"]


def test_a_body_whose_length_is_told(tmp_path: Path) -> None:
    top = "defaults: {max_body: 3B}"
    mounts = BODY_MOUNTS + "other: {app: app:plain, path: a}"
    with serving(tmp_path, mounts, BODY_FILES, top) as served:
        assert served.ask("/plain/read", "POST", b"1234567890").text == "1234567890"
        refused = served.ask("/plain/read", "POST", b"12345678901")
        assert (refused.status, "12345678901" in refused.text) == (413, False)
        # waitress collects chunks, and tells their length.
        assert served.ask("/plain/read", "POST", iter([b"x" * 11])).status == 413
        assert served.ask("/other/read", "POST", b"1234").status == 413
        assert served.ask("/other/read", "POST", b"123").status == 200
        assert served.ask("/other/read").status == 200


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ({"CONTENT_LENGTH": "0" * 30 + "11"}, 413),
        ({"CONTENT_LENGTH": "0" * 30 + "10"}, 200),
        ({"CONTENT_LENGTH": "9" * 5000}, 413),
        ({"CONTENT_LENGTH": "0"}, 200),
        ({}, 200),
        # What the server says of its end, and what the length says, may disagree.
        ({"CONTENT_LENGTH": "5", "HTTP_TRANSFER_ENCODING": "chunked"}, 413),
        ({"wsgi.input_terminated": True}, 413),
        ({"CONTENT_LENGTH": "-5"}, 413),
    ],
)
def test_lengths_that_lie(tmp_path: Path, told: dict[str, Any], status: int) -> None:
    class Stream:
        def __init__(self) -> None:
            self.read = io.BytesIO(b"x" * 11).read

    with built(tmp_path, BODY_MOUNTS, BODY_FILES) as gateway:
        environ = create_environ("/plain/read", method="POST")
        for name in ("CONTENT_LENGTH", "wsgi.input_terminated"):
            environ.pop(name, None)
        environ |= {"wsgi.input": Stream(), **told}
        _, line, _ = run_wsgi_app(gateway, environ)
        assert int(line[:3]) == status
        # Collected by the server already.
        environ["wsgi.input"] = io.BytesIO(b"x" * 11)
        assert run_wsgi_app(gateway, environ)[1][:3] == "413"


@contextmanager
def werkzeug_serving(gateway: Gateway) -> Iterator[tuple[str, int]]:
    """Serve by a server that hands chunks over as they arrive."""
    server = make_server("127.0.0.1", 0, gateway, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield ("127.0.0.1", server.port)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def chunked(address: tuple[str, int], path: str, *chunks: bytes) -> tuple[int, str]:
    """Send a body in chunks; return the status and what could be read of the rest."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    with closing(HTTPConnection(*address, timeout=10)) as connection:
        connection.request("POST", path, iter(chunks), headers)
        # Werkzeug reads on to the end of what it is sent before it closes.
        connection.sock.shutdown(socket.SHUT_WR)
        response = connection.getresponse()
        try:
            return response.status, response.read().decode()
        except IncompleteRead as error:
            return response.status, error.partial.decode() + "(cut off)"


@pytest.fixture(scope="module")
def counting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    folder = tmp_path_factory.mktemp("counting")
    with (
        built(folder, BODY_MOUNTS, BODY_FILES) as gateway,
        werkzeug_serving(gateway) as address,
    ):
        yield address


@pytest.mark.parametrize("way", WAYS)
def test_a_body_in_chunks_is_counted(counting: Any, way: str) -> None:
    whole = chunked(counting, f"/plain/{way}", b"12345\n", b"7890")
    assert whole == (200, "12345\n7890")
    status, page = chunked(counting, f"/plain/{way}", b"12345\n", b"78901")
    assert (status, "78901" in page) == (413, False)


def test_what_is_not_read_is_not_counted(counting: Any) -> None:
    assert chunked(counting, "/plain/nothing", b"x" * 20) == (200, "")
    assert chunked(counting, "/plain/short", b"12", b"x" * 20) == (200, "12")


@pytest.mark.parametrize("way", ["swallows", "swallowing-late"])
def test_the_client_is_told_whatever_the_application_makes_of_it(
    counting: Any, way: str
) -> None:
    status, page = chunked(counting, f"/plain/{way}", b"x" * 20)
    assert status == 413
    assert "swallowed" not in page
    assert "written" not in page


@pytest.mark.parametrize("mount", ["native", "flask", "asgi"])
def test_frameworks_too(counting: Any, mount: str) -> None:
    assert chunked(counting, f"/{mount}/form", b"f=1234")[0] == 200
    assert chunked(counting, f"/{mount}/form", b"f=", b"x" * 20)[0] == 413


def test_a_response_that_has_begun_is_cut_off(counting: Any) -> None:
    assert chunked(counting, "/plain/after", b"x" * 20) == (200, "first(cut off)")


def test_what_the_application_refuses_itself_is_its_own(counting: Any) -> None:
    status, page = chunked(counting, "/native/form", b"own=" + b"x" * 5)
    assert (status, page) == (413, "its own words")
