"""The test client: what it sends, keeps and preserves."""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Request as BaseRequest

from gateway import (
    App,
    Blueprint,
    flash,
    g,
    has_request_context,
    redirect,
    request,
    session,
    stream_with_context,
    url_for,
)
from gateway.framework.testing import Client
from gateway.globals import request_ctx
from gateway.testing import EnvironBuilder, FlaskClient


def test_environs_follow_the_configuration(app: App) -> None:
    app.config.update(SERVER_NAME="example.com:1234", APPLICATION_ROOT="/foo")
    with app.test_request_context() as context:
        assert context.request.url == "http://example.com:1234/foo/"
    with app.test_request_context("/x?a=1", url_scheme="https") as context:
        assert context.request.url == "https://example.com:1234/foo/x?a=1"
    with app.test_request_context(subdomain="sub") as context:
        assert context.request.host == "sub.example.com:1234"
    with app.test_request_context("https://other.test/p") as context:
        assert context.request.url == "https://other.test/foo/p"


def test_a_base_url_is_whole(app: App) -> None:
    for part in ({"subdomain": "x"}, {"url_scheme": "https"}):
        with pytest.raises(AssertionError, match="Cannot pass"):
            EnvironBuilder(app, base_url="http://a.test", **part)


def test_a_path_can_be_a_url(app: App) -> None:
    builder = EnvironBuilder(app, "https://example.com/p?q=1")
    assert (builder.url_scheme, builder.host, builder.script_root) == (
        *("https", "example.com"),
        "",
    )
    assert (builder.path, builder.query_string) == ("/p", "q=1")
    builder.close()


def test_what_every_request_of_a_client_has(app: App, client: Client) -> None:
    app.add_url_rule(
        "/", "index", lambda: f"{request.remote_addr} {request.user_agent}"
    )
    assert client.get("/").text.startswith("127.0.0.1 Werkzeug/")
    client.environ_base["REMOTE_ADDR"] = "192.0.2.1"
    client.environ_base["HTTP_USER_AGENT"] = "mine"
    assert client.get("/").text == "192.0.2.1 mine"
    own = client.get("/", environ_base={"REMOTE_ADDR": "192.0.2.2"})
    assert own.text == "192.0.2.2 mine"


def test_every_form_of_a_request(app: App, client: Client) -> None:
    app.add_url_rule("/<x>", "index", lambda x: f"{request.remote_addr} {x}")
    builder = EnvironBuilder(app, "/builder")
    environ = builder.get_environ()
    assert client.open(builder).text == "127.0.0.1 builder"
    assert client.open(environ).text == "127.0.0.1 builder"
    assert client.open(BaseRequest(environ)).text == "127.0.0.1 builder"
    builder.close()


def test_forms_files_and_whole_urls(app: App) -> None:
    app.add_url_rule("/action", "action", lambda: request.host, methods=["POST"])
    with app.test_client() as client:
        answer = client.post("http://domain.test/action?v=42", data={"g": 43})
        assert answer.text == "domain.test"
        assert (request.form["g"], request.args["v"]) == ("43", "42")
        client.post("/action", data=MultiDict([("a", "1"), ("a", "2")]))
        assert request.form.getlist("a") == ["1", "2"]


def test_cookies(app: App, client: Client) -> None:
    @app.get("/set")
    def put() -> Any:
        answer = app.make_response("")
        answer.set_cookie("name", "value")
        return answer

    app.add_url_rule("/get", "get", lambda: request.cookies.get("name", "none"))
    client.get("/set")
    assert client.get("/get").text == "value"
    cookie = client.get_cookie("name")
    assert cookie is not None
    assert cookie.value == "value"
    client.delete_cookie("name")
    assert client.get("/get").text == "none"
    bare = app.test_client(use_cookies=False)
    bare.get("/set")
    assert bare.get("/get").text == "none"


def test_redirects(app: App, client: Client) -> None:
    app.add_url_rule("/a", "a", lambda: redirect("/b"))
    app.add_url_rule("/b", "b", lambda: redirect(url_for("c"), 307))
    app.add_url_rule("/c", "c", lambda: request.path)
    app.add_url_rule("/away", "away", lambda: redirect("http://other.test/"))
    answer = client.get("/a", follow_redirects=True)
    assert answer.text == "/c"
    assert [step.request.path for step in answer.history] == ["/a", "/b"]
    assert [step.status_code for step in answer.history] == [302, 307]
    assert client.get("/a").location == "/b"
    with pytest.raises(RuntimeError, match="external"):
        client.get("/away", follow_redirects=True)


