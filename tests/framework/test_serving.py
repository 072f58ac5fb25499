"""The development server: what it is started with, and that it serves and reloads."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
import werkzeug.serving
from ports import free_port

from gateway import App

ROOT = Path(__file__).parents[2]


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the server would have been started with: serving itself blocks."""
    seen: dict[str, Any] = {}

    def run_simple(host: str, port: int, app: Any, **options: Any) -> None:
        app._got_first_request = True
        seen.update(options, host=host, port=port, app=app)

    monkeypatch.setattr(werkzeug.serving, "run_simple", run_simple)
    return seen


@pytest.mark.parametrize(
    ("host", "port", "server_name", "expected"),
    [
        (None, None, None, ("127.0.0.1", 5000)),
        (None, None, "example.test:8080", ("example.test", 8080)),
        ("localhost", None, "example.test:8080", ("localhost", 8080)),
        (None, 80, "example.test:8080", ("example.test", 80)),
        ("localhost", 0, "localhost:8080", ("localhost", 0)),
        (None, None, "localhost:0", ("localhost", 0)),
        ("", 81, None, ("127.0.0.1", 81)),
    ],
)
def test_where_it_listens(
    app: App,
    served: dict[str, Any],
    host: Any,
    port: Any,
    server_name: Any,
    expected: Any,
) -> None:
    app.config["SERVER_NAME"] = server_name
    app.run(host, port)
    assert (served["host"], served["port"]) == expected
    assert served["threaded"]
    # It may be set up further, and run again.
    app.add_url_rule("/late", "late", lambda: "")


def test_debugging_turns_reloader_and_debugger_on(
    app: App, served: dict[str, Any]
) -> None:
    app.run()
    assert (served["use_reloader"], served["use_debugger"]) == (False, False)
    app.run(debug=True, use_reloader=False, processes=3, threaded=False)
    assert (served["use_reloader"], served["use_debugger"]) == (False, True)
    assert (served["processes"], served["threaded"]) == (3, False)
    assert app.debug
    assert app.jinja_env.auto_reload


def test_the_environment_decides_about_debugging(
    app: App, served: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    app.debug = True
    monkeypatch.setenv("FLASK_DEBUG", "0")
    app.run()
    assert not app.debug
    app.run(debug=True)
    assert app.debug
    app.run(load_dotenv=False)
    assert app.debug
    monkeypatch.undo()


SOURCE = """
import sys
from gateway import App, request
app = App(__name__, static_folder=None)
@app.get("/")
def index():
    return "first"
@app.get("/fail")
def fail():
    raise ZeroDivisionError("for the debugger")
if __name__ == "__main__":
    app.run(port=int(sys.argv[1]), debug=True, reloader_interval=0.1,
            reloader_type="stat")
"""


def _wait(url: str, wanted: Callable[[str], bool]) -> str:
    deadline = time.monotonic() + 20
    text = ""
    while time.monotonic() < deadline:
        try:
            with urlopen(url, timeout=5) as answer:
                text = answer.read().decode()
        except HTTPError as error:
            with error:
                text = error.read().decode()
        except OSError:
            time.sleep(0.05)
            continue
        if wanted(text):
            return text
        time.sleep(0.05)
    raise AssertionError(f"never came; last was {text!r}")


def test_it_serves_debugs_and_reloads(tmp_path: Path) -> None:
    script = tmp_path / "served.py"
    script.write_text(SOURCE)
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, str(script), str(port)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait(f"{url}/", lambda text: text == "first")
        assert "for the debugger" in _wait(
            f"{url}/fail", lambda text: "Debugger" in text
        )
        script.write_text(SOURCE.replace('"first"', '"second"'))
        _wait(f"{url}/", lambda text: text == "second")
    finally:
        # The reloader's child is in the same new session.
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(10)
