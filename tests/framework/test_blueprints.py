"""Blueprints: prefixes, names, nesting, hooks and handlers of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from werkzeug.routing import Rule

from gateway import App, Blueprint, abort, g, request, url_for
from gateway.blueprints import BlueprintSetupState
from gateway.errors import SetupError
from gateway.framework.testing import Client


@pytest.mark.parametrize(
    ("prefix", "rule", "url"),
    [
        ("", "/", "/"),
        ("/", "", "/"),
        ("/", "/", "/"),
        ("/foo", "", "/foo"),
        ("/foo/", "", "/foo/"),
        ("", "/bar", "/bar"),
        ("/foo/", "/bar", "/foo/bar"),
        ("/foo/", "bar", "/foo/bar"),
        ("/foo", "/bar", "/foo/bar"),
        ("/foo/", "//bar", "/foo/bar"),
        ("/foo//", "/bar", "/foo/bar"),
    ],
)
def test_prefix_and_rule_are_joined(
    app: App, client: Client, prefix: str, rule: str, url: str
) -> None:
    part = Blueprint("part", __name__, url_prefix=prefix)
    part.add_url_rule(rule, "index", lambda: request.path)
    app.register_blueprint(part)
    assert client.get(url).status_code == 200


def test_the_options_of_the_registration_win(app: App, client: Client) -> None:
    part = Blueprint("part", __name__, url_prefix="/own", url_defaults={"x": 1, "y": 1})
    part.add_url_rule("/", "index", lambda x, y, z: f"{x}{y}{z}", defaults={"z": 3})
    app.register_blueprint(part)
    app.register_blueprint(part, url_prefix="/other", name="two", url_defaults={"y": 2})
    assert client.get("/own/").text == "113"
    assert client.get("/other/").text == "123"
    with app.test_request_context():
        assert url_for("part.index") == "/own/"
        assert url_for("two.index") == "/other/"


def test_names_are_unique(app: App) -> None:
    one, two = Blueprint("part", __name__), Blueprint("part", __name__)
    app.register_blueprint(one)
    with pytest.raises(ValueError, match="'part' is already registered for this"):
        app.register_blueprint(one)
    with pytest.raises(ValueError, match="already registered for a different"):
        app.register_blueprint(two)
    app.register_blueprint(one, name="again")
    app.register_blueprint(two, name="other")
    assert list(app.blueprints) == ["part", "again", "other"]
    assert list(app.iter_blueprints()) == [one, one, two]


@pytest.mark.parametrize("name", ["", "a.b"])
def test_a_name_that_cannot_be(name: str) -> None:
    with pytest.raises(ValueError, match="'name' may not"):
        Blueprint(name, __name__)


def test_endpoints_have_no_dots() -> None:
    part = Blueprint("part", __name__)

    def dotted() -> str:
        return ""

    dotted.__name__ = "a.b"
    with pytest.raises(ValueError, match="'endpoint' may not contain a dot"):
        part.route("/", endpoint="a.b")(lambda: "")
    with pytest.raises(ValueError, match="'view_func' name may not contain a dot"):
        part.add_url_rule("/", view_func=dotted)


def test_endpoint_decorator(app: App, client: Client) -> None:
    app.url_map.add(Rule("/outside", endpoint="outside"))
    part = Blueprint("part", __name__)
    part.endpoint("outside")(lambda: request.endpoint)
    app.register_blueprint(part)
    assert client.get("/outside").text == "outside"
    # A rule that was not made by add_url_rule leaves OPTIONS to its view.
    assert client.options("/outside").text == "outside"


def test_setup_is_frozen_after_registration(app: App) -> None:
    part = Blueprint("part", __name__)
    app.register_blueprint(part)
    with pytest.raises(SetupError, match=r"setup method 'before_request'.*'part'"):
        part.before_request(lambda: None)
    with pytest.raises(AssertionError, match="setup method 'route'"):
        part.route("/")


def test_not_on_itself() -> None:
    part = Blueprint("part", __name__)
    with pytest.raises(ValueError, match="Cannot register a blueprint on itself"):
        part.register_blueprint(part)


def test_recording(app: App) -> None:
    states: list[tuple[str, BlueprintSetupState]] = []
    part = Blueprint("part", __name__, url_prefix="/p")
    part.record(lambda state: states.append(("each", state)))
    part.record_once(lambda state: states.append(("once", state)))
    app.register_blueprint(part, extra=1)
    app.register_blueprint(part, name="again")
    assert [kind for kind, _ in states] == ["each", "once", "each"]
    state = states[0][1]
    assert (state.app, state.blueprint, state.options["extra"]) == (app, part, 1)
    assert (state.url_prefix, state.first_registration) == ("/p", True)
    assert not states[2][1].first_registration


def _nest(app: App) -> None:
    parent = Blueprint("parent", __name__, url_prefix="/parent")
    child = Blueprint("child", __name__)
    grandchild = Blueprint("grandchild", __name__, url_prefix="/grandchild")
    for part in (parent, child, grandchild):
        part.add_url_rule("/", "index", lambda: ",".join(request.blueprints))
        part.add_url_rule("/403", "forbidden", lambda: abort(403))
    parent.register_error_handler(403, lambda e: ("parent no", 403))
    grandchild.register_error_handler(403, lambda e: ("grandchild no", 403))
    child.register_blueprint(grandchild)
    parent.register_blueprint(child, url_prefix="/child")
    app.register_blueprint(parent)


def test_nesting(app: App, client: Client) -> None:
    _nest(app)
    assert client.get("/parent/").text == "parent"
    assert client.get("/parent/child/").text == "parent.child,parent"
    deep = "/parent/child/grandchild/"
    assert client.get(deep).text == "parent.child.grandchild,parent.child,parent"
    assert client.get("/parent/403").text == "parent no"
    assert client.get("/parent/child/403").text == "parent no"
    assert client.get(f"{deep}403").text == "grandchild no"
    with app.test_request_context(deep):
        assert url_for("parent.child.grandchild.index") == deep
        assert url_for(".index") == deep


def test_nested_hooks_run_from_the_outside_in_and_back(
    app: App, client: Client
) -> None:
    order: list[str] = []
    parent, child = Blueprint("parent", __name__), Blueprint("child", __name__)
    levels: list[tuple[str, Any]] = [("app", app), ("parent", parent), ("child", child)]
    for name, part in levels:

        def after(response: Any, name: str = name) -> Any:
            order.append(f"after {name}")
            return response

        part.before_request(lambda name=name: order.append(f"before {name}"))
        part.after_request(after)
        part.teardown_request(lambda exc, name=name: order.append(f"down {name}"))
        part.context_processor(lambda name=name: {"who": name})
    child.before_app_request(lambda: order.append("before app request"))
    child.teardown_app_request(lambda exc: order.append("down app request"))

    @child.get("/")
    def index() -> str:
        order.append("view")
        return ""

    parent.register_blueprint(child)
    app.register_blueprint(parent)
    client.get("/")
    assert order == [
        *["before app", "before app request", "before parent", "before child", "view"],
        *["after child", "after parent", "after app"],
        *["down child", "down parent", "down app request", "down app"],
    ]
    with app.test_request_context("/"):
        context: dict[str, Any] = {}
        app.update_template_context(context)
        assert context["who"] == "child"


def test_the_same_blueprint_in_two_places(app: App, client: Client) -> None:
    parent, child = Blueprint("parent", __name__), Blueprint("child", __name__)
    child.add_url_rule("/", "index", lambda: request.blueprint)
    parent.register_blueprint(child, url_prefix="/a")
    parent.register_blueprint(child, url_prefix="/b", name="second")
    app.register_blueprint(parent, url_prefix="/x", name="first")
    app.register_blueprint(parent, url_prefix="/y")
    assert client.get("/x/a/").text == "first.child"
    assert client.get("/x/b/").text == "first.second"
    assert client.get("/y/a/").text == "parent.child"
    twice = Blueprint("twice", __name__)
    twice.register_blueprint(child)
    twice.register_blueprint(child)
    with pytest.raises(ValueError, match="'child' is already registered for this"):
        App("other").register_blueprint(twice)


@pytest.mark.parametrize(
    ("parent_init", "child_init", "parent_option", "child_option", "host"),
    [
        ("parent", "child", None, None, "child.parent"),
        (None, None, "parent", "child", "child.parent"),
        ("other", "other", "parent", "child", "child.parent"),
        (None, "child", None, None, "child"),
        ("parent", None, None, None, "parent"),
    ],
)
def test_nested_subdomains(
    parent_init: str | None,
    child_init: str | None,
    parent_option: str | None,
    child_option: str | None,
    host: str,
) -> None:
    app = App("sub", static_folder=None, subdomain_matching=True)
    app.config["SERVER_NAME"] = "example.test"
    parent = Blueprint("parent", __name__, subdomain=parent_init)
    child = Blueprint("child", __name__, subdomain=child_init)
    child.add_url_rule("/", "index", lambda: request.host)
    parent.register_blueprint(child, subdomain=child_option)
    app.register_blueprint(parent, subdomain=parent_option)
    client = app.test_client()
    answer = client.get("/", base_url=f"http://{host}.example.test")
    assert answer.text == f"{host}.example.test"
    assert client.get("/", subdomain=f"x.{host}").status_code == 404


def test_for_the_whole_application(app: App, client: Client) -> None:
    part = Blueprint("part", __name__)
    part.app_errorhandler(404)(lambda e: ("none such", 404))
    part.app_context_processor(lambda: {"name": "part"})
    part.app_template_filter("twice")(lambda text: text * 2)
    part.app_template_test()(_big)
    part.app_template_global()(_now)
    part.app_url_defaults(lambda endpoint, values: values.setdefault("q", "1"))
    part.app_url_value_preprocessor(lambda endpoint, values: setattr(g, "seen", 1))

    @part.after_app_request
    def after(response: Any) -> Any:
        response.headers["X-Seen"] = str(g.seen)
        return response

    app.register_blueprint(part)
    app.add_url_rule("/", "index", lambda: "")
    assert client.get("/missing").text == "none such"
    assert client.get("/").headers["X-Seen"] == "1"
    with app.test_request_context():
        assert url_for("index") == "/?q=1"
        source = "{{ name|twice }} {{ 10 is _big }} {{ _now() }}"
        template = app.jinja_env.from_string(source)
        context: dict[str, Any] = {}
        app.update_template_context(context)
        assert template.render(context) == "partpart True noon"


def _big(number: int) -> bool:
    return number > 9


def _now() -> str:
    return "noon"


def test_static_files_of_a_blueprint(app: App, client: Client, tmp_path: Path) -> None:
    class Cached(Blueprint):
        def get_send_file_max_age(self, filename: str | None) -> int | None:
            return 100

    (tmp_path / "files").mkdir()
    (tmp_path / "files/a.txt").write_text("a")
    part = Cached(
        "part", __name__, "files", url_prefix="/part", root_path=str(tmp_path)
    )
    app.register_blueprint(part)
    app.config["SEND_FILE_MAX_AGE_DEFAULT"] = 5
    answer = client.get("/part/files/a.txt")
    assert answer.text == "a"
    assert answer.cache_control.max_age == 100
    answer.close()
    with app.test_request_context():
        assert url_for("part.static", filename="a.txt") == "/part/files/a.txt"
    with part.open_resource("files/a.txt", "rt") as file:
        assert file.read() == "a"


def test_a_blueprint_without_static_files_says_so(app: App) -> None:
    part = Blueprint("part", __name__)
    with app.test_request_context():
        assert part.get_send_file_max_age("x") is None
        with pytest.raises(RuntimeError, match="'static_folder' must be set"):
            part.send_static_file("x")


def test_missing_slash_and_url_processors(app: App, client: Client) -> None:
    part = Blueprint("part", __name__, url_prefix="/<lang>")

    @part.url_value_preprocessor
    def pull(endpoint: str | None, values: dict[str, str] | None) -> None:
        assert values is not None
        g.lang = values.pop("lang")

    @part.url_defaults
    def push(endpoint: str, values: dict[str, str]) -> None:
        values.setdefault("lang", g.lang)

    @part.get("/about")
    def about() -> str:
        return f"{g.lang} {url_for('.about')} {url_for('part.about', lang='fr')}"

    app.register_blueprint(part)
    assert client.get("/de/about").text == "de /de/about /fr/about"
