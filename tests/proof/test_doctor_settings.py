"""Cookies that leave their mount, debug modes and secret keys."""

from __future__ import annotations

import json
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from composing import configured
from doctor_site import diagnose, diagnose_file, found, of, only

from gateway.proof.doctor.applications import cure_of, identify
from gateway.proof.doctor.cookies import CookieHome, cookie_findings
from gateway.proof.doctor.secrets import equal_secrets, weak_secret

FLASK = """
    from flask import Flask

    def create_app(secret=None, debug=False, debugger=False):
        app = Flask(__name__)
        app.secret_key = secret
        app.debug = debug
        app.add_url_rule("/", view_func=lambda: "<p>")
        if debugger:
            from werkzeug.debug import DebuggedApplication
            return DebuggedApplication(app, evalex=True, pin_security=True)
        return app
"""
GOOD = "e3c1f1a6d5b04c0f9f61f3f0a8b7c2d9"


def cookies(header: str, prefix: str = "/app", **home: Any) -> list[tuple[str, str]]:
    given = {"prefix": prefix, "alone": False, "policy": "shared", **home}
    found = cookie_findings(header, "/app/", CookieHome(**given))
    return [(each.severity, each.message) for each in found]


@pytest.mark.parametrize(
    "path", ["/app", "/app/", "/app/x", "/%61pp", "", "relative", None]
)
def test_a_path_in_the_mount_is_fine(path: str | None) -> None:
    assert not cookies("a=b; Secure; HttpOnly" + (f"; Path={path}" if path else ""))


def test_a_path_above_or_beside_the_mount() -> None:
    ((severity, message),) = cookies("a=b; Path=/; Secure; HttpOnly")
    assert severity == "warning"
    assert "so the mounts beside it get it too" in message
    assert cookies("a=b; Path=/; Secure; HttpOnly", alone=True) == []
    assert cookies("a=b; Path=/; Secure; HttpOnly", policy="namespaced") == []
    assert cookies("a=b; Path=/; Secure; HttpOnly", prefix="") == []
    ((severity, message),) = cookies("a=b; Path=/ap; secure; httponly")
    assert severity == "error"
    assert "so it never comes back" in message


def test_a_domain_and_what_is_not_there() -> None:
    domain, missing = cookies("a=b; Domain=.example.com")
    assert domain[0] == "warning"
    assert "every host below that domain" in domain[1]
    assert missing == ("note", "the cookie 'a' has no Secure and no HttpOnly")
    assert "4f2a" not in str(cookies("4f2a; Path=/app"))  # all value, no name
    assert cookies("a=; Max-Age=0") == cookies("a=; expires=Thu, 01 Jan 1970") == []


def test_cookies_are_seen_as_the_browser_gets_them(tmp_path: Path) -> None:
    header = {"Set-Cookie": "sid=4f2a; Path=/; Secure; HttpOnly"}
    app: dict[str, Any] = {"/": (200, header, "<a href=x>"), "/x": (200, header, "<p>")}
    # The gateway has given it the mount's own path.
    assert found(diagnose(tmp_path, {"app": app, "other": {}}), "app") == []
    config = (tmp_path / "gateway.yaml").read_text().replace(
        "path: app}", "path: app, cookies: shared}"
    )  # fmt: skip
    (tmp_path / "gateway.yaml").write_text(config)
    diagnosis = diagnose_file(tmp_path / "gateway.yaml")
    finding = only(diagnosis, "app")
    assert (finding.severity, finding.kind, finding.places) == ("warning", "cookie", 2)
    assert "4f2a" not in json.dumps(asdict(diagnosis))


@pytest.mark.parametrize(
    ("key", "severity"),
    [
        *((key, "error") for key in ("dev", "secret", "change-me", "changeme", b"Dev")),
        *((key, "error") for key in ("your-secret-key", "super secret key", "SECRET")),
        ("django-insecure-" + "x" * 50, "error"),
        ("mysecretkey", "error"),
        ("only-for-the-demo", "warning"),
        ("an-insecure-key-of-a-good-length", "warning"),
        ("k8Jw2", "warning"),
    ],
)
def test_weak_keys(key: str | bytes, severity: str) -> None:
    finding = weak_secret("my-app", "Flask", key)
    assert finding is not None
    assert finding.severity == severity
    text = key if isinstance(key, str) else key.decode()
    # A key of one usual word is no secret, and such words may stand in a sentence.
    assert text.lower() == "secret" or text not in finding.message
    assert "SECRET_KEY: ${MY_APP_SECRET_KEY:?} in the mount's 'config:'" in finding.cure
    other = weak_secret("my-app", "Django", key)
    assert other is not None
    assert "in the mount's 'env:'" in other.cure


