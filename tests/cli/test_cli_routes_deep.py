"""``gateway routes --deep``: the URLs inside the mounts, in three shapes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from composing import write

from gateway.cli.group import gateway

GATEWAY = """
mounts:
  notes: {app: "pages:create", path: notes}
  odd: {host: odd.localhost, app: "pages:odd", path: notes}
  empty: {app: "pages:empty", path: notes}
  plain: {app: "pages:plain", path: notes}
"""

PAGES = """
from gateway import App

print("said while loading")


def create():
    app = App(__name__, static_folder=None)
    app.add_url_rule("/", "index", lambda: "")
    app.add_url_rule("/new", "new", lambda: "", methods=["GET", "POST"])
    app.add_url_rule("/ask", "ask", lambda: "", methods=["OPTIONS"])
    return app


def odd():
    app = App(__name__, static_folder=None, host_matching=True)
    app.add_url_rule("/a\\x1b[2Jb", "clear\\nscreen", lambda: "", host="b.localhost")
    return app


def empty():
    return App(__name__, static_folder=None)


def plain(environ, start_response): ...
"""


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {"gateway.yaml": GATEWAY, "notes/pages.py": PAGES})
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GATEWAY_CONFIG", raising=False)


def run(*args: str, code: int = 0) -> Result:
    result = CliRunner().invoke(gateway, ["routes", *args])
    assert result.exit_code == code, result.output
    return result


def test_as_a_tree() -> None:
    assert run("--deep").stdout.splitlines() == [
        "/notes  notes (native) notes pages:create",
        "├── GET       /notes/     index",
        "├── GET,POST  /notes/new  new",
        "└── OPTIONS   /notes/ask  ask",
        "odd.localhost /  odd (native) notes pages:odd",
        r"└── GET  /a\x1b[2Jb  clear\nscreen (on b.localhost)",
        "/empty  empty (native) notes pages:empty",
        "└── (it has no routes)",
        "/plain  plain (wsgi) notes pages:plain",
        "└── (it cannot be asked: of no framework that is known here)",
    ]


def test_as_a_table() -> None:
    lines = [line.split() for line in run("--deep", "--table").stdout.splitlines()]
    assert lines[:3] == [
        ["MOUNT", "METHODS", "PATH", "HOST", "ENDPOINT"],
        ["notes", "GET", "/notes/", "-", "index"],
        ["notes", "GET,POST", "/notes/new", "-", "new"],
    ]
    assert lines[4][:4] == ["odd", "GET", r"/a\x1b[2Jb", "b.localhost"]
    assert lines[6][:5] == ["plain", "-", "/plain", "-", "(it"]


def test_as_json() -> None:
    maps = json.loads(run("--deep", "--json").stdout)
    assert [each["mount"] for each in maps] == ["notes", "odd", "empty", "plain"]
    assert maps[0] == {
        "mount": "notes",
        "prefix": "/notes",
        "host": None,
        "kind": "native",
        "source": "notes pages:create",
        "policies": [],
        "endpoints": [
            {"path": path, "methods": methods, "name": name, "host": None}
            for path, methods, name in [
                ("/notes/", ["GET", "HEAD", "OPTIONS"], "index"),
                ("/notes/new", ["GET", "HEAD", "OPTIONS", "POST"], "new"),
                ("/notes/ask", ["OPTIONS"], "ask"),
            ]
        ],
        "unknown": None,
    }
    assert maps[3]["endpoints"] == []
    assert maps[3]["unknown"].startswith("it cannot be asked")


def test_one_that_does_not_load_keeps_no_other_from_being_seen(tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").write_text(GATEWAY + "  gone: {app: 'nowhere:app'}\n")
    result = run("--deep", code=1)
    assert "├── GET       /notes/     index" in result.stdout
    assert result.stdout.splitlines()[-1] == "└── (it does not load)"
    assert "error: mount 'gone': there is no module 'nowhere'" in result.stderr
    assert "Traceback" not in result.output


def test_what_applications_print_goes_aside() -> None:
    result = run("--deep")
    assert "said while loading" in result.stderr
    assert "said while loading" not in result.stdout


def test_a_table_is_of_the_deep_ones_only() -> None:
    assert "--table goes with --deep" in run("--table", code=2).stderr
