"""The way of a request: hooks, view, response, teardown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any
from wsgiref.validate import validator

import pytest

from gateway import App, Response, abort, after_this_request, g, make_response, request
from gateway.framework.testing import Client
from gateway.types import StartResponse, WSGIEnvironment


def test_hooks_run_in_order(app: App, client: Client) -> None:
    seen: list[str] = []
    app.before_request(lambda: seen.append("before 1"))
    app.before_request(lambda: seen.append("before 2"))

    def after(name: str) -> Callable[[Response], Response]:
        def hook(response: Response) -> Response:
            seen.append(name)
            return response

        return hook

    app.after_request(after("after 1"))
    app.after_request(after("after 2"))
    app.teardown_request(lambda exc: seen.append(f"teardown {exc}"))
    app.teardown_appcontext(lambda exc: seen.append(f"app teardown {exc}"))

    @app.get("/")
    def index() -> str:
        after_this_request(after("this"))
        seen.append("view")
        return ""

    client.get("/")
    assert seen == [
        "before 1",
        "before 2",
        "view",
        "this",
        "after 2",
        "after 1",
        "teardown None",
        "app teardown None",
    ]


def test_a_before_hook_can_answer(app: App, client: Client) -> None:
    app.before_request(lambda: ("stop", 418))
    app.add_url_rule("/", "index", lambda: pytest.fail("the view ran"))
    assert client.get("/").status_code == 418
    assert client.get("/missing").status_code == 418


class Made(Response):
    default_mimetype = "text/plain"


def _stream() -> Iterator[str]:
    yield "a"
    yield "b"


def _wsgi(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    start_response("201 Created", [("X-From", environ["PATH_INFO"])])
    return [b"wsgi"]


@pytest.mark.parametrize(
    ("value", "status", "body", "headers"),
    [
        ("text", 200, b"text", {"Content-Type": "text/html; charset=utf-8"}),
        ("", 200, b"", {"Content-Length": "0"}),
        (b"bytes", 200, b"bytes", {"Content-Length": "5"}),
        (bytearray(b"array"), 200, b"array", {}),
        ({"b": 1, "a": [2]}, 200, b'{"a":[2],"b":1}\n', {}),
        ([1], 200, b"[1]\n", {"Content-Type": "application/json"}),
        (("text", 201), 201, b"text", {}),
        (("text", "299 Own Words"), 299, b"text", {}),
        (("text", {"X-A": "1"}), 200, b"text", {"X-A": "1"}),
        (("text", 202, [("X-A", "2")]), 202, b"text", {"X-A": "2"}),
        (({"a": 1}, 203, {"X-A": "3"}), 203, b'{"a":1}\n', {"X-A": "3"}),
        ((Response("r"), 207, {"X-A": "4"}), 207, b"r", {"X-A": "4"}),
        (Made("m"), 200, b"m", {"Content-Type": "text/plain; charset=utf-8"}),
        (_wsgi, 201, b"wsgi", {"X-From": "/"}),
    ],
)
def test_what_a_view_may_return(
    app: App, client: Client, value: Any, status: int, body: bytes, headers: Any
) -> None:
    app.add_url_rule("/", "index", lambda: value)
    answer = client.get("/")
    assert (answer.status_code, answer.data) == (status, body)
    assert {name: answer.headers[name] for name in headers} == headers


def test_a_generator_is_streamed(app: App, client: Client) -> None:
    app.add_url_rule("/", "index", _stream)
    answer = client.get("/")
    assert answer.data == b"ab"
    assert "Content-Length" not in answer.headers


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "returned None"),
        (5, "but it was a int"),
        (("a", 200, {}, 1), "response tuple"),
        ((None, 200), "returned None"),
    ],
)
def test_what_a_view_may_not_return(
    app: App, client: Client, value: Any, words: str
) -> None:
    app.add_url_rule("/", "index", lambda: value)
    with pytest.raises(TypeError, match=words):
        client.get("/")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "make",
    [
        lambda: "text",
        lambda: ("", 204),
        lambda: ("ignored", 304),
        lambda: Response(status=204, headers={"X-A": "1"}),
        lambda: _stream(),
        lambda: Response(["a", b"b"]),
        lambda: app_redirect(),
        lambda: {"a": 1},
        lambda: abort(404),
    ],
)
@pytest.mark.filterwarnings("ignore:Unknown REQUEST_METHOD")
def test_every_response_is_valid_wsgi(app: App, make: Any, method: str) -> None:
    app.add_url_rule("/", "index", lambda: make())
    with app.test_request_context("/", method=method) as context:
        environ = context.environ
    environ["wsgi.errors"] = _Errors()
    environ["wsgi.input"] = _Input()
    del environ["werkzeug.request"]
    checked = validator(app)
    statuses: list[str] = []

    def start(status: str, headers: Any, exc_info: Any = None) -> Any:
        statuses.append(status)
        return print

    body: Any = checked(environ, start)
    content = b"".join(body)
    body.close()
    assert len(statuses) == 1
    if method == "HEAD" or statuses[0][:3] in ("204", "304"):
        assert content == b""


def app_redirect() -> Any:
    from gateway import redirect

    return redirect("/café")


class _Input:
    def read(self, size: int = -1) -> bytes:
        return b""

    def readline(self) -> bytes:
        return b""

    def readlines(self, hint: int = -1) -> list[bytes]:
        return []

    def __iter__(self) -> Iterator[bytes]:
        return iter(())


class _Errors:
    def write(self, text: str) -> None: ...

    def writelines(self, lines: list[str]) -> None: ...

    def flush(self) -> None: ...


def test_204_and_304_have_no_content_headers(app: App, client: Client) -> None:
    app.add_url_rule("/a", "a", lambda: ("", 204))
    app.add_url_rule("/b", "b", lambda: ("", 304))
    for path in ("/a", "/b"):
        names = set(client.get(path).headers.keys())
        assert not names & {"Content-Type", "Content-Length"}


def test_close_callbacks_run_once_the_body_is_closed(app: App) -> None:
    closed: list[str] = []

    @app.get("/")
    def index() -> Response:
        response = Response("text")
        response.call_on_close(lambda: closed.append("now"))
        return response

    answer = app.test_client().get("/")
    assert answer.data == b"text"
    answer.close()
    assert closed == ["now"]


def test_a_changed_response_is_sent_as_changed(app: App, client: Client) -> None:
    @app.get("/")
    def index() -> Response:
        response: Response = make_response("short", 201)
        response.data = "much longer"
        response.headers["X-A"] = "1"
        response.mimetype = "text/plain"
        return response

    answer = client.get("/")
    assert answer.data == b"much longer"
    assert answer.headers["Content-Length"] == "11"
    assert answer.headers["X-A"] == "1"
    assert answer.status_code == 201


def test_a_subclass_of_response_is_asked_for_its_headers(app: App) -> None:
    class Signed(Response):
        def get_wsgi_headers(self, environ: WSGIEnvironment) -> Any:
            headers = super().get_wsgi_headers(environ)
            headers["X-Signed"] = "yes"
            return headers

    app.response_class = Signed
    app.add_url_rule("/", "index", lambda: "text")
    assert app.test_client().get("/").headers["X-Signed"] == "yes"


def test_middleware_wraps_wsgi_app(app: App, client: Client) -> None:
    app.add_url_rule("/", "index", lambda: request.environ["x.mark"])
    inner = app.wsgi_app

    def middleware(environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        environ["x.mark"] = "marked"
        return inner(environ, start_response)

    app.wsgi_app = middleware  # type: ignore[method-assign]
    assert client.get("/").text == "marked"


def test_every_teardown_function_runs_and_errors_are_collected(app: App) -> None:
    seen: list[str] = []

    @app.teardown_appcontext
    def fine(exc: BaseException | None) -> None:
        seen.append("ran")

    @app.teardown_appcontext
    def broken(exc: BaseException | None) -> None:
        raise ValueError("one")

    with pytest.raises(ValueError, match="one"), app.app_context():
        pass

    @app.teardown_appcontext
    def broken_too(exc: BaseException | None) -> None:
        raise KeyError("two")

    with pytest.raises(ExceptionGroup) as caught, app.app_context():
        pass
    assert {type(error) for error in caught.value.exceptions} == {ValueError, KeyError}
    assert seen == ["ran", "ran"]


def test_coroutine_functions_run_and_set_context_variables(
    app: App, client: Client
) -> None:
    colour: ContextVar[str] = ContextVar("colour", default="none")

    @app.before_request
    async def before() -> None:
        g.steps = ["before"]

    @app.get("/")
    async def index() -> str:
        g.steps.append("view")
        colour.set("red")
        return request.path

    @app.after_request
    async def after(response: Response) -> Response:
        response.headers["X-Steps"] = ",".join([*g.steps, colour.get()])
        return response

    answer = client.get("/")
    assert answer.text == "/"
    assert answer.headers["X-Steps"] == "before,view,red"
    assert colour.get() == "red"  # the test client shares this test's context
    colour.set("none")
