"""Every framework's application in its mount's context, over the real way."""

from __future__ import annotations

import io
import json
import tempfile
from contextlib import closing
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from composing import composed, get, text

from gateway.context import current_app_context
from gateway.errors import BodyOwnedError, OutsideContextError
from gateway.globals import current_app
from gateway.lifecycle import Gateway
from gateway.loaders.foreign import ForeignApplication, ForeignRequest
from gateway.servers.waitress import running

REPORT = """
import json
import gateway

gateway.g.kept = "while loading"
TITLE = gateway.current_app.config["TITLE"]
torn = []


@gateway.current_app.teardown_appcontext
def tear(error):
    torn.append(gateway.g.pop("mark", "no mark"))


def report():
    assert "kept" not in gateway.g
    gateway.g.mark = gateway.request.args["mark"]
    return json.dumps({
        "name": gateway.current_app.name,
        "title": [TITLE, gateway.current_app.config["TITLE"]],
        "mark": gateway.g.mark,
        "path": gateway.request.path,
        "root": gateway.request.root_path,
        "torn": torn,
    })
"""

PLAIN = """
from report import report

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    return [report().encode()]
"""
STREAMING = """
from report import report

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    yield b" "
    yield report().encode()
"""
BOTTLE = """
from bottle import Bottle
from report import report

application = Bottle()
application.route("/page")(report)
"""
FALCON = """
import falcon
from report import report

class Page:
    def on_get(self, request, response):
        response.text = report()

application = falcon.App()
application.add_route("/page", Page())
"""
PYRAMID = """
from pyramid.config import Configurator
from pyramid.response import Response
from report import report

def application(global_config=None, **settings):
    with Configurator(settings=settings) as config:
        config.add_route("page", "/page")
        config.add_view(lambda request: Response(report()), route_name="page")
        return config.make_wsgi_app()
"""
FLASK = """
from flask import Flask
from report import report

application = Flask(__name__)
application.get("/page")(report)
"""
NATIVE = """
from gateway import App
from report import report

application = App(__name__)
application.get("/page")(report)
"""
WRAPPED_NATIVE = """
from werkzeug.middleware.proxy_fix import ProxyFix
from gateway import App
from report import report

app = App(__name__)
app.get("/page")(report)
application = ProxyFix(app)
"""
FASTAPI = """
import json
from fastapi import FastAPI
from report import report

application = FastAPI()

@application.get("/page")
async def page():
    return json.loads(report())
"""
STARLETTE = """
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from report import report

def page(request):
    return PlainTextResponse(report())

application = Starlette(routes=[Route("/page", page)])
"""


