"""Files that a mount opens relative to the working directory."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from isolation_support import MakeEnvironment, MakeMount, write

from gateway.isolation import files
from gateway.isolation.files import watching

APP = """
import os, sqlite3
from pathlib import Path
def read(path):
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return None
def read_by(function, path):
    try:
        return function(path)
    except OSError:
        return None
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.usefixtures("here")
def test_a_file_that_only_the_mount_has_is_reported_once(mount: MakeMount) -> None:
    namespace = mount({"app.py": APP, "data/list.json": "[]", "other.txt": ""})
    app: Any = namespace.import_module("app")
    with watching() as watch:
        for _ in range(3):
            assert app.read("data/list.json") is None
        app.read("other.txt")
        app.read(b"other.txt")
        app.read(Path("other.txt"))
        (first, second) = watch.findings
    assert (first.mount, first.path) == ("notes", "data/list.json")
    assert first.exists == namespace.path / "data" / "list.json"
    line = APP.splitlines().index("        with open(path) as file:") + 1
    assert first.place == f"{app.__file__}:{line}"
    assert second.path == "other.txt"
    text = str(first)
    assert text.startswith(f"{first.place}: mount 'notes' opens 'data/list.json'")
    assert f"{first.exists} exists" in text
    assert "Path(__file__).parent" in text


def test_what_is_as_it_is_alone_is_not_reported(mount: MakeMount, here: Path) -> None:
    (here / "there.txt").write_text("in the working directory")
    namespace = mount({"app.py": APP, "there.txt": "", "mine.txt": "mine"})
    app: Any = namespace.import_module("app")
    with watching() as watch:
        assert app.read("there.txt") == "in the working directory"
        assert app.read(namespace.path / "mine.txt") == "mine"
        assert app.read("nowhere.txt") is None
        assert app.read(os.open(namespace.path / "mine.txt", os.O_RDONLY)) == "mine"
        with open("there.txt") as file:
            assert file.read()
        assert watch.findings == ()


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("os.listdir", "data"),
        ("lambda path: list(os.scandir(path))", "data"),
        ("lambda path: os.open(path, os.O_RDONLY)", "data/list.json"),
        ("lambda path: Path(path).read_text()", "data/list.json"),
        ("lambda path: list(Path(path).iterdir())", "data"),
    ],
)
def test_other_ways_to_open(mount: MakeMount, name: str, path: str) -> None:
    app: Any = mount({"app.py": APP, "data/list.json": "[]"}).import_module("app")
    function: Callable[[str], object] = eval(name, vars(app))
    with watching() as watch:
        app.read_by(function, path)
    assert [found.path for found in watch.findings] == [path]


def test_a_database_that_is_made_beside_the_right_one(
    mount: MakeMount, here: Path
) -> None:
    code = f"{APP}\ndef connect(path):\n    sqlite3.connect(path).close()"
    app: Any = mount({"app.py": code, "app.db": ""}).import_module("app")
    with watching() as watch:
        app.connect(":memory:")
        app.connect("app.db")
        # It exists now, in the wrong place; it was told already.
        app.connect("app.db")
    assert [found.path for found in watch.findings] == ["app.db"]
    assert (here / "app.db").exists()
    assert sqlite3.sqlite_version


@pytest.mark.usefixtures("here")
def test_a_library_that_is_given_the_path(
    mount: MakeMount, environment: MakeEnvironment, library: Path
) -> None:
    reader = "def read(path):\n    return open(path).read()"
    write(library, {"shared_reader.py": reader})
    made = environment({"own_reader.py": reader})
    code = """
        import own_reader, shared_reader
        def go(path):
            for reader in (own_reader, shared_reader):
                try:
                    reader.read(path)
                except OSError:
                    pass
        """
    files_ = {"app.py": code, "a.txt": ""}
    namespace = mount(files_, environment=made)
    other = mount(files_, "links")
    app: Any = namespace.import_module("app")
    with watching() as watch:
        app.go("a.txt")
        with other.active(), pytest.raises(OSError, match=r"a\.txt"):
            app.shared_reader.read("a.txt")
        with pytest.raises(OSError, match=r"a\.txt"):
            app.shared_reader.read("a.txt")
    own, served = watch.findings
    assert (own.mount, Path(own.place).parent) == ("notes", namespace.path)
    assert (served.mount, served.place) == ("links", "")
    assert str(served).startswith("mount 'links' opens")


@pytest.mark.usefixtures("here")
def test_each_watch_has_its_own_findings(mount: MakeMount) -> None:
    app: Any = mount({"app.py": APP, "a.txt": "", "b.txt": ""}).import_module("app")
    with watching() as outer:
        app.read("a.txt")
        with watching() as inner:
            app.read("b.txt")
        app.read("a.txt")
    app.read("b.txt")
    assert [found.path for found in outer.findings] == ["a.txt", "b.txt"]
    assert [found.path for found in inner.findings] == ["b.txt"]


@pytest.mark.usefixtures("here")
def test_what_goes_wrong_in_the_hook_is_not_the_mounts(
    mount: MakeMount, monkeypatch: pytest.MonkeyPatch
) -> None:
    app: Any = mount({"app.py": APP, "a.txt": ""}).import_module("app")
    monkeypatch.setattr(files, "current", lambda: 1 / 0)
    with watching() as watch:
        with pytest.raises(FileNotFoundError):
            Path("a.txt").read_text()
        with pytest.raises(ValueError, match="null byte"):
            app.read("odd\0name")
        app.read("a.txt")
    assert [found.path for found in watch.findings] == ["a.txt"]


@pytest.mark.usefixtures("here")
def test_what_the_hook_does_with_what_it_is_told(mount: MakeMount) -> None:
    code = "def call(hook, *event):\n    return hook(*event)"
    namespace = mount({"app.py": code, "a.txt": "", "b.txt": ""})
    app: Any = namespace.import_module("app")
    events = [
        ("open", ("a.txt", "r", 0)),
        ("open", (b"a.txt", "r", 0)),
        ("open", (str(namespace.path / "b.txt"), "r", 0)),
        ("open", (3, "r", 0)),
        ("open", ("", "r", 0)),
        ("os.listdir", (None,)),
        ("sqlite3.connect", (":memory:",)),
        ("open", (object(), "r", 0)),
        ("os.remove", ("b.txt",)),
    ]
    with watching() as watch:
        for event in events:
            app.call(files._hook, *event)
        files._hook("open", ("b.txt", "r", 0))
        with namespace.active():
            files._hook("open", ("b.txt", "r", 0))
    found = [(each.path, bool(each.place)) for each in watch.findings]
    assert found == [("a.txt", True), ("b.txt", False)]


INERT = """
import sys
from gateway.isolation import files
added = []
real = sys.addaudithook
sys.addaudithook = lambda hook: (added.append(hook), real(hook))
assert not added
for _ in range(3):
    with files.watching():
        pass
assert len(added) == 1
hook = added[0]
assert hook("open", ("relative.txt", "r", 0)) is None
"""


def test_the_hook_is_added_when_it_is_needed_and_once() -> None:
    subprocess.run(
        [sys.executable, "-c", INERT],
        check=True,
        cwd=Path(__file__).parents[2],
        timeout=60,
    )


def test_findings_are_plain_data(mount: MakeMount) -> None:
    found = files.RelativePath("notes", "a", Path("/x/a"), "")
    assert json.dumps([found.mount, found.path]) == '["notes", "a"]'
    with pytest.raises(AttributeError):
        found.path = "b"  # type: ignore[misc]
