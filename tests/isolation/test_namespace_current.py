"""Which namespace answers where the asking code belongs to none."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from isolation_support import MakeMount, write
from werkzeug.utils import import_string

from gateway.context import AppContext, current_app_context
from gateway.isolation.modules import current_namespace, set_aside, when_imported
from gateway.isolation.private_member import current
from gateway.isolation.process import process
from gateway.loaders.foreign import ForeignApplication
from gateway.settings import Config

FILES = {"models.py": "name = __name__"}


class Place:
    """What a mounted application knows of its mount, as far as this matters."""

    def __init__(self, namespace: object) -> None:
        self.namespace = namespace


def application(namespace: object) -> Any:
    app: Any = ForeignApplication("app", Config("/", {}))
    app.mount = Place(namespace)
    return app


@pytest.fixture
def asker(library: Path) -> Any:
    """A shared library that looks up what it is given."""
    code = "from importlib import import_module\ndef load(name):\n"
    write(library, {"asker.py": f"{code}    return import_module(name).name"})
    return importlib.import_module("asker")


def test_a_mount_that_is_served_answers(mount: MakeMount, asker: Any) -> None:
    notes, links = mount(FILES), mount(FILES, "links")
    assert current() is None
    with AppContext(application(notes)):
        assert current() is notes
        assert asker.load("models") == "mounts.notes.models"
        # As a subrequest does.
        with AppContext(application(links)):
            assert asker.load("models") == "mounts.links.models"
        assert asker.load("models") == "mounts.notes.models"
    assert current() is None
    with pytest.raises(ModuleNotFoundError):
        asker.load("models")


def test_nothing_is_set_for_a_request(mount: MakeMount) -> None:
    with AppContext(application(mount(FILES))):
        assert current_namespace.get() is None


def test_what_is_made_active_within_a_request_comes_first(mount: MakeMount) -> None:
    notes, links = mount(FILES), mount(FILES, "links")
    with AppContext(application(notes)):
        with links.active():
            assert current() is links
            with AppContext(application(notes)):
                assert current() is notes
            assert current() is links
        assert current() is notes
    with links.active():
        with AppContext(application(notes)):
            assert current() is notes
        assert current() is links


def test_an_application_that_is_not_mounted_changes_nothing(mount: MakeMount) -> None:
    notes = mount(FILES)
    alone = ForeignApplication("alone", Config("/", {}))
    for other in (alone, application(None), application("something else")):
        with AppContext(application(notes)), AppContext(other), AppContext(other):
            assert current() is notes
        with notes.active(), AppContext(other):
            assert current() is notes
    with AppContext(alone):
        assert current() is None


def test_a_context_that_was_set_and_not_pushed(mount: MakeMount) -> None:
    notes = mount(FILES)
    token = current_app_context.set(AppContext(application(notes)))
    try:
        assert current() is notes
        with AppContext(ForeignApplication("alone", Config("/", {}))):
            assert current() is notes
    finally:
        current_app_context.reset(token)


# What does not keep a mount from its own


def test_another_mounts_shared_folder_does_not_answer(
    mount: MakeMount, asker: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = tmp_path / "shared"
    write(shared, {"models.py": "name = 'shared'", "package/__init__.py": "name = 's'"})
    monkeypatch.syspath_prepend(str(shared))
    notes = mount({**FILES, "package/__init__.py": "name = 'own'"})
    undo = set_aside(shared)
    try:
        for _ in range(2):  # found by searching, and then loaded
            with notes.active():
                assert asker.load("models") == "mounts.notes.models"
                assert asker.load("package") == "own"
                assert import_string("models").name == "mounts.notes.models"
                assert importlib.util.find_spec("models").name.startswith("mounts.")  # type: ignore[union-attr]
            # For others, and where the mount has no such module, it does.
            assert asker.load("models") == "shared"
            assert asker.load("package") == "s"
    finally:
        undo()
        for name in ("models", "package"):
            sys.modules.pop(name, None)
    with notes.active():
        assert asker.load("models") == "shared"
    del sys.modules["models"]


def test_two_mounts_may_have_the_same_shared_folder(
    mount: MakeMount, asker: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = tmp_path / "shared"
    write(shared, {"models.py": "name = 'shared'"})
    monkeypatch.syspath_prepend(str(shared))
    first, second = set_aside(shared), set_aside(shared)
    first()
    with mount(FILES).active():
        assert asker.load("models") == "mounts.notes.models"
    second()
    with mount(FILES, "links").active():
        assert asker.load("models") == "shared"
    del sys.modules["models"]


def test_a_folder_may_be_set_aside_while_a_name_is_looked_for(
    mount: MakeMount, asker: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    undo = []

    class Once(int):
        """A count that does, when it is read, what a thread would do."""

        def __gt__(self, other: int) -> bool:
            if not undo:
                undo.append(set_aside(tmp_path / "another"))
            return super().__gt__(other)

    with monkeypatch.context() as patched:
        patched.setattr(process, "_set_aside", Counter({str(tmp_path): Once(1)}))
        with mount(FILES).active():
            assert asker.load("models") == "mounts.notes.models"
        (undo_it,) = undo
        undo_it()


@pytest.mark.parametrize("entry", ["", "."])
def test_neither_does_the_working_directory(
    mount: MakeMount,
    asker: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    entry: str,
) -> None:
    write(tmp_path / "here", {"models.py": "name = 'here'", "only.py": "name = 'only'"})
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.syspath_prepend(entry or str(tmp_path / "here"))
    notes = mount(FILES)
    with notes.active():
        assert asker.load("models") == "mounts.notes.models"
        assert asker.load("only") == "only"
    assert asker.load("models") == "here"
    for name in ("models", "only"):
        del sys.modules[name]


# Files that are executed by their path

BY_PATH = """
import importlib.util, sys
def run(path, name="by_path"):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
"""


def test_a_script_of_a_mount_imports_the_mounts_modules(
    mount: MakeMount, library: Path
) -> None:
    write(library, {"migrating.py": BY_PATH})
    scripts = {"migrations/env.py": "import models\nfrom models import name as found"}
    code = f"{BY_PATH}\nimport migrating"
    notes = mount({**FILES, **scripts, "app.py": code})
    links = mount({**FILES, **scripts}, "links")
    app: Any = notes.import_module("app")
    env = notes.path / "migrations" / "env.py"
    assert app.run(env).found == "mounts.notes.models"
    assert app.run(env).__name__ == "by_path"
    # A shared library, as Alembic is one, while the mount is served.
    with notes.active():
        assert app.migrating.run(env).found == "mounts.notes.models"
    # For another mount, or for none, the file is not the mount's.
    with links.active(), pytest.raises(ModuleNotFoundError):
        app.migrating.run(env)
    with pytest.raises(ModuleNotFoundError):
        app.migrating.run(env)
    with pytest.raises(FileNotFoundError):
        app.run(notes.path / "absent.py")
    assert app.importlib.util.spec_from_file_location("x", "no-python.txt") is None


# What is prepared when it is imported


def test_modules_and_their_copies_are_prepared(mount: MakeMount, library: Path) -> None:
    write(library, {"prepared/__init__.py": "", "prepared/core.py": "marks = []"})
    early: Any = mount({}, private=["prepared"]).import_module("prepared.core")
    process_s: Any = importlib.import_module("prepared.core")
    undo = [
        when_imported("prepared.core", lambda module: module.marks.append(1)),
        when_imported("prepared.core", lambda module: module.marks.append(2)),
    ]
    late = mount({}, "links", private=["prepared"]).import_module("prepared.core")
    assert early.marks == process_s.marks == late.marks == [1, 2]
    undo[0]()
    del sys.modules["prepared.core"]
    assert importlib.import_module("prepared.core").marks == [2]
    undo[1]()
    last = mount({}, "shop", private=["prepared"]).import_module("prepared.core")
    assert last.marks == []


def test_flask_is_prepared_as_before(mount: MakeMount) -> None:
    seen: list[str] = []
    undo = when_imported("flask.sansio.scaffold", lambda m: seen.append(m.__name__))
    code = "from flask import Flask\napp = Flask(__name__)"
    namespace = mount({"app.py": code}, private=["flask"])
    app: Any = namespace.import_module("app").app
    undo()
    assert seen[-1] == "mounts.notes.flask.sansio.scaffold"
    assert app.instance_path == str(namespace.path / "instance")
