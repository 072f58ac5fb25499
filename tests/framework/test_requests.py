"""The request: limits, hosts, files, and mistakes that are explained."""

from __future__ import annotations

import io
from typing import Any

import pytest

from gateway import App, Request, Response, request
from gateway.debughelpers import DebugFilesKeyError, UnexpectedUnicodeError
from gateway.framework.testing import Client


def test_limits_come_from_the_configuration_and_from_the_request(app: App) -> None:
    bare = Request({})
    assert bare.max_content_length is None
    assert (bare.max_form_memory_size, bare.max_form_parts) == (500_000, 1_000)
    app.config.update(MAX_CONTENT_LENGTH=100, MAX_FORM_MEMORY_SIZE=50, MAX_FORM_PARTS=3)
    with app.app_context():
        made = Request({})
        limits = made.max_content_length, made.max_form_memory_size, made.max_form_parts
        assert limits == (100, 50, 3)
        made.max_content_length, made.max_form_memory_size = 90, 30
        made.max_form_parts = 4
        limits = made.max_content_length, made.max_form_memory_size, made.max_form_parts
        assert limits == (90, 30, 4)


@pytest.mark.parametrize(
    ("config", "data"),
    [
        ({"MAX_CONTENT_LENGTH": 10}, {"a": "x" * 20}),
        ({"MAX_FORM_MEMORY_SIZE": 10}, {"a": "x" * 20, "f": (io.BytesIO(b""), "f")}),
        ({"MAX_FORM_PARTS": 1}, {"a": "1", "b": "2", "f": (io.BytesIO(b""), "f")}),
    ],
)
def test_what_is_too_large_is_refused(
    app: App, client: Client, config: dict[str, int], data: dict[str, Any]
) -> None:
    app.add_url_rule("/", "in", lambda: str(len(request.form)), methods=["POST"])
    app.config.update(config)
    assert client.post("/", data=data).status_code == 413
    assert client.post("/", data={"a": "1"}).text == "1"


def test_a_view_can_raise_its_own_limit(app: App, client: Client) -> None:
    app.config["MAX_CONTENT_LENGTH"] = 10

    @app.post("/")
    def index() -> str:
        request.max_content_length = 100
        return str(len(request.form["a"]))

    assert client.post("/", data={"a": "x" * 50}).text == "50"
    assert client.post("/", data={"a": "x" * 200}).status_code == 413


@pytest.mark.parametrize(
    ("host", "status"),
    [("ąśźäüжŠßя.com", 200), ("example.com", 200), ("a..b", 400)],
)
def test_hosts(app: App, host: str, status: int) -> None:
    app.add_url_rule("/", "index", lambda: "in")
    with app.test_request_context("/") as context:
        environ = context.environ
    environ["HTTP_HOST"] = host
    for _ in range(2):
        with app.request_context(environ):
            assert app.full_dispatch_request().status_code == status


def test_a_form_without_files_is_explained_while_debugging(
    app: App, client: Client
) -> None:
    app.add_url_rule("/", "in", lambda: request.files["foo"].filename, methods=["POST"])
    assert client.post("/", data={"foo": "index.txt"}).status_code == 400
    app.debug = True
    with pytest.raises(DebugFilesKeyError) as caught:
        client.post("/", data={"foo": "index.txt"})
    assert "no file contents were transmitted" in str(caught.value)
    assert "This was submitted: 'index.txt'" in str(caught.value)
    assert issubclass(DebugFilesKeyError, KeyError)
    assert issubclass(UnexpectedUnicodeError, UnicodeError)


def test_uploaded_files_are_closed(app: App, client: Client) -> None:
    streams: list[Any] = []

    @app.post("/")
    def index() -> str:
        streams.append(request.files["f"].stream)
        return str(request.files["f"].read().decode())

    assert client.post("/", data={"f": (io.BytesIO(b"xyz"), "f.txt")}).text == "xyz"
    assert streams[0].closed


def test_a_missing_key_says_which_while_debugging(app: App, client: Client) -> None:
    app.add_url_rule("/", "index", lambda: request.form["missing"])
    assert b"missing" not in client.get("/").data
    app.debug = True
    app.config["TRAP_BAD_REQUEST_ERRORS"] = False
    assert b"missing" in client.get("/").data
    app.config["TRAP_BAD_REQUEST_ERRORS"] = None
    with pytest.raises(KeyError, match="missing"):
        client.get("/")


def test_the_size_of_cookies(app: App, client: Client) -> None:
    assert Response().max_cookie_size == app.default_config["MAX_COOKIE_SIZE"]

    @app.get("/")
    def index() -> Any:
        answer = app.make_response("")
        answer.set_cookie("big", "x" * 100)
        return answer

    client.get("/")
    app.config["MAX_COOKIE_SIZE"] = 50
    with pytest.warns(UserWarning, match="cookie is too large"):
        client.get("/")
    app.config["MAX_COOKIE_SIZE"] = 0
    client.get("/")


def test_what_a_request_knows_of_its_route(app: App) -> None:
    app.add_url_rule("/x/<n>", "x", lambda n: "")
    with app.test_request_context("/x/1"):
        assert (request.endpoint, request.blueprint, request.blueprints) == (
            *("x", None),
            [],
        )
        assert request.url_rule is not None
        assert request.url_rule.rule == "/x/<n>"
    assert Request({}).endpoint is None


def test_an_own_request_and_response_class(app: App, client: Client) -> None:
    class Asked(Request):
        colour = "red"

    class Answer(Response):
        default_mimetype = "text/plain"

    app.request_class, app.response_class = Asked, Answer

    @app.get("/")
    def index() -> str:
        assert isinstance(request, Asked)
        return request.colour

    answer = client.get("/")
    assert (answer.text, answer.mimetype) == ("red", "text/plain")


def test_paths_beyond_ascii(app: App, client: Client) -> None:
    app.add_url_rule("/киртест", "index", lambda: request.path)
    for _ in range(2):
        assert client.get("/киртест").text == "/киртест"
