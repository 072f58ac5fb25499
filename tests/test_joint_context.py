"""``app_context()`` of a mount in scripts: what is current in it, and how it ends."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import flask
import pytest
from composing import composed, get

from gateway.context import AppContext, current_app_context
from gateway.errors import ContextStackError
from gateway.globals import current_app, g
from gateway.joint_context import JointContext
from gateway.lifecycle import Gateway

FLASK = """
import flask, gateway
app = flask.Flask(__name__)
ended = []

@app.teardown_appcontext
def flask_ends(exc):
    ended.append(("flask", repr(exc), flask.g.get("word")))
    if isinstance(exc, LookupError):
        raise OSError("while tearing down")

@gateway.current_app.teardown_appcontext
def mount_ends(exc):
    ended.append(("mount", repr(exc), gateway.g.get("word")))

@app.get("/")
def index():
    flask.g.word = "of the request"
    return flask.current_app.config["TITLE"]
"""
NATIVE = """
from gateway import App
app = App(__name__)
ended = []
app.teardown_appcontext(lambda exc: ended.append(repr(exc)))
"""
MOUNTS = """
one: {app: app:app, path: flask, env: {WHO: first}, config: {TITLE: One}}
two: {app: app:app, path: flask, env: {WHO: second}, config: {TITLE: Two}}
own: {app: app:app, path: native, env: {WHO: third}}
"""
FILES = {
    "flask/app.py": FLASK,
    "flask/words.py": "import app\nAPP = app.app",
    "native/app.py": NATIVE,
    "native/words.py": "import app\nAPP = app.app",
}


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    with composed(tmp_path, MOUNTS, FILES) as gateway:
        yield gateway
    assert not flask.has_app_context()


def ended(gateway: Gateway, name: str) -> list[Any]:
    namespace = gateway.mounts[name].application.mount.namespace
    return namespace.import_module("app").ended  # type: ignore[no-any-return]


def test_flask_has_its_own_context_too(gateway: Gateway) -> None:
    with gateway.mounts["one"].app_context() as context:
        assert isinstance(context, JointContext)
        assert flask.current_app.config is current_app.config
        assert flask.current_app.config["TITLE"] == "One"
        flask.g.word, g.word = "flask's", "the mount's"
    assert ended(gateway, "one") == [
        ("flask", "None", "flask's"),
        ("mount", "None", "the mount's"),
    ]


def test_several_are_stacked(gateway: Gateway) -> None:
    seen = []

    def look() -> None:
        title = current_app.config.get("TITLE", "-")
        # A name in a string is looked up for the mount that is current.
        app = importlib.import_module("words").APP
        seen.append((current_app.name, title, os.environ["WHO"], app.name, *vars(g)))

    mounts = gateway.mounts
    with mounts["one"].app_context():
        g.one = flask.g.one = True
        with mounts["two"].app_context():
            g.two = flask.g.two = True
            look()
            with mounts["own"].app_context(), mounts["one"].app_context():
                look()
                assert flask.current_app.config["TITLE"] == "One"
                assert not list(flask.g)
            assert list(flask.g) == ["two"]
        look()
        assert list(flask.g) == ["one"]
        assert flask.current_app.config["TITLE"] == "One"
    assert seen == [
        ("two", "Two", "second", "mounts.two.app", "two"),
        ("one", "One", "first", "mounts.one.app"),
        ("one", "One", "first", "mounts.one.app", "one"),
    ]
    assert current_app_context.get(None) is None
    assert "WHO" not in os.environ


def test_teardown_functions_are_given_the_error(gateway: Gateway) -> None:
    with pytest.raises(ValueError, match="x"), gateway.mounts["one"].app_context():
        raise ValueError("x")
    errors = [error for _, error, _ in ended(gateway, "one")]
    assert errors == ["ValueError('x')"] * 2
    with pytest.raises(ValueError, match="y"), gateway.mounts["own"].app_context():
        raise ValueError("y")
    assert ended(gateway, "own") == ["ValueError('y')"]


def test_a_teardown_function_of_flask_that_fails(gateway: Gateway) -> None:
    with pytest.raises(OSError, match="while tear"):  # noqa: SIM117
        with gateway.mounts["one"].app_context():
            raise LookupError
    assert [who for who, _, _ in ended(gateway, "one")] == ["flask", "mount"]
    assert current_app_context.get(None) is None


def test_it_nests_like_any_context(gateway: Gateway) -> None:
    context = gateway.mounts["one"].app_context()
    with context:
        with context:
            pass
        assert ended(gateway, "one") == []
        assert flask.current_app.config["TITLE"] == "One"
    assert len(ended(gateway, "one")) == 2


def test_it_is_popped_in_order(gateway: Gateway) -> None:
    context = gateway.mounts["one"].app_context()
    with pytest.raises(ContextStackError, match="wrong app context"):
        context.pop()
    other = gateway.mounts["own"].app_context()
    with context, other:
        with pytest.raises(ContextStackError, match="wrong app context"):
            context.pop()
        assert flask.current_app.config["TITLE"] == "One"
    assert type(other) is AppContext


def test_what_cannot_be_pushed_is_not_half_pushed(gateway: Gateway) -> None:
    class Broken:
        def push(self) -> None:
            raise LookupError("no")

        def pop(self, exc: BaseException | None, /) -> None:
            pytest.fail("it was not pushed")

    context = JointContext(gateway.mounts["one"].application, Broken)
    with pytest.raises(LookupError), context:
        pytest.fail("it is not entered")
    assert current_app_context.get(None) is None


def test_a_request_meanwhile_has_its_own(gateway: Gateway) -> None:
    with gateway.mounts["one"].app_context():
        flask.g.word = "the script's"
        with gateway.subrequest("/one/") as response:
            assert response.text == "One"
        assert flask.g.word == "the script's"
        assert get(gateway, "/two/").text == "Two"
        assert flask.g.word == "the script's"
