"""Where an application's files are, compared with what Flask finds."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import flask
import pytest

from gateway import App

CODE = "from {lib} import Flask\napp = Flask(__name__)\n"

LAYOUTS = {
    "module": ["one.py"],
    "package": ["one/__init__.py"],
    "submodule": ["one/__init__.py", "one/two.py"],
    "namespace": ["one/two/__init__.py"],
    "installed module": ["lib/python3.11/site-packages/one.py"],
    "installed package": ["lib/python3.11/site-packages/one/__init__.py"],
    "windows": ["lib/site-packages/one.py"],
    "elsewhere": ["site-packages/one.py"],
}


@pytest.fixture
def imports(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Forget what a test has imported."""
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.partition(".")[0] == "one":
            del sys.modules[name]
    monkeypatch.undo()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.usefixtures("imports")
def test_folders_are_those_that_flask_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layout: str
) -> None:
    found = []
    files = LAYOUTS[layout]
    relative = Path(files[-1])
    parts = list(relative.with_suffix("").parts)
    start = parts.index("one")
    name = ".".join(part for part in parts[start:] if part != "__init__")
    folder = tmp_path.joinpath(*parts[:start])
    monkeypatch.syspath_prepend(folder)
    for lib in ("flask", "gateway"):
        for file in files:
            path = tmp_path / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(CODE.format(lib=lib))
        importlib.invalidate_caches()
        for known in [known for known in sys.modules if known.startswith("one")]:
            del sys.modules[known]
        # Same size, same second: nothing may come from a cache.
        for cache in tmp_path.rglob("__pycache__"):
            for old in cache.iterdir():
                old.unlink()
        app = importlib.import_module(name).app
        found.append((type(app).__module__, app.root_path, app.instance_path))
    theirs, ours = found
    assert (theirs[0], ours[0]) == ("flask.app", "gateway.framework.app")
    assert ours[1:] == theirs[1:]
    assert str(tmp_path) in ours[1]


@pytest.mark.parametrize("name", ["no_such_module_anywhere", "json", "email.mime"])
def test_other_names(name: str) -> None:
    ours, theirs = App(name), flask.Flask(name)
    assert ours.root_path == theirs.root_path
    assert ours.instance_path == theirs.instance_path


def test_a_module_that_fails_is_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "fails_at_once.py").write_text("raise NotImplementedError")
    monkeypatch.syspath_prepend(tmp_path)
    assert App("fails_at_once").root_path == str(tmp_path)
    monkeypatch.undo()


def test_a_module_without_a_file() -> None:
    with pytest.raises(RuntimeError, match="pass root_path"):
        App("sys")


def test_the_instance_folder(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must be absolute"):
        App("x", instance_path="instance")
    app = App("x", instance_path=str(tmp_path), instance_relative_config=True)
    assert app.config.root_path == str(tmp_path)
    with app.open_instance_resource("note.txt", "w") as file:
        file.write("ä")
    with app.open_instance_resource("note.txt") as file:
        assert file.read() == "ä".encode()
    with app.open_instance_resource("note.txt", "r", encoding="latin-1") as file:
        assert file.read() == "Ã¤"


def test_the_name_of_a_script(monkeypatch: pytest.MonkeyPatch) -> None:
    main = sys.modules["__main__"]
    monkeypatch.setattr(main, "__file__", "/somewhere/script.py", raising=False)
    assert App("__main__").name == "script"
    monkeypatch.undo()
    code = (
        "from gateway import App; app = App(__name__); print(app.name, app.root_path)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["__main__", os.getcwd()]


@pytest.mark.parametrize("folder", ["static/", Path("static"), "static"])
def test_static_folders(tmp_path: Path, folder: str | Path) -> None:
    (tmp_path / "static").mkdir()
    (tmp_path / "static/a.txt").write_text("a")
    app = App("x", static_folder=folder, root_path=str(tmp_path))
    assert app.static_folder == str(tmp_path / "static")
    answer = app.test_client().get("/static/a.txt")
    assert answer.text == "a"
    answer.close()


@pytest.mark.parametrize(
    ("url_path", "url"),
    [("/other", "/other/a.txt"), ("/other/", "/other/a.txt"), ("", "/a.txt")],
)
def test_static_url_paths(tmp_path: Path, url_path: str, url: str) -> None:
    (tmp_path / "a.txt").write_text("a")
    app = App("x", url_path, static_folder="", root_path=str(tmp_path))
    answer = app.test_client().get(url)
    assert answer.text == "a"
    answer.close()


def test_static_files_with_hosts(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    app = App(
        "x",
        static_folder=str(tmp_path),
        static_url_path="/s",
        static_host="files.test",
        host_matching=True,
    )
    client = app.test_client()
    answer = client.get("/s/a.txt", base_url="http://files.test")
    assert answer.text == "a"
    answer.close()
    assert client.get("/s/a.txt", base_url="http://other.test").status_code == 404
    for wrong in ({"static_host": "x.test"}, {"host_matching": True}):
        with pytest.raises(AssertionError, match="static_host/host_matching"):
            App("x", **wrong)
    App("x", static_folder=None, host_matching=True)
