"""Contexts: what is current, when, and what is left afterwards."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator

import pytest

from gateway import (
    App,
    AppContext,
    copy_current_request_context,
    current_app,
    g,
    has_app_context,
    has_request_context,
    request,
    session,
    stream_with_context,
)
from gateway.errors import ContextStackError
from gateway.framework.testing import Client
from gateway.globals import app_ctx, request_ctx


def test_nothing_is_current_outside() -> None:
    assert not has_app_context()
    assert not has_request_context()
    assert not current_app
    assert not request
    with pytest.raises(RuntimeError, match="Working outside of application context"):
        current_app.name  # noqa: B018
    with pytest.raises(RuntimeError, match="Working outside of request context"):
        request.path  # noqa: B018


def test_app_context(app: App) -> None:
    with app.app_context() as context:
        assert current_app._get_current_object() is app  # type: ignore[attr-defined]
        assert app_ctx._get_current_object() is context
        g.x = 1
        assert "x" in g
        assert list(g) == ["x"]
        assert g.pop("x") == 1
        assert g.get("x", 2) == 2
        assert g.setdefault("y", 3) == 3
        with app.app_context():
            assert "y" not in g
        assert g.y == 3


def test_request_context(app: App) -> None:
    app.add_url_rule("/x/<int:n>", "x", lambda n: "")
    with app.test_request_context("/x/4?q=1", method="POST", data={"a": "b"}) as ctx:
        assert request_ctx._get_current_object() is ctx
        assert request.args["q"] == "1"
        assert request.form["a"] == "b"
        assert (request.endpoint, request.view_args) == (None, None)
        assert ctx.request.routing_exception is not None
    with app.test_request_context("/x/4") as ctx:
        assert (request.endpoint, request.view_args) == ("x", {"n": 4})
        assert ctx.environ["werkzeug.request"] is ctx.request
    assert ctx.environ["werkzeug.request"] is None


def test_pop_out_of_order_is_refused(app: App) -> None:
    first, second = app.app_context(), app.app_context()
    first.push()
    second.push()
    with pytest.raises(ContextStackError, match="cannot pop"):
        first.pop()
    second.pop()
    first.pop()


def test_a_request_reuses_the_application_context_below(app: App) -> None:
    ends: list[str] = []
    app.teardown_appcontext(lambda exc: ends.append("app"))
    app.teardown_request(lambda exc: ends.append("request"))
    app.add_url_rule("/", "index", lambda: g.x)
    with AppContext(app):  # as a mount pushes it
        g.x = "from below"
        assert app.test_client().get("/").text == "from below"
        assert ends == ["request"]
    assert ends == ["request", "app"]


def test_contexts_of_several_applications_stack() -> None:
    a, b = App("a", static_folder=None), App("b", static_folder=None)

    @b.get("/")
    def inner() -> str:
        return f"{current_app.name} {'x' in g}"

    @a.get("/")
    def outer() -> str:
        g.x = request.args["n"]
        text = b.test_client().get("/").text
        return f"{current_app.name} {g.x} {request.args['n']} {text}"

    @a.get("/again")
    def again() -> str:
        g.x = "outer"
        with a.test_request_context("/?n=1"):
            g.y = 1
        return f"{g.x} {request.path} {'y' in g}"

    assert a.test_client().get("/?n=7").text == "a 7 7 b False"
    assert a.test_client().get("/again").text == "outer /again True"


def test_teardown_gets_the_error(app: App) -> None:
    seen: list[BaseException | None] = []
    app.teardown_appcontext(seen.append)
    with pytest.raises(KeyError), app.app_context():
        raise KeyError("k")
    assert isinstance(seen[0], KeyError)


def test_streaming_keeps_the_context(app: App, client: Client) -> None:
    @app.get("/")
    def index() -> Iterator[str]:
        @stream_with_context
        def body() -> Iterator[str]:
            yield request.args["a"]
            yield current_app.name

        return body()

    assert client.get("/?a=1").text == "1tests_framework"


def test_a_stream_left_half_read_leaves_nothing(app: App) -> None:
    closed: list[str] = []

    @app.get("/")
    def index() -> Iterator[str]:
        def body() -> Iterator[str]:
            try:
                yield request.path
                yield "more"
            finally:
                closed.append(request.path)

        return stream_with_context(body())

    with app.test_request_context("/") as context:
        environ = context.environ
    stream = app(environ, lambda *_: print)
    assert next(iter(stream)) == b"/"
    stream.close()  # type: ignore[attr-defined]
    assert closed == ["/"]
    assert not has_request_context()


def test_copying_the_request_context_for_a_thread(app: App, client: Client) -> None:
    seen: list[str] = []

    @app.get("/")
    def index() -> str:
        session["user"] = "ann"

        @copy_current_request_context
        def work() -> None:
            seen.append(f"{request.path} {session['user']} {current_app.name}")

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        return "done"

    client.get("/")
    assert seen == ["/ ann tests_framework"]


def test_the_client_preserves_the_context(app: App) -> None:
    app.add_url_rule("/<name>", "index", lambda name: g.setdefault("name", name))
    with app.test_client() as client:
        client.get("/ann")
        assert (g.name, request.path) == ("ann", "/ann")
        client.get("/bob")
        assert (g.name, request.path) == ("bob", "/bob")
    assert not has_request_context()


def test_an_application_is_freed_without_the_garbage_collector() -> None:
    gc.collect()
    gc.disable()
    try:
        app = App("freed", static_folder=None)
        app.add_url_rule("/", "index", lambda: "")
        with app.test_request_context("/"):
            pass
        reference = weakref.ref(app)
        del app
        assert reference() is None
    finally:
        gc.enable()
