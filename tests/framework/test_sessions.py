"""Signed sessions, flashes, and their cookie."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import flask
import pytest

from gateway import App, flash, get_flashed_messages, session
from gateway.framework.testing import Client
from gateway.globals import request_ctx


def _cookie(answer: Any) -> str:
    value: str = answer.headers["Set-Cookie"]
    return value


@pytest.fixture
def noted(app: App) -> App:
    @app.post("/<value>")
    def write(value: str) -> str:
        session["value"] = value
        return "written"

    @app.get("/")
    def read() -> str:
        return str(session.get("value"))

    @app.delete("/")
    def clear() -> str:
        session.clear()
        return "cleared"

    app.add_url_rule("/untouched", "untouched", lambda: "untouched")
    return app


def test_a_session_lives_in_its_cookie(noted: App) -> None:
    client = noted.test_client()
    assert client.get("/").text == "None"
    answer = client.post("/7")
    assert _cookie(answer).endswith("; HttpOnly; Path=/")
    assert answer.headers["Vary"] == "Cookie"
    answer = client.get("/")
    assert answer.text == "7"
    assert answer.headers["Vary"] == "Cookie"
    assert "Set-Cookie" not in answer.headers
    assert "Vary" not in client.get("/untouched").headers
    assert "Max-Age=0" in _cookie(client.delete("/"))
    assert client.get("/").text == "None"


def test_a_permanent_session_is_refreshed_even_untouched(noted: App) -> None:
    client = noted.test_client()
    with client.session_transaction() as stored:
        stored.permanent = True
        stored["value"] = "p"
    assert "Expires=" in _cookie(client.get("/untouched"))
    noted.config["SESSION_REFRESH_EACH_REQUEST"] = False
    assert "Set-Cookie" not in client.get("/untouched").headers


def test_a_forged_cookie_is_an_empty_session(noted: App) -> None:
    client = noted.test_client()
    client.post("/7")
    client.set_cookie("session", "forged.by.me")
    assert client.get("/").text == "None"


def test_keys_rotate(noted: App) -> None:
    client = noted.test_client()
    client.post("/7")
    noted.config.update(SECRET_KEY="new", SECRET_KEY_FALLBACKS=["a test key"])
    assert client.get("/").text == "7"
    noted.config["SECRET_KEY_FALLBACKS"] = None
    assert client.get("/").text == "None"


def test_without_a_key_a_session_reads_empty_and_refuses(noted: App) -> None:
    noted.secret_key = None
    client = noted.test_client()
    assert client.get("/").text == "None"
    with pytest.raises(RuntimeError, match="no secret key was set"):
        client.post("/7")


def test_cookie_settings(noted: App) -> None:
    noted.config.update(
        SESSION_COOKIE_NAME="own",
        SESSION_COOKIE_DOMAIN="example.com",
        SESSION_COOKIE_PATH="/p",
        SESSION_COOKIE_HTTPONLY=False,
        SESSION_COOKIE_SECURE=True,
        SESSION_COOKIE_SAMESITE="Strict",
        SESSION_COOKIE_PARTITIONED=True,
    )
    cookie = _cookie(noted.test_client().post("/7", base_url="https://example.com"))
    assert cookie.startswith("own=")
    parts = set(cookie.split("; ")[1:])
    assert parts == {
        "Domain=example.com",
        "Secure",
        "Path=/p",
        "SameSite=Strict",
        "Partitioned",
    }


def test_the_path_is_that_of_the_mount(noted: App) -> None:
    noted.mount = SimpleNamespace(point=SimpleNamespace(prefix="/notes"))
    client = noted.test_client()
    answer = client.post("/7", base_url="http://localhost/outer/notes")
    assert "Path=/outer/notes" in _cookie(answer)
    noted.config["APPLICATION_ROOT"] = "/own"
    assert "Path=/own" in _cookie(client.post("/7"))


@pytest.mark.parametrize(
    "value",
    [
        "text",
        7,
        None,
        ("a", ("b",)),
        {"a": {" t": [1]}},
        b"\x00\xff",
        [1, {"x": (2,)}],
        {" di": 1},
    ],
)
def test_a_cookie_is_flasks_both_ways(value: Any) -> None:
    ours, theirs = App("x", static_folder=None), flask.Flask("x", static_folder=None)
    ours.secret_key = theirs.secret_key = "shared"
    our_signer = ours.session_interface.get_signing_serializer(ours)  # type: ignore[attr-defined]
    their_signer = theirs.session_interface.get_signing_serializer(theirs)  # type: ignore[attr-defined]
    content = {"value": value}
    assert their_signer.loads(our_signer.dumps(content)) == content
    assert our_signer.loads(their_signer.dumps(content)) == content


def test_flashes(app: App, client: Client) -> None:
    @app.get("/set")
    def put() -> str:
        flash("saved")
        flash("careful", "warning")
        return ""

    @app.get("/get")
    def take() -> dict[str, Any]:
        return {
            "all": get_flashed_messages(),
            "pairs": get_flashed_messages(with_categories=True),
            "warnings": get_flashed_messages(category_filter=["warning"]),
        }

    client.get("/set")
    assert client.get("/get").json == {
        "all": ["saved", "careful"],
        "pairs": [["message", "saved"], ["warning", "careful"]],
        "warnings": ["careful"],
    }
    assert client.get("/get").json == {"all": [], "pairs": [], "warnings": []}


def test_looking_at_the_session_from_a_test_is_no_access(noted: App) -> None:
    def looked_at() -> tuple[bool, bool]:
        kept = request_ctx._session
        return kept.accessed, kept.modified

    with noted.test_client() as client:
        client.get("/untouched")
        assert looked_at() == (False, False)
        client.post("/7")
        assert looked_at() == (True, True)
        client.get("/")
        assert looked_at() == (True, False)
        client.get("/untouched")
        assert looked_at() == (False, False)
    context = noted.test_request_context()
    assert context._session is None
    with context:
        assert context._session == {}