@pytest.mark.parametrize(
    ("kind", "key", "code"),
    [
        pytest.param("wsgi", "app", PLAIN, id="plain"),
        pytest.param("wsgi", "app", STREAMING, id="streaming"),
        pytest.param("wsgi", "app", BOTTLE, id="bottle"),
        pytest.param("wsgi", "app", FALCON, id="falcon"),
        pytest.param("wsgi", "app", PYRAMID, id="pyramid"),
        pytest.param("flask", "app", FLASK, id="flask"),
        pytest.param("native", "app", NATIVE, id="native"),
        pytest.param("native", "app", WRAPPED_NATIVE, id="wrapped native"),
        pytest.param("asgi", "asgi", FASTAPI, id="fastapi"),
        pytest.param("asgi", "asgi", STARLETTE, id="starlette"),
    ],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Pyramid imports cgi
def test_two_mounts_of_a_framework_each_see_their_own(
    tmp_path: Path, kind: str, key: str, code: str
) -> None:
    for framework in ("bottle", "falcon", "fastapi", "pyramid"):
        if f"from {framework}" in code or f"import {framework}" in code:
            reason = f"component not installed: {framework}"
            pytest.importorskip(framework, reason=reason)
    mounts = f"""
        one: {{{key}: 'app:application', path: ., config: {{TITLE: One}}}}
        two: {{{key}: 'app:application', path: ., config: {{TITLE: Two}}}}
        """
    files = {"app.py": code, "report.py": REPORT}
    torn: dict[str, list[str]] = {"one": [], "two": []}
    with composed(tmp_path, mounts, files) as gateway:
        for mark in ("a", "b", "c"):
            for name in ("one", "two"):
                assert gateway.mounts[name].kind == kind
                found = json.loads(text(gateway, f"/{name}/page?mark={mark}"))
                native = gateway.mounts[name].application.name
                assert found == {
                    "name": native if kind == "native" else name,
                    "title": [name.title()] * 2,
                    "mark": mark,
                    "path": "/page",
                    "root": f"/{name}",
                    "torn": torn[name],
                }
                torn[name].append(mark)
    assert current_app_context.get(None) is None


def test_the_configuration_of_a_plain_callable_is_that_of_its_mount(
    tmp_path: Path,
) -> None:
    app = """
        import gateway

        LOADED = gateway.current_app.config.get_namespace("APP_")
        gateway.current_app.config["LIST"].append("loading")

        def application(environ, start_response):
            config = gateway.current_app.config
            config["LIST"].append("request")
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [repr((LOADED, config["LIST"], str(config.root_path))).encode()]
        """
    mounts = """
        a: {app: app:application, config: &both {APP_X: 1, LIST: [file]}}
        b: {app: app:application, config: *both}
        """
    with composed(tmp_path, mounts, {"app.py": app}) as gateway:
        expected = repr(({"x": 1}, ["file", "loading", "request"], str(tmp_path)))
        assert text(gateway, "/a/") == expected
        assert text(gateway, "/b/") == expected
        with gateway.mounts["a"].app_context():
            assert current_app.config["APP_X"] == 1


def test_a_native_apps_mount_keeps_what_was_registered_before_it_was_made(
    tmp_path: Path,
) -> None:
    app = """
        import gateway

        order = []
        gateway.current_app.extensions["shared"] = "mount"
        gateway.current_app.extensions["own"] = "mount"
        gateway.current_app.teardown_appcontext(lambda error: order.append("mount"))

        def create_app():
            app = gateway.App(__name__)
            app.extensions["own"] = "app"
            app.teardown_appcontext(lambda error: order.append("app"))

            @app.get("/")
            def show():
                assert gateway.current_app._get_current_object() is app
                return [order, app.extensions["shared"], app.extensions["own"]]

            return app
        """
    with composed(tmp_path, "a: {app: app:create_app}", {"app.py": app}) as gateway:
        assert get(gateway, "/a/").json == [[], "mount", "app"]
        # The newest first.
        assert get(gateway, "/a/").json == [["app", "mount"], "mount", "app"]


BODIES = """
import gateway
from gateway.errors import BodyOwnedError

def application(environ, start_response):
    request = gateway.request
    try:
        seen = len(request.get_data())
        again = len(request.get_data())
        form = request.form.get("name", "no form")
    except BodyOwnedError as error:
        seen = again = form = "owned"
    own = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "text/plain")])
    kind = type(environ["wsgi.input"]).__name__
    return [f"{kind} {seen} {again} {len(own)} {form}".encode()]
"""


def test_the_body_is_shown_and_left_to_the_application(tmp_path: Path) -> None:
    with (
        composed(tmp_path, "a: {app: app:application}", {"app.py": BODIES}) as gateway,
        running(gateway, _on_free_port(gateway)) as server,
        closing(HTTPConnection(*server.address, timeout=10)) as connection,
    ):
        for size, kind in ((100, "BytesIO"), (700_000, "BufferedRandom")):
            connection.request("POST", "/a/", body=b"x" * size)
            expected = f"{kind} {size} {size} {size} no form"
            assert connection.getresponse().read().decode() == expected
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        connection.request("POST", "/a/", body=b"name=value", headers=headers)
        assert connection.getresponse().read() == b"BytesIO 10 10 10 value"
        connection.request("POST", "/a/", body=iter([b"xx", b"yyy"]))  # chunked
        assert connection.getresponse().read() == b"BytesIO 5 5 5 no form"


def _on_free_port(gateway: Gateway) -> Any:
    return replace(gateway.spec.server, port=0, threads=2)


def test_a_request_is_a_view_that_takes_nothing_away() -> None:
    with tempfile.TemporaryFile() as file:
        file.write(b"before body after")
        file.seek(7)
        environ = {"wsgi.input": file, "CONTENT_LENGTH": "17", "REQUEST_METHOD": "POST"}
        request = ForeignRequest(environ, populate_request=False)
        assert request.get_data() == b"before body after"
        assert file.tell() == 7
    environ["wsgi.input"] = io.BufferedReader(io.BytesIO(b"body"))
    request = ForeignRequest(environ, populate_request=False)
    with pytest.raises(BodyOwnedError, match="belongs to the mounted application"):
        request.get_json(force=True)


def test_a_foreign_application_says_what_it_is() -> None:
    application = ForeignApplication("notes", {})
    assert repr(application) == "<ForeignApplication 'notes'>"
    with application.app_context():
        assert current_app.name == "notes"
    with pytest.raises(OutsideContextError):
        current_app.name  # noqa: B018