@pytest.mark.parametrize("key", [GOOD, GOOD.encode(), None, "", 7])
def test_keys_that_are_fine_or_none(key: object) -> None:
    assert weak_secret("app", "Flask", key) is None


def test_equal_keys() -> None:
    keys = {"a": GOOD, "b": GOOD.encode(), "c": GOOD[::-1], "d": None}
    cookies = dict.fromkeys(keys, "isolated")
    first, second = equal_secrets(keys, cookies, {})
    assert (first[0], second[0]) == ("a", "b")
    assert first[1].message.startswith("its secret key is also that of b, so what")
    assert list(equal_secrets(keys, dict.fromkeys(keys, "shared"), {})) == []


def test_secrets_of_real_applications_are_never_told(tmp_path: Path) -> None:
    mounts = f"""
        one: {{app: "app:create_app", path: app, args: {{secret: change-me}}}}
        two: {{app: "app:create_app", path: app, config: {{SECRET_KEY: {GOOD}}}}}
        three: {{app: "app:create_app", path: app, config: {{SECRET_KEY: {GOOD}}}}}
        four: {{asgi: "api:app", path: app}}
    """
    api = """
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.middleware.sessions import SessionMiddleware

    app = Starlette(
        debug=True, middleware=[Middleware(SessionMiddleware, secret_key="secret")]
    )
    """
    files = {"app/app.py": FLASK, "app/api.py": api}
    diagnosis = diagnose_file(configured(tmp_path, mounts, files))
    assert found(diagnosis, "one") == [("error", "secret")]
    assert (
        found(diagnosis, "two")
        == found(diagnosis, "three")
        == ([("warning", "secret")])
    )
    assert found(diagnosis, "four") == [("error", "debug"), ("error", "secret")]
    told = json.dumps(asdict(diagnosis))
    assert "change-me" not in told
    assert GOOD not in told


def test_debug_modes(tmp_path: Path) -> None:
    mounts = """
        quiet: {app: "app:create_app", path: app}
        debug: {app: "app:create_app", path: app, args: {debug: true}}
        debugger: {app: "app:create_app", path: app, args: {debugger: true}}
        native: {app: "own:app", path: app}
    """
    own = """
    from gateway import App

    app = App(__name__)
    app.debug = True
    """
    files = {"app/app.py": FLASK, "app/own.py": own}
    diagnosis = diagnose_file(configured(tmp_path, mounts, files))
    assert found(diagnosis, "quiet") == []
    assert (
        found(diagnosis, "debug")
        == found(diagnosis, "native")
        == ([("warning", "debug")])
    )
    finding = only(diagnosis, "debugger")
    assert finding.severity == "error"
    assert finding.spot is not None
    assert finding.spot.page == "/debugger/"
    assert "Werkzeug's debugger answers" in finding.message


def test_which_application_it_is() -> None:
    import bottle
    import falcon
    import fastapi
    import flask

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Pyramid stands on uses the cgi module
        from pyramid.config import Configurator
    from werkzeug.middleware.proxy_fix import ProxyFix

    from gateway.framework.app import App

    assert identify(flask.Flask("x")) == "Flask"
    assert identify(ProxyFix(bottle.Bottle())) == "Bottle"
    assert identify(fastapi.FastAPI()) == "FastAPI"
    assert identify(falcon.App()) == "Falcon"
    assert identify(App("x")) == "native"
    assert identify(Configurator().make_wsgi_app()) == "Pyramid"
    assert identify(lambda environ, start_response: []) == ""
    assert identify(None) == ""


@pytest.mark.parametrize(
    ("application", "words"),
    [
        ("Dash", 'requests_pathname_prefix="/a/", routes_pathname_prefix="/"'),
        ("Datasette", '{"base_url": "/a/"}'),
        ("WsgiDAV", '"mount_path": "/a"'),
        ("FastAPI", "leave root_path and servers out"),
        ("Flask", "url_for()"),
        ("Flask", "APPLICATION_ROOT = '/a'"),
        ("Django", "FORCE_SCRIPT_NAME = '/a'"),
        ("Django", "{% url %}"),
        ("Bottle", "request.script_name"),
        ("Gradio", 'root_path="/a"'),
        ("", "SCRIPT_NAME"),
    ],
)
def test_known_cures(application: str, words: str) -> None:
    cure = cure_of(application, "/a")
    assert words in cure
    assert "'host:'" in cure


def test_remarks_name_a_few_of_what_was_not_asked(tmp_path: Path) -> None:
    tags = "".join(f"<a href=delete/{number}>" for number in range(7))
    diagnosis = diagnose(tmp_path, {"app": {"/": tags}})
    (remark,) = of(diagnosis, "app").remarks
    assert remark.endswith("/app/delete/4 and 2 more")
