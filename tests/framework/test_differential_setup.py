"""The same made-up blueprints and configuration under Flask and under ours."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from types import ModuleType
from typing import Any

import flask
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twins import EXAMPLES
from werkzeug.routing import BuildError

import gateway

NAMES = st.sampled_from([*"abcdefgh", *"abcd", "a.b", ""])
PREFIXES = st.none() | st.sampled_from(
    [*["/", "/p", "/p/", "/<x>", "/p//q/", "/q"] * 3, "", "p"]
)
SUBDOMAINS = st.none() | st.sampled_from(["one", "two", ""])
RULES = st.sampled_from(
    [*["/", "/r", "/r/", "/<int:n>", "/<x>/<y>", "/s"] * 3, "", "r", "//r"]
)
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "url_prefix": PREFIXES,
        "subdomain": SUBDOMAINS,
        "name": st.sampled_from(["a", "x", "y", "z", "y.x"]),
        "url_defaults": st.sampled_from([{"x": "1"}, {"y": "2", "x": "3"}]),
    },
)
RULE_OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "methods": st.sampled_from(
            [["GET"], ["post"], ["OPTIONS", "PUT"], ["HEAD"], []]
        ),
        "strict_slashes": st.booleans(),
        "defaults": st.sampled_from([{"n": 1}, {"x": "d"}]),
        "provide_automatic_options": st.booleans(),
        "endpoint": st.sampled_from([*["view", "other", "third"] * 4, "dotted.name"]),
        "subdomain": SUBDOMAINS,
        "merge_slashes": st.booleans(),
    },
)


@dataclass(frozen=True)
class Part:
    """A blueprint as hypothesis makes it."""

    name: str
    init: dict[str, Any]
    options: dict[str, Any]
    rules: list[tuple[str, dict[str, Any]]]
    static: bool
    children: list[Part] = field(default_factory=list)


def _part(children: st.SearchStrategy[list[Part]]) -> st.SearchStrategy[Part]:
    init = st.fixed_dictionaries(
        {}, optional={"url_prefix": PREFIXES, "subdomain": SUBDOMAINS}
    )
    rules = st.lists(st.tuples(RULES, RULE_OPTIONS), max_size=2)
    return st.builds(Part, NAMES, init, OPTIONS, rules, st.booleans(), children)


PARTS = st.recursive(
    _part(st.just([])), lambda inner: _part(st.lists(inner, max_size=2)), max_leaves=4
)


def _view(**values: Any) -> str:
    return ""


def _blueprint(lib: Any, part: Part) -> Any:
    made = lib.Blueprint(
        part.name,
        "made",
        root_path="/nowhere",
        static_folder="files" if part.static else None,
        **part.init,
    )
    for rule, options in part.rules:
        made.add_url_rule(rule, view_func=_view, **options)
    made.register_error_handler(404, _view)
    made.before_request(_view)
    for child in part.children:
        made.register_blueprint(_blueprint(lib, child), **child.options)
    return made


def _outcome(lib: ModuleType, parts: list[Part]) -> Any:
    app_class: Any = lib.Flask
    app = app_class("made", root_path="/nowhere", subdomain_matching=True)
    app.config["SERVER_NAME"] = "example.test"
    app.logger.disabled = True
    try:
        for part in parts:
            app.register_blueprint(_blueprint(lib, part), **part.options)
    except Exception as error:
        # Ours are subclasses: a SetupError is an AssertionError.
        return next(
            base for base in type(error).__mro__ if base.__module__ == "builtins"
        )
    rules = [
        (
            *(rule.rule, rule.endpoint, rule.subdomain, sorted(rule.methods or ())),
            *(rule.defaults, rule.strict_slashes, rule.merge_slashes),
            rule.provide_automatic_options,
        )
        for rule in app.url_map.iter_rules()
    ]
    return (
        rules,
        list(app.blueprints),
        sorted(app.view_functions),
        {key: sorted(map(str, spec)) for key, spec in app.error_handler_spec.items()},
        {key: len(hooks) for key, hooks in app.before_request_funcs.items()},
        [_built(app, *rule[:2]) for rule in rules],
    )


def _built(app: Any, rule: str, endpoint: str) -> str:
    values = {"x": "1", "y": "2", "n": 3, "filename": "f"}
    used = {key: value for key, value in values.items() if f"{key}>" in rule}
    with app.test_request_context():
        try:
            return str(app.url_for(endpoint, **used, q="é"))
        except BuildError as error:
            return f"{error.endpoint} {sorted(error.values)}"


@settings(max_examples=EXAMPLES // 2, deadline=None)
@given(st.lists(PARTS, min_size=1, max_size=3))
def test_blueprints_are_set_up_alike(parts: list[Part]) -> None:
    assert _outcome(gateway, parts) == _outcome(flask, parts)


HANDLED = [
    *[404, 403, 500, 400, "HTTPException", "Exception", "LookupError", "KeyError"],
    *["NotFound", "InternalServerError", "BadRequest", "MethodNotAllowed"],
]


def _handled(lib: Any, app_has: list[Any], part_has: list[Any], raises: str) -> Any:
    import werkzeug.exceptions

    def resolve(name: Any) -> Any:
        if isinstance(name, int):
            return name
        found = getattr(werkzeug.exceptions, name, None)
        return found or {"LookupError": LookupError, "KeyError": KeyError}.get(
            name, Exception
        )

    app = lib.Flask("made", static_folder=None)
    app.config["PROPAGATE_EXCEPTIONS"] = False
    app.logger.disabled = True
    part = lib.Blueprint("part", "made", url_prefix="/part")
    for owner, label, wanted in ((app, "app", app_has), (part, "part", part_has)):
        for name in wanted:
            owner.register_error_handler(
                resolve(name), lambda e, label=label, name=name: f"{label} {name}"
            )

    def fail() -> None:
        error = resolve(raises)
        if isinstance(error, int):
            lib.abort(error)
        raise error()

    app.add_url_rule("/", "fail", fail)
    part.add_url_rule("/", "fail", fail)
    app.register_blueprint(part)
    client = app.test_client()
    answers = [client.get(path) for path in ("/", "/part/", "/part/none")]
    answers.append(client.post("/part/"))
    return [(answer.status_code, answer.data) for answer in answers]


@settings(max_examples=EXAMPLES // 3, deadline=None)
@given(
    st.lists(st.sampled_from(HANDLED), max_size=5, unique=True),
    st.lists(st.sampled_from(HANDLED), max_size=5, unique=True),
    st.sampled_from([404, 403, 500, "KeyError", "Exception", "NotFound", "BadRequest"]),
)
def test_the_same_handler_answers(
    app_has: list[Any], part_has: list[Any], raises: str
) -> None:
    ours = _handled(gateway, app_has, part_has, raises)
    assert ours == _handled(flask, app_has, part_has, raises)


@pytest.mark.parametrize("root", ["/", "/root", ""])
@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("offline", [True, False])
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "_anchor": st.text(max_size=5),
            "_external": st.booleans(),
            "_scheme": st.sampled_from(["http", "https", "ws", ""]),
            "_method": st.sampled_from(["GET", "POST"]),
            "n": st.integers(0, 9),
            "q": st.text(max_size=3) | st.lists(st.integers(), max_size=2),
        },
    ),
    st.sampled_from(["index", "item", "part.index", ".index", "static", "none"]),
)
@settings(max_examples=EXAMPLES // 10, deadline=None)
def test_urls_are_built_alike(
    root: str, scheme: str, offline: bool, values: dict[str, Any], endpoint: str
) -> None:
    def built(lib: Any) -> Any:
        app = lib.Flask("made", root_path="/nowhere")
        app.config.update(
            SERVER_NAME="h.test", APPLICATION_ROOT=root, PREFERRED_URL_SCHEME=scheme
        )
        app.add_url_rule("/", "index", _view)
        app.add_url_rule("/i/<int:n>", "item", _view)
        app.add_url_rule("/i", "item", _view, methods=["POST"])
        part = lib.Blueprint("part", "made", url_prefix="/part")
        part.add_url_rule("/", "index", _view)
        app.register_blueprint(part)
        context = app.app_context() if offline else app.test_request_context("/part/")
        with context:
            try:
                return lib.url_for(endpoint, **values)
            except (BuildError, ValueError) as error:
                return type(error)

    assert built(gateway) == built(flask)


def test_the_lifetime_of_sessions_may_be_a_number_or_nothing() -> None:
    for value in (None, 42, timedelta(days=1)):
        ours, theirs = gateway.App("x"), flask.Flask("x")
        for app in (ours, theirs):
            app.config["PERMANENT_SESSION_LIFETIME"] = value
        assert ours.permanent_session_lifetime == theirs.permanent_session_lifetime