def test_redirects_keep_only_the_last_context(app: App) -> None:
    app.add_url_rule("/", "index", lambda: redirect("/next"))
    app.add_url_rule("/next", "next", lambda: g.setdefault("at", request.path))
    with app.test_client() as client:
        client.get("/", follow_redirects=True)
        assert (request.path, g.at) == ("/next", "/next")
    assert not has_request_context()


def test_session_transactions(app: App, client: Client) -> None:
    @app.get("/")
    def index() -> str:
        flash("seen")
        return f"{session['n']}"

    with client.session_transaction() as stored:
        assert not stored
        stored["n"] = [1]
    assert client.get("/").text == "[1]"
    with client.session_transaction() as stored:
        assert stored["_flashes"] == [("message", "seen")]
        stored.clear()
    assert client.get_cookie("session") is None


def test_what_a_session_transaction_needs(app: App) -> None:
    bare = app.test_client(use_cookies=False)
    with pytest.raises(TypeError, match="Cookies are disabled"):
        bare.session_transaction().__enter__()
    app.secret_key = None
    with pytest.raises(RuntimeError, match="Session backend did not open a session"):
        app.test_client().session_transaction().__enter__()


def test_a_transaction_keeps_the_preserved_context(app: App) -> None:
    app.add_url_rule("/", "index", lambda: "")
    with app.test_client() as client:
        client.get("/")
        before = request_ctx._get_current_object()
        with client.session_transaction():
            assert request_ctx._get_current_object() is before


def test_preserved_contexts_end_with_the_block(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[str] = []
    app.testing = False
    monkeypatch.setattr(app.logger, "disabled", True)
    app.teardown_request(lambda exc: ended.append(f"request {type(exc).__name__}"))
    app.teardown_appcontext(lambda exc: ended.append("app"))

    @app.get("/")
    def index() -> str:
        g.value = 42
        return "fine"

    @app.get("/fail")
    def fail() -> str:
        raise ZeroDivisionError

    with app.test_client() as client:
        client.get("/")
        assert g.value == 42
        # The request has ended; what is kept is pushed again, and ends again.
        assert ended == ["request NoneType", "app"]
        client.get("/")
        assert ended == ["request NoneType", "app"] * 3
        assert client.get("/fail").status_code == 500
        assert "value" not in g
    assert ended[6:] == [
        *["request NoneType", "app"],
        *["request ZeroDivisionError", "app", "request NoneType", "app"],
    ]
    with pytest.raises(RuntimeError):
        g.value  # noqa: B018


def test_preserving_pops_what_a_stream_holds_too(app: App) -> None:
    app.add_url_rule("/", "index", lambda: stream_with_context(iter("hello")))
    with app.test_request_context() as outer:
        with app.test_client() as client:
            answer = client.get("/")
        answer.close()
        assert request_ctx._get_current_object() is outer


def test_clients_do_not_nest(app: App) -> None:
    client = app.test_client()
    with client, pytest.raises(RuntimeError, match="Cannot nest client invocations"):
        client.__enter__()
    with client:
        pass


def test_an_own_client_class(app: App) -> None:
    class Own(FlaskClient):
        def __init__(self, *args: Any, token: str, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.environ_base["HTTP_X_TOKEN"] = token

    app.test_client_class = Own
    app.add_url_rule("/", "index", lambda: request.headers["X-Token"])
    assert app.test_client(token="t").get("/").text == "t"


def test_json_both_ways_without_a_context(app: App, client: Client) -> None:
    @app.post("/echo")
    def echo() -> Any:
        return {"got": request.get_json()}, 201

    answer = client.post("/echo", json={"a": [1]})
    assert not has_request_context()
    assert (answer.status_code, answer.json) == (201, {"got": {"a": [1]}})
    assert answer.get_json()["got"] == {"a": [1]}


def test_subdomains_of_a_blueprint() -> None:
    app = App("sub", subdomain_matching=True, static_folder=None)
    app.config.update(SERVER_NAME="example.com:1234", APPLICATION_ROOT="/foo")
    part = Blueprint("company", __name__, subdomain="xxx")
    part.add_url_rule("/", "index", lambda: request.url)
    app.register_blueprint(part)
    with app.test_request_context("/", subdomain="xxx") as context:
        assert context.request.url == "http://xxx.example.com:1234/foo/"
        assert context.request.blueprint == "company"
    answer = app.test_client().get("/", subdomain="xxx")
    assert answer.text == "http://xxx.example.com:1234/foo/"


def test_an_error_while_the_session_opens_leaves_nothing(app: App) -> None:
    from gateway.sessions import SessionInterface

    class Broken(SessionInterface):
        def open_session(self, app: Any, request: Any) -> Any:
            raise ZeroDivisionError

    app.session_interface = Broken()
    with pytest.raises(ZeroDivisionError):
        app.test_client().get("/")
    assert not has_request_context()
