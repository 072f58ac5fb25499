"""Helpers: with and without an application, in and out of a request."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import werkzeug.exceptions
from werkzeug.exceptions import Aborter, HTTPException, Unauthorized

import gateway
from gateway import (
    App,
    Response,
    abort,
    after_this_request,
    copy_current_request_context,
    current_app,
    flash,
    g,
    get_flashed_messages,
    has_request_context,
    jsonify,
    make_response,
    redirect,
    render_template_string,
    request,
    session,
    stream_with_context,
    url_for,
)
from gateway.errors import ContextStackError, OutsideContextError, SetupError
from gateway.framework.testing import Client
from gateway.globals import request_ctx
from gateway.helpers import get_debug_flag, get_load_dotenv


@pytest.mark.parametrize(
    "use",
    [
        lambda: after_this_request(lambda response: response),
        lambda: copy_current_request_context(print),
        lambda: stream_with_context(iter("ab")),
        lambda: flash("x"),
        get_flashed_messages,
        lambda: session.get("x"),
        lambda: request.path,
        lambda: url_for("x"),
        lambda: jsonify(1),
        make_response,
        lambda: render_template_string("x"),
        lambda: g.get("x"),
        lambda: current_app.name,
    ],
)
def test_outside_of_contexts_the_error_has_the_cure(use: Callable[[], Any]) -> None:
    with pytest.raises(RuntimeError) as caught:
        use()
    assert isinstance(caught.value, OutsideContextError)
    assert "context" in str(caught.value)
    assert "with app." in str(caught.value)


def test_a_request_context_is_needed_within_an_application_too(app: App) -> None:
    with app.app_context():
        for use in (lambda: flash("x"), lambda: request.path):
            with pytest.raises(
                RuntimeError, match="Working outside of request context"
            ):
                use()


def test_without_an_application() -> None:
    with pytest.raises(Unauthorized):
        abort(401)
    with pytest.raises(LookupError):
        abort(900)
    answer = redirect("/x", 303)
    assert (answer.status_code, answer.location) == (303, "/x")
    assert type(redirect("/x", Response=Response)) is Response


def test_the_application_decides_how(app: App, client: Client) -> None:
    class Own(HTTPException):
        code = 900

    class Loud(App):
        aborter_class = type("OwnAborter", (Aborter,), {})

        def redirect(self, location: str, code: int = 302) -> Any:
            return Response(f"to {location}", code)

    assert type(Loud("x").aborter).__name__ == "OwnAborter"
    app.aborter.mapping[900] = Own
    with app.app_context(), pytest.raises(Own):
        abort(900)
    with Loud("x").app_context():
        assert redirect("/y").get_data(as_text=True) == "to /y"
    with app.app_context():
        assert type(redirect("/z")) is Response


def test_make_response(app: App) -> None:
    with app.test_request_context():
        assert make_response().status_code == 200
        answer = make_response(("text", 201))
        assert (answer.data, answer.status_code) == (b"text", 201)
        answer = make_response(Response("x"), 418, {"X-A": "1"})
        assert (answer.status_code, answer.headers["X-A"]) == (418, "1")
        assert make_response(Response("x"), "299 Own").status == "299 Own"
        assert make_response(jsonify(a=1), 400).json == {"a": 1}


def test_a_session_before_its_context_is_pushed(app: App) -> None:
    context = app.test_request_context()
    with pytest.raises(AssertionError, match="session has not yet been opened"):
        context.session  # noqa: B018


def test_request_contexts_by_hand(app: App) -> None:
    app.add_url_rule("/x", "x", lambda: "")
    outer, inner = app.test_request_context("/x"), app.test_request_context("/y")
    assert (
        repr(outer) == "<RequestContext 'http://localhost/x' [GET] of tests_framework>"
    )
    outer.push()
    inner.push()
    with pytest.raises(ContextStackError, match="Popped wrong request context"):
        outer.pop()
    assert request.path == "/y"
    inner.pop()
    assert request_ctx._get_current_object() is outer
    outer.pop(None)
    assert not has_request_context()
    with pytest.raises(AssertionError):
        outer.pop()


def test_the_error_being_handled_reaches_teardown(app: App) -> None:
    seen: list[Any] = []
    app.teardown_request(seen.append)
    app.teardown_appcontext(seen.append)
    error = ZeroDivisionError()
    context = app.test_request_context()
    context.push()
    try:
        raise error
    except ZeroDivisionError:
        context.pop()
    assert seen == [error, error]
    with app.app_context():
        pass
    app_context = app.app_context()
    app_context.push()
    try:
        raise error
    except ZeroDivisionError:
        app_context.pop()
    assert seen[2:] == [None, error]


def test_teardown_by_hand_sees_the_error_being_handled(app: App) -> None:
    seen: list[Any] = []
    app.teardown_request(seen.append)
    app.teardown_appcontext(seen.append)
    error = ZeroDivisionError()
    with app.test_request_context():
        try:
            raise error
        except ZeroDivisionError:
            app.do_teardown_request()
            app.do_teardown_appcontext()
    assert seen[:2] == [error, error]


def test_what_is_no_exception_ends_the_request_too(app: App, client: Client) -> None:
    class Stop(BaseException):
        pass

    seen: list[Any] = []
    app.teardown_request(seen.append)
    app.teardown_appcontext(seen.append)
    stop = Stop()

    @app.get("/")
    def index() -> str:
        raise stop

    with pytest.raises(Stop):
        client.get("/")
    assert seen == [stop, stop]
    assert not has_request_context()


def test_an_error_can_be_kept_from_teardown() -> None:
    class Forgetful(App):
        def should_ignore_error(self, error: BaseException | None) -> bool:
            return isinstance(error, KeyError)

    seen: list[Any] = []
    app = Forgetful("x", static_folder=None)
    app.testing = True
    app.teardown_request(seen.append)

    @app.get("/")
    def index() -> str:
        raise KeyError("x")

    with pytest.raises(KeyError):
        app.test_client().get("/")
    assert seen == [None]


def test_copied_contexts_run_coroutine_functions(app: App) -> None:
    with app.test_request_context("/p"):
        session["x"] = 1

        @copy_current_request_context
        async def work(n: int) -> str:
            return f"{request.path} {session['x']} {n}"

    assert work(2) == "/p 1 2"  # type: ignore[comparison-overlap]


def test_a_stream_closes_what_it_reads(app: App, client: Client) -> None:
    closed: list[str] = []

    class Pieces:
        def __init__(self) -> None:
            self.left = ["2", "1"]

        def __iter__(self) -> Iterator[str]:
            return self

        def __next__(self) -> str:
            if not self.left:
                raise StopIteration
            return request.path + self.left.pop()

        def close(self) -> None:
            closed.append(request.path)

    app.add_url_rule("/", "index", lambda: stream_with_context(iter(Pieces())))
    assert client.get("/").text == "/1/2"
    assert closed == ["/"]


def test_what_setup_refuses(app: App) -> None:
    with pytest.raises(TypeError, match="must be a list of strings"):
        app.add_url_rule("/", "x", methods="GET")
    with pytest.raises(SetupError, match="expected view func"):
        app.add_url_rule("/")
    with pytest.raises(TypeError, match="Use the 'route' decorator"):
        app.get("/", methods=["POST"])


def test_an_endpoint_can_be_named_later(app: App, client: Client) -> None:
    app.add_url_rule("/", endpoint="later")
    app.endpoint("later")(lambda: "named")
    assert client.get("/").text == "named"


def test_the_environment_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for value, debug in [("", False), ("1", True), ("NO", False), ("yes", True)]:
        monkeypatch.setenv("FLASK_DEBUG", value)
        assert get_debug_flag() is debug
    for value, load in [("", True), ("1", False), ("false", True), ("yes", False)]:
        monkeypatch.setenv("FLASK_SKIP_DOTENV", value)
        assert get_load_dotenv() is load
        assert get_load_dotenv(False) is (load if value else False)
    monkeypatch.undo()


def test_errors_derive_from_one_base() -> None:
    assert issubclass(OutsideContextError, gateway.GatewayError)
    assert issubclass(SetupError, gateway.GatewayError)
    assert not issubclass(werkzeug.exceptions.NotFound, gateway.GatewayError)
