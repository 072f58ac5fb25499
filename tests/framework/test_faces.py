"""The names: a ported import line finds what it asks for."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
from typing import Any, TypeVar

import flask
import flask.testing
import flask.views
import pytest

import gateway

# Internal functions of Flask that have no underscore.
NOT_PORTED = {
    "debughelpers": {
        *["attach_enctype_error_multidict", "explain_template_loading_attempts"],
    },
}


def _public(module: object) -> set[str]:
    """The names that a module of Flask defines itself, and means for others."""
    names = set()
    for name, value in vars(module).items():
        home = getattr(value, "__module__", None)
        if name.startswith("_") or isinstance(value, TypeVar):
            continue
        if home is not None and str(home).startswith("flask"):
            names.add(name)
    return names


def test_every_name_of_the_face_is_there() -> None:
    theirs = {name for name in vars(flask) if not name.startswith("_")}
    theirs -= {"annotations", "t", "sansio"}
    missing = {name for name in theirs if not hasattr(gateway, name)}
    assert missing == set()
    assert set(gateway.__all__) <= set(dir(gateway))


@pytest.mark.parametrize(
    "name",
    [
        *["app", "blueprints", "config", "ctx", "debughelpers", "globals", "helpers"],
        *["json", "json.provider", "json.tag", "logging", "sessions", "signals"],
        *["templating", "testing", "typing", "views", "wrappers"],
    ],
)
def test_every_name_of_a_module_is_there(name: str) -> None:
    theirs = importlib.import_module(f"flask.{name}")
    ours = importlib.import_module(f"gateway.{name}")
    own = {
        public
        for public in _public(theirs)
        if getattr(getattr(theirs, public), "__module__", "") == theirs.__name__
    }
    missing = {public for public in own if not hasattr(ours, public)}
    assert missing - NOT_PORTED.get(name, set()) == set()


@pytest.mark.parametrize(
    ("module", "names"),
    [
        ("app", "AppContext HTTPException Headers Request RequestContext Rule g"),
        ("helpers", "current_app message_flashed request session"),
        ("sessions", "CallbackDict TaggedJSONSerializer"),
        ("signals", "Namespace"),
        ("templating", "BaseEnvironment BaseLoader Template TemplateNotFound"),
        ("typing", "ResponseClass"),
        ("wrappers", "BadRequest HTTPException RequestBase ResponseBase"),
    ],
)
def test_what_extensions_import_from_where_it_is_not_defined(
    module: str, names: str
) -> None:
    theirs = importlib.import_module(f"flask.{module}")
    ours = importlib.import_module(f"gateway.{module}")
    asked = set(names.split())
    assert asked - set(vars(theirs)) == set()
    assert {name for name in asked if not hasattr(ours, name)} == set()


def test_aliases_are_the_same_objects() -> None:
    assert gateway.Flask is gateway.App
    assert gateway.json.jsonify is gateway.jsonify
    from gateway.config import Config
    from gateway.globals import _cv_app, _cv_request, app_ctx, request_ctx

    assert Config is gateway.Config
    assert (_cv_app.get(None), _cv_request.get(None)) == (None, None)
    assert not app_ctx
    assert not request_ctx
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        gateway.nothing  # noqa: B018
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        importlib.import_module("gateway.config").nothing  # noqa: B018


def test_modules_are_reached_through_the_face() -> None:
    script = (
        "import gateway\n"
        "assert gateway.views.MethodView and gateway.sessions.SessionMixin\n"
        "assert gateway.templating.Environment and gateway.json.dumps\n"
        "assert gateway.globals.request_ctx is not None\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_flask_is_not_imported() -> None:
    script = (
        "import sys, gateway\n"
        "for name in gateway.__all__: getattr(gateway, name)\n"
        "assert 'flask' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_an_application_imports_neither_click_nor_jinja() -> None:
    script = (
        "import sys\n"
        "from gateway import App\n"
        "app = App('x', static_folder=None)\n"
        "app.add_url_rule('/', 'i', lambda: 'in')\n"
        "app({'REQUEST_METHOD': 'GET', 'PATH_INFO': '/', 'SERVER_NAME': 'x',\n"
        "     'SERVER_PORT': '80', 'wsgi.url_scheme': 'http'}, lambda *a: None)\n"
        "heavy = {'click', 'jinja2', 'blinker', 'itsdangerous', 'asyncio', 'uuid'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert set(eval(done.stdout)) <= {"uuid"}


def test_what_must_not_exist() -> None:
    for name in ("before_first_request", "env", "json_encoder", "session_cookie_name"):
        assert not hasattr(gateway.App, name)


def _pairs() -> list[tuple[Any, Any]]:
    from flask import blueprints, cli, config, ctx, sessions, templating, testing, views
    from flask.json import provider, tag

    import gateway.blueprints
    import gateway.ctx
    import gateway.json.provider
    import gateway.json.tag
    import gateway.sessions
    import gateway.templating
    import gateway.testing
    import gateway.views
    from gateway.framework import command_line, commands, json_tag

    return [
        (flask.Flask, gateway.Flask),
        (flask.Blueprint, gateway.Blueprint),
        (flask.Config, gateway.Config),
        (flask.Request, gateway.Request),
        (flask.Response, gateway.Response),
        (blueprints.BlueprintSetupState, gateway.blueprints.BlueprintSetupState),
        (ctx.AppContext, gateway.ctx.AppContext),
        (ctx.RequestContext, gateway.ctx.RequestContext),
        (ctx._AppCtxGlobals, gateway.ctx._AppCtxGlobals),
        (config.ConfigAttribute, gateway.config.ConfigAttribute),
        (sessions.SessionMixin, gateway.sessions.SessionMixin),
        (sessions.SessionInterface, gateway.sessions.SessionInterface),
        (sessions.SecureCookieSession, gateway.sessions.SecureCookieSession),
        (
            sessions.SecureCookieSessionInterface,
            gateway.sessions.SecureCookieSessionInterface,
        ),
        (templating.DispatchingJinjaLoader, gateway.templating.DispatchingJinjaLoader),
        (templating.Environment, gateway.templating.Environment),
        (testing.EnvironBuilder, gateway.testing.EnvironBuilder),
        (testing.FlaskClient, gateway.testing.FlaskClient),
        (testing.FlaskCliRunner, gateway.testing.FlaskCliRunner),
        (views.View, gateway.views.View),
        (views.MethodView, gateway.views.MethodView),
        (provider.JSONProvider, gateway.json.provider.JSONProvider),
        (provider.DefaultJSONProvider, gateway.json.provider.DefaultJSONProvider),
        (tag.JSONTag, json_tag.JSONTag),
        (tag.TaggedJSONSerializer, json_tag.TaggedJSONSerializer),
        (cli.AppGroup, commands.AppGroup),
        (cli.ScriptInfo, commands.ScriptInfo),
        (cli.FlaskGroup, command_line.ApplicationCommands),
    ]


def _takes(function: object) -> list[tuple[str, object]] | None:
    """The names and kinds of parameters; ``None`` where Python cannot tell."""
    try:
        signature = inspect.signature(function)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return [
        (parameter.name, parameter.kind)
        for parameter in signature.parameters.values()
        if parameter.name not in {"args", "kwargs"}
    ]


@pytest.mark.parametrize(("theirs", "ours"), _pairs(), ids=lambda one: one.__name__)
def test_classes_have_every_member_with_the_same_parameters(
    theirs: type, ours: type
) -> None:
    names = {name for name in dir(theirs) if not name.startswith("_")}
    missing = {name for name in names if not hasattr(ours, name)}
    if theirs is flask.Flask:
        instances = flask.Flask("x"), gateway.Flask("x")
        missing = {name for name in dir(instances[0]) if not name.startswith("_")}
        missing -= {name for name in missing if hasattr(instances[1], name)}
    assert missing == set()
    different = {}
    for name in (*names, "__init__"):
        wanted = getattr(theirs, name, None)
        if not inspect.isfunction(wanted) and not inspect.ismethod(wanted):
            continue
        expected, actual = _takes(wanted), _takes(getattr(ours, name))
        # Click calls the parameter of get_command by another name than Flask does.
        if expected is None or actual is None or name == "get_command":
            continue
        # More parameters may follow, but those of Flask come in their order.
        if [one for one in actual if one in expected] != expected:
            different[name] = expected, actual
    assert different == {}


@pytest.mark.parametrize(
    "name",
    [
        *["abort", "after_this_request", "copy_current_request_context", "flash"],
        *["get_flashed_messages", "get_template_attribute", "has_app_context"],
        *["has_request_context", "jsonify", "make_response", "redirect"],
        *["render_template", "render_template_string", "send_file"],
        *["send_from_directory", "stream_template", "stream_template_string"],
        *["stream_with_context", "url_for"],
    ],
)
def test_functions_have_the_same_parameters(name: str) -> None:
    assert _takes(getattr(gateway, name)) == _takes(getattr(flask, name))
