"""What the process shows to an application while it is loaded, and takes back."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from composing import composed, failure, get, modules_forgotten, text

FLASK_RUNNING = """
from flask import Flask
app = Flask(__name__)
app.route("/")(lambda: "flask")
app.run(port=0)
"""


@pytest.mark.parametrize("before", [None, "false"])
def test_app_run_outside_of_a_guard_is_ignored(
    before: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "FLASK_RUN_FROM_CLI"
    monkeypatch.delenv(name, raising=False)
    if before is not None:
        monkeypatch.setenv(name, before)
    files = {
        "a/app.py": FLASK_RUNNING,
        "b/app.py": FLASK_RUNNING.replace("from flask import Flask", "import gateway")
        .replace("Flask(", "gateway.App(")
        .replace('"flask"', '"native"'),
    }
    mounts = "flask: {app: app:app, path: a}\nnative: {app: app:app, path: b}"
    with composed(tmp_path, mounts, files) as gateway:
        assert os.environ.get(name) == before
        assert text(gateway, "/flask/") == "flask"
        assert text(gateway, "/native/") == "native"


PARSING = """
import argparse, sys
parser = argparse.ArgumentParser()
parser.add_argument("--debug", action="store_true")
options = parser.parse_args()
program = sys.argv
def application(environ, start_response):
    start_response("200 OK", [])
    return [f"{program} {options.debug}".encode()]
"""


def test_the_command_line_is_the_gateways_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["gateway", "serve", "--port", "0"]
    monkeypatch.setattr(sys, "argv", arguments)
    monkeypatch.chdir(tmp_path)
    with composed(tmp_path, "a: {app: app:application}", {"app.py": PARSING}) as site:
        assert sys.argv is arguments
        assert text(site, "/a/") == "['gateway.yaml'] False"


def test_everything_is_taken_back_after_a_crash(tmp_path: Path) -> None:
    before = list(sys.argv), dict(os.environ)
    crash = "import sys, os\nsys.argv.append('x')\ndel os.environ['FLASK_RUN_FROM_CLI']"
    failure(tmp_path, "a: {app: app:app}", {"app.py": crash + "\n1 / 0"})
    assert (list(sys.argv), dict(os.environ)) == before


@pytest.mark.parametrize(
    "crash",
    [
        "open('data/words.txt')",
        "open(b'data/words.txt')",
        "try:\n    open('data/words.txt')\nexcept OSError as e:\n    raise ValueError",
    ],
)
def test_a_relative_path_that_is_there_below_the_mounts_path(
    crash: str, tmp_path: Path
) -> None:
    files = {"apps/app.py": crash, "apps/data/words.txt": ""}
    error = failure(tmp_path, "a: {app: app:app, path: apps}", files)
    folder = tmp_path / "apps"
    assert error.message.endswith(
        f"; 'data/words.txt' is there in {folder}, but relative paths start at the "
        f"working directory, {Path.cwd()}: start this one at the module, as in "
        "Path(__file__).parent / 'words.txt'"
    )


@pytest.mark.parametrize("crash", ["open('data/no.txt')", "open('/no/such')"])
def test_a_file_that_is_nowhere(crash: str, tmp_path: Path) -> None:
    files = {"apps/app.py": crash, "apps/data/words.txt": ""}
    error = failure(tmp_path, "a: {app: app:app, path: apps}", files)
    assert error.message.count("FileNotFoundError") == 1
    assert "working directory" not in error.message


PROXIED = """
from werkzeug.middleware.proxy_fix import ProxyFix
{make}
wrapped = ProxyFix(app)
"""


@pytest.mark.parametrize(
    "make",
    [
        "from flask import Flask\napp = Flask(__name__)",
        "from gateway import App\napp = App(__name__)",
    ],
)
def test_the_same_application_in_middleware_is_the_same(
    make: str, tmp_path: Path
) -> None:
    files = {"a/gateway_test_same.py": PROXIED.format(make=make)}
    mounts = (
        "one: {app: gateway_test_same:app, imports: shared, path: a}\n"
        "two: {app: gateway_test_same:wrapped, imports: shared, path: a}"
    )
    with modules_forgotten():
        error = failure(tmp_path, mounts, files)
    assert error.mount == "two"
    assert "it is the same application object as mount 'one'" in error.message


ROOTED = """
import warnings
from fastapi import FastAPI
with warnings.catch_warnings(action="ignore"):  # it is deprecated
    app = FastAPI(root_path="{root}")
@app.get("/")
async def index(): return "found"
"""


@pytest.mark.parametrize(
    ("root", "told"), [("/x", True), ("/api/", True), ("/api", False), ("", False)]
)
def test_a_root_path_that_is_not_the_prefix_is_told(
    root: str, told: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("fastapi", reason="component not installed: fastapi")
    files = {"main.py": ROOTED.format(root=root)}
    with composed(tmp_path, "api: {asgi: main:app}", files) as gateway:
        found = get(gateway, "/api/").status_code == 200
    messages = [
        each.getMessage() for each in caplog.records if each.levelname[0] == "W"
    ]
    if told:
        assert not found
        (message,) = messages
        assert message.startswith(
            f"mount api: the application has root_path={root!r}, which"
        )
        assert "prefix '/api'" in message
        assert "leave root_path out" in message
    else:
        assert found
        assert messages == []
