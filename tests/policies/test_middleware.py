"""Middleware from the file: loaded as the application is, in the order listed."""

from __future__ import annotations

from pathlib import Path

import pytest
from composing import failure, get, run_alone
from policies_site import built

from gateway.errors import AppCrashedError, AppNotFoundError, NotAnApplicationError
from gateway.lifecycle import Gateway

TAG = """
import os
from gateway import current_app, g


def tag(app, name="x", **rest):
    def tagged(environ, start_response):
        g.seen = [*getattr(g, "seen", []), name]
        def start(status, headers, *exc_info):
            own = (current_app.name, os.environ.get("TAG", "-"))
            return start_response(
                status, [*headers, ("X-Tag", " ".join((name, *own)))], *exc_info
            )
        return app(environ, start)
    return tagged


class Tag:
    def __init__(self, app, name="class"):
        self.application = tag(app, name)

    def __call__(self, environ, start_response):
        return self.application(environ, start_response)


def crashes(app):
    raise ValueError("its own fault")


def returns_none(app):
    pass


def takes_nothing():
    pass


number = 3
"""
APP = """
from gateway import g


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [" ".join(getattr(g, "seen", [])).encode()]
"""
FILES = {"a/app.py": APP, "a/tags.py": TAG}


def seen(gateway: Gateway, path: str = "/a/") -> str:
    answer = get(gateway, path)
    assert answer.status_code == 200
    return answer.text


def test_the_first_is_the_outermost(tmp_path: Path) -> None:
    mount = """
    a:
      app: app:application
      path: a
      env: {TAG: own}
      middleware:
        - {use: "tags:tag", args: {name: one}}
        - tags:Tag
        - {use: "tags:tag", args: {name: three}}
    """
    with built(tmp_path, mount, FILES) as gateway:
        answer = get(gateway, "/a/")
        assert answer.text == "one class three"
        tags = answer.headers.getlist("X-Tag")
        assert tags == ["three a own", "class a own", "one a own"]
        assert gateway.members["a"].policies == (
            "middleware tags:tag",
            "middleware tags:Tag",
            "middleware tags:tag",
        )


def test_defaults_and_a_mounts_own_list(tmp_path: Path) -> None:
    mounts = """
    a: {app: app:application, path: a}
    b: {app: app:application, path: a, middleware: []}
    c: {app: app:application, path: a, middleware: ["tags:Tag"]}
    """
    top = "defaults: {middleware: [{use: 'tags:tag', args: {name: default}}]}"
    with built(tmp_path, mounts, FILES, top) as gateway:
        assert [seen(gateway, f"/{name}/") for name in "abc"] == [
            "default",
            "",
            "class",
        ]


def test_installed_ones_around_static_files_redirects_and_asgi(tmp_path: Path) -> None:
    mounts = """
    files: {static: public}
    old: {redirect: /new}
    api: {asgi: api:app, path: a}
    """
    use = "werkzeug.middleware.dispatcher:DispatcherMiddleware"
    top = f"defaults: {{middleware: ['{use}']}}"
    files = {
        "public/a.txt": "the file",
        "a/api.py": """
        async def app(scope, receive, send):
            if scope["type"] == "http":
                await send({"type": "http.response.start", "status": 200})
                await send({"type": "http.response.body", "body": b"api"})
        """,
    }
    with built(tmp_path, mounts, files, top) as gateway:
        assert get(gateway, "/files/a.txt").text == "the file"
        assert get(gateway, "/old/x").status_code == 307
        assert get(gateway, "/api/").text == "api"
        for member in gateway.members.values():
            assert member.policies == (f"middleware {use}",)


def test_the_profiler_of_werkzeug(tmp_path: Path) -> None:
    profiles = tmp_path / "profiles"
    profiles.mkdir()
    mount = f"""
    a:
      app: app:application
      path: a
      middleware:
        - use: werkzeug.middleware.profiler:ProfilerMiddleware
          args: {{stream: null, profile_dir: "{profiles}"}}
    """
    with built(tmp_path, mount, FILES) as gateway:
        assert seen(gateway) == ""
    assert len(list(profiles.iterdir())) == 1


def test_flask_is_still_known_as_what_it_is(tmp_path: Path) -> None:
    mount = "a: {app: fl:app, path: a, middleware: ['tags:tag']}"
    files = {
        **FILES,
        "a/fl.py": """
        from flask import Flask
        app = Flask(__name__)

        @app.get("/")
        def index():
            return "flask"
        """,
    }
    with built(tmp_path, mount, files) as gateway:
        answer = get(gateway, "/a/")
        assert (answer.text, answer.headers["X-Tag"]) == ("flask", "x a -")
        assert gateway.mounts["a"].kind == "flask"


@pytest.mark.parametrize(
    ("use", "kind", "message"),
    [
        ("tags:tagg", AppNotFoundError, "did you mean 'tag'?"),
        ("nowhere:tag", AppNotFoundError, "there is no module 'nowhere'"),
        ("tags:number", NotAnApplicationError, "of the type int, which cannot be call"),
        (
            "tags:crashes",
            AppCrashedError,
            "calling tags:crashes failed: ValueError: it",
        ),
        (
            "tags:returns_none",
            NotAnApplicationError,
            "returned something of the type N",
        ),
        (
            "tags:takes_nothing",
            NotAnApplicationError,
            "tags:takes_nothing() does not f",
        ),
    ],
)
def test_what_cannot_be_loaded_is_told_with_its_place(
    tmp_path: Path, use: str, kind: type[Exception], message: str
) -> None:
    mount = f"a:\n  app: app:application\n  path: a\n  middleware:\n    - use: {use}\n"
    error = failure(tmp_path, mount, FILES)
    assert type(error) is kind
    assert f"{tmp_path / 'gateway.yaml'}:6:9: middleware: " in str(error)
    assert message in str(error)


def test_arguments_that_do_not_fit(tmp_path: Path) -> None:
    mount = "a: {app: app:application, path: a, middleware: "
    mount += "[{use: 'tags:Tag', args: {nmae: hunter2}}]}"
    message = str(failure(tmp_path, mount, FILES))
    assert "does not fit an application and 'args:' (nmae)" in message
    assert "hunter2" not in message


def test_around_static_files_only_installed_ones_are_found(tmp_path: Path) -> None:
    mount = "a: {static: a, middleware: ['tags:Tag']}"
    assert "there is no module 'tags' installed" in str(failure(tmp_path, mount, FILES))


def test_an_application_whose_middleware_fails_is_closed(tmp_path: Path) -> None:
    mount = """
    a:
      app: app:application
      path: a
      shutdown: closing:close
      middleware: ["tags:crashes"]
    """
    closing = "def close():\n    open('closed', 'w').close()\n"
    (tmp_path / "gateway.yaml").write_text("mounts:\n" + mount)
    for name, text in {**FILES, "a/closing.py": closing}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    code = """
    from gateway import Gateway, GatewayError
    try:
        Gateway.from_file("gateway.yaml")
    except GatewayError as error:
        print(error)
    """
    assert "its own fault" in run_alone(code, tmp_path)
    assert (tmp_path / "closed").exists()


def test_a_change_of_place_is_no_change(tmp_path: Path) -> None:
    mount = "a: {app: app:application, path: a, middleware: ['tags:Tag']}"
    with built(tmp_path, mount, FILES) as gateway:
        config = tmp_path / "gateway.yaml"
        config.write_text("# a line\n" + config.read_text())
        assert gateway.reload().kept == ("a",)
        config.write_text(config.read_text().replace("tags:Tag", "tags:tag"))
        assert gateway.reload().replaced == ("a",)
        assert seen(gateway) == "x"
