"""The names: a ported import line finds what it asks for."""

from __future__ import annotations

import importlib
import subprocess
import sys
from typing import TypeVar

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
