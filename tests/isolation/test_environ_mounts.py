"""``env:`` of a ``gateway.yaml``: real mounts, while they load and while they serve."""

from __future__ import annotations

import os
from pathlib import Path
from textwrap import dedent

import pytest
from isolation_support import write
from werkzeug.test import Client

from gateway.config.load import load_config
from gateway.errors import ConfigError, LoadErrors
from gateway.lifecycle import Gateway

NAME = "GATEWAY_TEST_NAME"

WSGI = f"""
    import os, subprocess, threading
    from os import environ

    AT_LOAD = environ.get({NAME!r})
    environ["GATEWAY_TEST_WRITTEN"] = f"by {{AT_LOAD}}"

    def in_thread():
        found = []
        thread = threading.Thread(target=lambda: found.append(os.getenv({NAME!r})))
        thread.start()
        thread.join()
        return found[0]

    def application(request, start_response):
        start_response("200 OK", [])
        child = subprocess.check_output("echo ${NAME}", shell=True, text=True)
        def body():
            values = AT_LOAD, environ[{NAME!r}], in_thread(), child.strip()
            yield " ".join(values).encode()
            yield b" written " + os.environb[b"GATEWAY_TEST_WRITTEN"]
        return body()

    def close():
        path = os.path.join(os.path.dirname(__file__), "closed")
        with open(path, "w") as file:
            file.write(environ[{NAME!r}])
    """

FLASK = f"""
    import os
    from flask import Flask

    def create_app():
        app = Flask(__name__)
        at_load = os.environ[{NAME!r}]

        @app.get("/")
        def index():
            return f"{{at_load}} {{os.environ[{NAME!r}]}}"

        @app.get("/write")
        def write():
            os.environ[{NAME!r}] += "+"
            return os.environ[{NAME!r}]

        return app
    """

NATIVE = f"""
    import os
    from gateway import App
    app = App(__name__)
    at_load = os.environ[{NAME!r}]
    app.get("/")(lambda: f"{{at_load}} {{os.environ[{NAME!r}]}}")
    """

ASGI = f"""
    import asyncio, os
    started = None

    async def app(scope, receive, send):
        global started
        if scope["type"] == "lifespan":
            await receive()
            started = os.environ[{NAME!r}]
            await send({{"type": "lifespan.startup.complete"}})
            await receive()
            await send({{"type": "lifespan.shutdown.complete"}})
            return
        loop = asyncio.get_running_loop()
        pooled = await loop.run_in_executor(None, os.getenv, {NAME!r})
        copied = await asyncio.to_thread(os.getenv, {NAME!r})
        text = f"{{started}} {{os.environ[{NAME!r}]}} {{pooled}} {{copied}}"
        head = {{"type": "http.response.start", "status": 200, "headers": []}}
        await send(head)
        await send({{"type": "http.response.body", "body": text.encode()}})
    """


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(NAME, "process")
    for folder, text in (("w", WSGI), ("f", FLASK), ("n", NATIVE), ("a", ASGI)):
        write(tmp_path / folder, {"app.py": text})
    return tmp_path


def configure(site: Path, text: str) -> Path:
    file = site / "gateway.yaml"
    file.write_text(dedent(text))
    return file


def get(gateway: Gateway, path: str) -> str:
    response = Client(gateway).get(path)
    assert response.status_code == 200, response.text
    return response.text


def test_each_mount_has_its_own(site: Path) -> None:
    file = configure(
        site,
        f"""
        mounts:
          one:
            app: app:application
            path: w
            shutdown: app:close
            env: {{{NAME}: one}}
          two: {{app: "app:application", path: w, env: {{{NAME}: two}}}}
          flask: {{app: app:create_app, path: f, env: {{{NAME}: flask}}}}
          plain: {{app: app:create_app, path: f}}
          native: {{app: app:app, path: n, env: {{{NAME}: native}}}}
          asgi: {{asgi: app:app, path: a, env: {{{NAME}: asgi}}}}
        """,
    )
    with Gateway.from_file(file) as gateway:
        assert get(gateway, "/one/") == "one one one one written by one"
        assert get(gateway, "/two/") == "two two two two written by two"
        assert get(gateway, "/flask/") == "flask flask"
        assert get(gateway, "/plain/") == "process process"
        assert get(gateway, "/native/") == "native native"
        assert get(gateway, "/asgi/") == "asgi asgi asgi asgi"
        with gateway.mounts["flask"].app_context():
            assert os.environ[NAME] == "flask"
        assert get(gateway, "/plain/write") == "process+"
        assert get(gateway, "/plain/") == "process process+"
        assert get(gateway, "/flask/") == "flask flask"
        assert os.environ[NAME] == "process"
        assert "GATEWAY_TEST_WRITTEN" not in os.environ
    assert (site / "w" / "closed").read_text() == "one"


def test_a_mount_with_shared_imports_has_its_own(site: Path) -> None:
    write(
        site / "shared",
        {"gateway_test_shared.py": WSGI},
    )
    file = configure(
        site,
        f"""
        mounts:
          one:
            app: gateway_test_shared:application
            path: shared
            imports: shared
            env: {{{NAME}: one}}
        """,
    )
    with Gateway.from_file(file) as gateway:
        assert get(gateway, "/one/") == "one one one one written by one"
    assert "GATEWAY_TEST_WRITTEN" not in os.environ


def test_values_are_strings_as_written_and_defaults_are_merged(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAY_TEST_SET", "007")
    file = configure(
        site,
        """
        defaults: {env: {A: default, B: default}}
        mounts:
          one:
            app: app:app
            path: n
            env: {B: 0o10, C: yes, D: "", E: "${GATEWAY_TEST_SET}", F: 1.10, G: '~'}
          two: {app: app:app, path: n}
          three: {static: w}
        """,
    )
    one, two, three = load_config(file).mounts
    assert one.env == {
        "A": "default",
        "B": "0o10",
        "C": "yes",
        "D": "",
        "E": "007",
        "F": "1.10",
        "G": "~",
    }
    assert two.env == {"A": "default", "B": "default"}
    assert three.env == {}
    assert "007" not in repr(one)


@pytest.mark.parametrize(
    ("env", "path", "said"),
    [
        ("{A=B: x}", "mounts.one.env.A=B", "neither '=' nor NUL"),
        ("{'': x}", "mounts.one.env.''", "not empty"),
        ("{A: }", "mounts.one.env.A", "there is no value"),
        ("{A: [x]}", "mounts.one.env.A", "single value"),
        ('{A: "x\\0"}', "mounts.one.env.A", "has a NUL"),
        ("[A]", "mounts.one.env", "write a mapping"),
    ],
)
def test_mistakes(site: Path, env: str, path: str, said: str) -> None:
    file = configure(site, f"mounts: {{one: {{app: app:app, path: n, env: {env}}}}}")
    with pytest.raises(ConfigError) as caught:
        load_config(file)
    (problem,) = caught.value.problems
    assert problem.path == path
    assert said in problem.message


def test_what_a_mount_that_fails_to_load_has_written_is_gone(site: Path) -> None:
    write(site / "b", {"app.py": f"import os; os.environ[{NAME!r}] = 'bad'; 1 / 0"})
    file = configure(site, "mounts: {bad: {app: app:app, path: b}}")
    with pytest.raises(LoadErrors):
        Gateway.from_file(file)
    assert os.environ[NAME] == "process"
