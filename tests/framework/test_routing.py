"""Routes: what matches, what is redirected or refused, and the URLs built back."""

from __future__ import annotations

import warnings
from types import SimpleNamespace

import pytest
from werkzeug.routing import BaseConverter, BuildError

from gateway import App, request, url_for
from gateway.errors import SetupError
from gateway.framework import routing
from gateway.framework.testing import Client


def test_converters_give_the_view_its_arguments(app: App, client: Client) -> None:
    @app.route("/notes/<int:number>/<path:rest>")
    def note(number: int, rest: str) -> str:
        return f"{number + 1} {rest}"

    assert client.get("/notes/41/a/b").text == "42 a/b"
    assert client.get("/notes/x/a").status_code == 404


def test_own_converter(app: App, client: Client) -> None:
    class Words(BaseConverter):
        def to_python(self, value: str) -> list[str]:
            return value.split("+")

        def to_url(self, value: list[str]) -> str:
            return "+".join(value)

    app.url_map.converters["words"] = Words

    @app.get("/say/<words:words>")
    def say(words: list[str]) -> str:
        return " ".join(words)

    assert client.get("/say/a+b").text == "a b"
    with app.test_request_context():
        assert url_for("say", words=["x", "y"]) == "/say/x+y"


def test_methods(app: App, client: Client) -> None:
    @app.get("/thing")
    def read() -> str:
        return "read"

    @app.post("/thing")
    def write() -> str:
        return "written"

    assert client.get("/thing").text == "read"
    assert client.post("/thing").text == "written"
    assert client.head("/thing").data == b""
    refused = client.put("/thing")
    assert refused.status_code == 405
    assert refused.allow.as_set(preserve_casing=True) == {
        "GET",
        "HEAD",
        "OPTIONS",
        "POST",
    }
    answered = client.options("/thing")
    assert answered.status_code == 200
    assert answered.allow.as_set(preserve_casing=True) == {
        "GET",
        "HEAD",
        "OPTIONS",
        "POST",
    }


@pytest.mark.parametrize("first", ["one", "two"])
def test_the_rule_added_first_wins_whatever_its_endpoint(first: str) -> None:
    app = App("order", static_folder=None)
    app.add_url_rule("/elsewhere", "two", lambda: "two")
    order = ["one", "two"] if first == "one" else ["two", "one"]
    for name in order:
        app.add_url_rule("/same", name, view_func=app.view_functions.get(name))
        app.view_functions.setdefault(name, lambda: "one")
    client = app.test_client()
    answers = {client.get("/same").text for _ in range(3)}
    assert answers == {first}


def test_a_slash_is_redirected_to(app: App, client: Client) -> None:
    app.add_url_rule("/folder/", "folder", lambda: "in")
    app.add_url_rule("/file", "file", lambda: "on")
    for _ in range(2):  # before and after the first request has frozen the setup
        answer = client.get("/folder?a=1", base_url="https://example.com/root")
        assert answer.status_code == 308
        assert answer.location == "https://example.com/root/folder/?a=1"
        assert client.get("/file/").status_code == 404
        doubled = client.get("/", environ_overrides={"PATH_INFO": "//file"})
        assert doubled.text == "on"
        assert client.get("/folder//").status_code == 308


def test_defaults_redirect_to_the_short_url(app: App, client: Client) -> None:
    @app.route("/pages/", defaults={"page": 1})
    @app.route("/pages/<int:page>")
    def pages(page: int) -> str:
        return str(page)

    for _ in range(2):
        assert client.get("/pages/").text == "1"
        assert client.get("/pages/2").text == "2"
        assert client.get("/pages/1").location == "http://localhost/pages/"


def test_a_path_that_is_no_utf8_matches_no_text_rule(app: App, client: Client) -> None:
    app.add_url_rule("/café", "cafe", lambda: "open")
    for _ in range(2):
        assert client.get("/café").text == "open"
        raw = client.get("/", environ_overrides={"PATH_INFO": "/caf\xe9"})
        assert raw.status_code == 404


def test_a_bad_host_is_refused_however_plain_the_route(app: App) -> None:
    app.add_url_rule("/", "index", lambda: "in")
    client = app.test_client()
    for _ in range(2):
        assert client.get("/", headers={"Host": "a..b"}).status_code == 400


def test_trusted_hosts(app: App, client: Client) -> None:
    app.add_url_rule("/", "index", lambda: request.host)
    assert client.get("/", base_url="http://other.test").text == "other.test"
    app.config["TRUSTED_HOSTS"] = [".example.com"]
    assert client.get("/", base_url="http://other.test").status_code == 400
    assert client.get("/", base_url="http://a.example.com").text == "a.example.com"


def test_subdomains() -> None:
    app = App("sub", subdomain_matching=True, static_folder=None)
    app.config["SERVER_NAME"] = "example.com"
    app.add_url_rule("/", "main", lambda: "main")
    app.add_url_rule("/", "user", lambda name: name, subdomain="<name>")
    client = app.test_client()
    assert client.get("/", base_url="http://example.com").text == "main"
    assert client.get("/", base_url="http://ann.example.com").text == "ann"


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("http://ann.example.com", "example.com:80"),
        ("https://ann.example.com", "Example.com:443"),
        ("http://ANN.example.com:8000", "example.com:8000"),
    ],
)
def test_the_standard_port_is_no_part_of_the_name(url: str, name: str) -> None:
    app = App("sub", subdomain_matching=True, static_folder=None)
    app.config["SERVER_NAME"] = name
    app.add_url_rule("/", "user", lambda name: name, subdomain="<name>")
    assert app.test_client().get("/", base_url=url).text == "ann"


