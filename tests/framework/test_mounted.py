"""A native application behind a mount: whose contexts, whose prefix."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import flask
import pytest
from werkzeug.test import Client

import gateway
from gateway import (
    App,
    after_this_request,
    copy_current_request_context,
    current_app,
    g,
    has_request_context,
    request,
    session,
    stream_with_context,
    url_for,
)
from gateway.dispatch.dispatcher import Dispatcher
from gateway.dispatch.table import Route, Table
from gateway.errors import ContextStackError
from gateway.globals import app_ctx, request_ctx
from gateway.loaders.foreign import ForeignApplication
from gateway.mount import Mount
from gateway.site import Mounted, MountPoint, Site, seed_config
from gateway.types import StartResponse, WSGIApplication, WSGIEnvironment


@pytest.fixture
def app() -> App:
    app = App("native", static_folder=None)
    app.secret_key = "k"
    point = MountPoint("native", "/native", None, "native")
    app.mount = Mounted(point, Site({"native": point}))
    return app


@pytest.fixture
def mount(app: App) -> Mount:
    return Mount(
        "native",
        "/native",
        None,
        kind="native",
        source="app:app",
        application=app,
        wsgi=app,
        native=True,
    )


def test_prefix_and_cookie_path(app: App, mount: Mount) -> None:
    @app.get("/")
    def index() -> str:
        session["a"] = 1
        return f"{url_for('index')} {url_for('index', _external=True)}"

    answer = Client(mount.serve).get("/", base_url="http://h.test/outer/native")
    assert answer.text == "/outer/native/ http://h.test/outer/native/"
    assert "Path=/outer/native" in answer.headers["Set-Cookie"]
    with mount.app_context():
        assert url_for("index") == "/native/"


def test_the_mount_ends_the_application_context_once(app: App, mount: Mount) -> None:
    order: list[str] = []
    app.teardown_appcontext(lambda exc: order.append(f"teardown {'x' in g}"))

    @app.get("/stream")
    def stream() -> Iterator[str]:
        g.x = 1

        def body() -> Iterator[str]:
            yield request.path
            order.append("streamed")

        inner = stream_with_context(body())

        def outer() -> Iterator[str]:
            yield from inner
            order.append("sent")

        return outer()

    app.add_url_rule("/text", "text", lambda: g.setdefault("x", "text"))
    client = Client(mount.serve)
    answer = client.get("/stream", buffered=True)
    assert answer.text == "/stream"
    assert order == ["streamed", "sent", "teardown True"]
    order.clear()
    assert client.get("/text").text == "text"
    assert order == ["teardown True"]


def test_a_foreign_mount_has_a_request_but_no_session_here(app: App) -> None:
    seen: list[str] = []

    def foreign(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        seen.append(f"{has_request_context()} {request.path}")
        for attempt in (lambda: session.get("a"), lambda: after_this_request(print)):
            with pytest.raises(RuntimeError) as caught:
                attempt()
            seen.append(str(caught.value))
        start_response("200 OK", [])
        return [b""]

    mount = Mount(
        "foreign",
        "/foreign",
        None,
        kind="wsgi",
        source="app:app",
        application=app,
        wsgi=foreign,
    )
    Client(mount.serve).get("/path")
    assert seen[0] == "True /path"
    assert "kept by its own framework" in seen[1]
    assert "'after_this_request' can only be used in a gateway.App" in seen[2]


def test_an_application_starts_from_the_mounts_config() -> None:
    token = seed_config.set({"SECRET_KEY": "from the file", "COLOUR": "red"})
    try:
        app = App("seeded", static_folder=None)
    finally:
        seed_config.reset(token)
    assert app.secret_key == "from the file"
    assert app.config["COLOUR"] == "red"
    assert app.config["TESTING"] is False


def test_pushing_the_mounts_context_again_does_not_end_it(
    app: App, mount: Mount
) -> None:
    ends: list[str] = []
    app.teardown_appcontext(lambda exc: ends.append(f"{g.get('x')}"))

    @app.get("/")
    def index() -> str:
        g.x = "kept"
        with app_ctx, request_ctx:
            pass
        assert ends == []
        with pytest.raises(ContextStackError, match="it was not pushed here"):
            app_ctx.pop()
        with app_ctx:
            return f"{g.x} {current_app.name}"

    assert Client(mount.serve).get("/").text == "kept native"
    assert ends == ["kept"]


def test_a_mounts_context_outlives_a_generator_that_another_thread_reads(
    app: App, mount: Mount
) -> None:
    ends: list[str] = []
    app.teardown_appcontext(lambda exc: ends.append("end"))
    read: list[str] = []

    @app.get("/")
    def index() -> str:
        @stream_with_context
        def body() -> Iterator[str]:
            yield f"{current_app.name} {request.path}"

        pieces = body()
        thread = threading.Thread(target=lambda: read.extend(pieces))
        thread.start()
        thread.join()
        assert ends == []
        return "text"

    assert Client(mount.serve).get("/").text == "text"
    assert (read, ends) == (["native /"], ["end"])


@pytest.fixture
def foreign() -> Callable[[WSGIApplication], Client]:
    def mount(wsgi: WSGIApplication) -> Client:
        application = ForeignApplication("foreign", {})
        made = Mount(
            "foreign",
            "/foreign",
            None,
            kind="wsgi",
            source="app:app",
            application=application,
            wsgi=wsgi,
        )
        return Client(made.serve)

    return mount


def test_what_only_a_native_application_offers_says_so(foreign: Any) -> None:
    said: list[str] = []

    def wsgi(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        for helper in (after_this_request, copy_current_request_context):
            with pytest.raises(RuntimeError) as caught:
                helper(print)
            said.append(str(caught.value))
        start_response("200 OK", [])
        return [b""]

    native = App("outer", static_folder=None)
    native.add_url_rule("/", "index", lambda: foreign(wsgi).get("/inner").text)
    native.testing = True
    # Below another application's request too, whose context must not be taken.
    assert native.test_client().get("/").status_code == 200
    for name, text in zip(
        ("after_this_request", "copy_current_request_context"), said, strict=True
    ):
        assert f"'{name}' can only be used in a gateway.App" in text
        assert "'foreign' is handled by its own framework" in text


def test_a_foreign_stream_keeps_its_context(foreign: Any) -> None:
    def wsgi(environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        g.x = 1
        start_response("200 OK", [])

        @stream_with_context
        def body() -> Iterator[bytes]:
            yield f"{g.x} {request.path}".encode()

        return body()

    assert foreign(wsgi).get("/p", buffered=True).text == "1 /p"


def _logins(lib: Any, name: str, **config: Any) -> Any:
    app = lib.Flask(name, static_folder=None)
    app.config.update(config)

    def login(user: str) -> str:
        lib.session["user"] = user
        return "in"

    app.add_url_rule("/login/<user>", "login", login)
    app.add_url_rule("/who", "who", lambda: lib.session.get("user", "nobody"))
    return app


def _gateway(native: App, foreign: Any) -> Client:
    """Serve a native application and one of Flask beside each other."""
    routes = []
    site = Site()
    for name, app in (("native", native), ("flask", foreign)):
        is_native = app is native
        point = MountPoint(name, f"/{name}", None, name)
        if is_native:
            native.mount = Mounted(point, site)
        mount = Mount(
            name,
            f"/{name}",
            None,
            kind=name,
            source="app:app",
            application=native if is_native else ForeignApplication(name, {}),
            wsgi=app,
            native=is_native,
        )
        routes.append(Route(None, f"/{name}", mount.serve))
    return Client(Dispatcher(Table(routes)))


def test_a_login_is_shared_only_where_key_name_and_path_are() -> None:
    shared = {"SECRET_KEY": "k", "SESSION_COOKIE_PATH": "/"}
    client = _gateway(
        _logins(gateway, "native", **shared), _logins(flask, "flask", **shared)
    )
    client.get("/flask/login/ann")
    assert client.get("/native/who").text == "ann"
    client.get("/native/login/bob")
    assert client.get("/flask/who").text == "bob"


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({"SECRET_KEY": "k"}, {"SECRET_KEY": "k", "SESSION_COOKIE_PATH": "/flask"}),
        ({"SECRET_KEY": "one"}, {"SECRET_KEY": "two"}),
        (
            {"SECRET_KEY": "k", "SESSION_COOKIE_PATH": "/"},
            {"SECRET_KEY": "k", "SESSION_COOKIE_NAME": "own"},
        ),
    ],
)
def test_otherwise_it_is_not(ours: dict[str, str], theirs: dict[str, str]) -> None:
    client = _gateway(
        _logins(gateway, "native", **ours), _logins(flask, "flask", **theirs)
    )
    client.get("/native/login/bob")
    assert client.get("/native/who").text == "bob"
    assert client.get("/flask/who").text == "nobody"
