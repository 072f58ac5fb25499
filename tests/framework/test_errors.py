"""Error handlers, and what happens without one."""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug.exceptions import BadRequestKeyError, Forbidden, HTTPException, NotFound
from werkzeug.routing import RequestRedirect

from gateway import App, Blueprint, abort, request
from gateway.framework.testing import Client


class Base(Exception):
    pass


class Derived(Base):
    pass


def _raise(error: Exception) -> Any:
    raise error


def test_the_nearest_class_wins(app: App, client: Client) -> None:
    app.register_error_handler(Base, lambda e: "base")
    app.register_error_handler(Derived, lambda e: "derived")
    app.register_error_handler(Exception, lambda e: "any")
    app.add_url_rule("/base", "b", lambda: _raise(Base()))
    app.add_url_rule("/derived", "d", lambda: _raise(Derived()))
    app.add_url_rule("/other", "o", lambda: _raise(KeyError()))
    assert client.get("/base").text == "base"
    assert client.get("/derived").text == "derived"
    assert client.get("/other").text == "any"


def test_codes_before_classes_blueprint_before_app(app: App, client: Client) -> None:
    part = Blueprint("part", __name__, url_prefix="/part")
    part.add_url_rule("/", "index", lambda: abort(403))
    part.register_error_handler(403, lambda e: ("part 403", 403))
    app.register_error_handler(403, lambda e: ("app 403", 403))
    app.register_error_handler(HTTPException, lambda e: ("http", e.code))
    app.add_url_rule("/", "index", lambda: abort(403))
    app.add_url_rule("/gone", "gone", lambda: abort(410))
    app.register_blueprint(part)
    assert client.get("/part/").text == "part 403"
    assert client.get("/").text == "app 403"
    assert client.get("/gone").text == "http"
    assert client.get("/missing").text == "http"


def test_http_errors_answer_for_themselves(app: App, client: Client) -> None:
    app.add_url_rule("/", "index", lambda: abort(403, "not for you"))
    answer = client.get("/")
    assert answer.status_code == 403
    assert "not for you" in answer.text
    assert client.get("/missing").status_code == 404


def test_an_unhandled_error_is_a_500_and_a_log_record(
    app: App, caplog: pytest.LogCaptureFixture
) -> None:
    app.testing = False
    failures: list[BaseException | None] = []
    app.teardown_request(failures.append)
    error = ZeroDivisionError("oh")
    app.add_url_rule("/", "index", lambda: _raise(error))
    app.register_error_handler(500, lambda e: (f"sorry: {e.original_exception}", 500))
    answer = app.test_client().get("/")
    assert (answer.status_code, answer.text) == (500, "sorry: oh")
    assert "Exception on / [GET]" in caplog.text
    assert failures == [error]


@pytest.mark.parametrize("key", ["TESTING", "DEBUG", "PROPAGATE_EXCEPTIONS"])
def test_propagation(key: str) -> None:
    app = App("propagate", static_folder=None)
    app.config[key] = True
    app.add_url_rule("/", "index", lambda: _raise(ZeroDivisionError("oh")))
    with pytest.raises(ZeroDivisionError, match="oh"):
        app.test_client().get("/")


def test_trapping(app: App, client: Client) -> None:
    app.add_url_rule("/key", "key", lambda: request.args["missing"])
    app.add_url_rule("/403", "f", lambda: abort(403))
    assert client.get("/key").status_code == 400
    app.config["TRAP_BAD_REQUEST_ERRORS"] = True
    with pytest.raises(BadRequestKeyError):
        client.get("/key")
    app.config["TRAP_HTTP_EXCEPTIONS"] = True
    with pytest.raises(Forbidden):
        client.get("/403")


@pytest.mark.parametrize(
    ("target", "error"),
    [(999, ValueError), (NotFound(), TypeError), (str, ValueError), ("x", TypeError)],
)
def test_what_is_no_error_has_no_handler(
    app: App, target: Any, error: type[Exception]
) -> None:
    with pytest.raises(error, match="Exception classes or HTTP error codes"):
        app.register_error_handler(target, lambda e: "")


def test_a_form_is_not_redirected_while_debugging(
    app: App, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.add_url_rule("/form/", "form", lambda: "in", methods=["GET", "POST"])
    monkeypatch.setattr(RequestRedirect, "code", 301)
    assert client.post("/form", data={"a": "1"}).status_code == 301
    app.debug = True
    assert client.get("/form").status_code == 301
    with pytest.raises(AssertionError, match="canonical URL"):
        client.post("/form", data={"a": "1"})
    monkeypatch.setattr(RequestRedirect, "code", 308)  # keeps the method and the body
    assert client.post("/form", data={"a": "1"}).status_code == 308