@pytest.mark.parametrize(
    "host", ["example.org", "badexample.com", "com", "example.com:81"]
)
def test_a_host_outside_the_name_warns_and_matches_nothing(host: str) -> None:
    app = App("sub", subdomain_matching=True, static_folder=None)
    app.config["SERVER_NAME"] = "example.com"
    app.add_url_rule("/", "main", lambda: "main")
    client = app.test_client()
    with warnings.catch_warnings(record=True) as caught:
        # Python's own default, which keeps what it has shown in a registry.
        warnings.simplefilter("default")
        before = len(vars(routing).get("__warningregistry__", ()))
        for _ in range(2):
            assert client.get("/", base_url=f"http://{host}").status_code == 404
        assert len(vars(routing).get("__warningregistry__", ())) == before
    assert "doesn't match configured server name" in str(caught[0].message)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Current server", UserWarning, "gateway.app")
        assert client.get("/", base_url=f"http://{host}").status_code == 404


def test_host_matching() -> None:
    app = App("hosts", host_matching=True, static_folder=None)
    app.add_url_rule("/", "a", lambda: "a", host="a.test")
    app.add_url_rule("/", "b", lambda: "b", host="b.test")
    client = app.test_client()
    assert client.get("/", base_url="http://a.test").text == "a"
    assert client.get("/", base_url="http://b.test").text == "b"
    with pytest.raises(AssertionError, match="static_host"):
        App("hosts", host_matching=True)


def test_a_second_view_for_an_endpoint_is_refused(app: App) -> None:
    app.add_url_rule("/a", "same", lambda: "1")
    with pytest.raises(AssertionError, match="overwriting an existing endpoint"):
        app.add_url_rule("/b", "same", lambda: "2")


def test_setup_is_frozen_after_the_first_request(app: App, client: Client) -> None:
    app.add_url_rule("/", "index", lambda: "in")
    client.get("/")
    with pytest.raises(SetupError, match="setup method 'add_url_rule'"):
        app.add_url_rule("/late", "late", lambda: "late")
    with pytest.raises(AssertionError, match="setup method 'before_request'"):
        app.before_request(lambda: None)


def test_url_for_in_a_request(app: App) -> None:
    app.add_url_rule("/x/<int:n>", "x", lambda n: "")
    with app.test_request_context("/", base_url="https://h.test/root/"):
        assert url_for("x", n=1) == "/root/x/1"
        assert url_for("x", n=1, q="a b") == "/root/x/1?q=a+b"
        assert url_for("x", n=1, _anchor="a b") == "/root/x/1#a%20b"
        assert url_for("x", n=1, _external=True) == "https://h.test/root/x/1"
        assert url_for("x", n=1, _scheme="http") == "http://h.test/root/x/1"
        assert url_for(".x", n=1) == "/root/x/1"
        assert url_for("static", filename="a.css") == "/root/static/a.css"
        with pytest.raises(ValueError, match="_scheme"):
            url_for("x", n=1, _scheme="http", _external=False)
        with pytest.raises(BuildError):
            url_for("missing")


def test_url_for_offline(app: App) -> None:
    app.add_url_rule("/x", "x", lambda: "")
    with (
        app.app_context(),
        pytest.raises(RuntimeError, match="'SERVER_NAME' configured"),
    ):
        url_for("x")
    app.config.update(SERVER_NAME="h.test", APPLICATION_ROOT="/root")
    with app.app_context():
        assert url_for("x") == "http://h.test/root/x"
        assert url_for("x", _external=False) == "/root/x"


def test_url_for_offline_knows_the_mount(app: App) -> None:
    app.add_url_rule("/x", "x", lambda: "")
    app.mount = SimpleNamespace(point=SimpleNamespace(prefix="/shop", name="shop"))
    with app.app_context():
        assert url_for("x") == "/shop/x"
        with pytest.raises(RuntimeError, match="SERVER_NAME"):
            url_for("x", _external=True)
    app.config["SERVER_NAME"] = "h.test"
    with app.app_context():
        assert url_for("x") == "http://h.test/shop/x"


def test_build_error_handlers(app: App) -> None:
    def fallback(error: Exception, endpoint: str, values: dict[str, object]) -> str:
        if endpoint == "known":
            return f"/elsewhere/{values['n']}"
        raise error

    app.url_build_error_handlers.append(fallback)
    with app.test_request_context():
        assert url_for("known", n=1) == "/elsewhere/1"
        with pytest.raises(BuildError):
            url_for("unknown")


def test_url_defaults_and_value_preprocessor(app: App, client: Client) -> None:
    @app.url_value_preprocessor
    def pull(endpoint: str | None, values: dict[str, str] | None) -> None:
        if values:
            app.extensions["lang"] = values.pop("lang", None)

    @app.url_defaults
    def push(endpoint: str, values: dict[str, str]) -> None:
        values.setdefault("lang", "de")

    @app.get("/<lang>/")
    def index() -> str:
        return f"{app.extensions['lang']} {url_for('index')}"

    assert client.get("/fr/").text == "fr /de/"
