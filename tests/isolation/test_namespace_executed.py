"""Code that functions of the process execute for a mount, from files and from texts."""

from __future__ import annotations

import builtins
import runpy
import sys
import timeit
from pathlib import Path
from typing import Any

import pytest
from isolation_support import MakeMount, write

from gateway.isolation.modules import Namespace

FILES = {
    "models.py": "name = __name__",
    "settings.py": "import models\nfrom models import name as NAME\nHERE = __file__",
    "scripts/job.py": "import models\nfound = models.name\nwho = __name__",
    "jobs/__init__.py": "",
    "jobs/__main__.py": "import models\nfound = models.name, __name__",
    "jobs/nightly.py": "from . import __name__ as package\nimport models\nhas = models",
}


@pytest.fixture
def other(mount: MakeMount) -> Namespace:
    """Another mount, with modules of the same names."""
    return mount(FILES, "links")


@pytest.mark.parametrize("framework", ["flask", "gateway"])
def test_a_settings_file_imports_the_mounts_modules(
    mount: MakeMount, other: Namespace, framework: str
) -> None:
    name = {"flask": "Flask", "gateway": "App"}[framework]
    code = f"""
        from {framework} import {name}
        app = {name}(__name__)
        app.config.from_pyfile("settings.py")
        def read(path):
            app.config.from_pyfile(path)
            return app.config["NAME"]
        """
    notes = mount({**FILES, "app.py": code})
    app: Any = notes.import_module("app")
    assert app.app.config["NAME"] == "mounts.notes.models"
    assert app.app.config["HERE"] == str(notes.path / "settings.py")
    # Who asks decides, also for a file that is in another mount's folder.
    with other.active():
        assert app.read(other.path / "settings.py") == "mounts.notes.models"


def test_a_shared_library_may_read_it_for_the_mount(
    mount: MakeMount, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    setup = """
        def set_up(app):
            app.config.from_pyfile("settings.py")
            return app.config["NAME"]
        """
    write(library, {"setting_up.py": setup})
    code = "from flask import Flask\nimport setting_up\napp = Flask(__name__)"
    notes = mount({**FILES, "app.py": code})
    app: Any = notes.import_module("app")
    with notes.active():
        assert app.setting_up.set_up(app.app) == "mounts.notes.models"
    with pytest.raises(ModuleNotFoundError, match="No module named 'models'"):
        app.setting_up.set_up(app.app)


@pytest.mark.parametrize("named", ["", ", run_name='__main__'"])
def test_a_script_is_run_by_its_path(mount: MakeMount, named: str) -> None:
    code = f"""
        import runpy
        from pathlib import Path
        def go():
            path = Path(__file__).parent / "scripts" / "job.py"
            return runpy.run_path(str(path){named})
        """
    app: Any = mount({**FILES, "app.py": code}).import_module("app")
    result = app.go()
    assert result["found"] == "mounts.notes.models"
    assert result["who"] == ("__main__" if named else "<run_path>")
    assert "models" not in sys.modules


def test_a_module_is_run_by_its_name(mount: MakeMount, other: Namespace) -> None:
    code = "import runpy\ndef go(*args, **more): return runpy.run_module(*args, **more)"
    notes = mount({**FILES, "app.py": code})
    app: Any = notes.import_module("app")
    models = notes.import_module("models")
    nightly = app.go("jobs.nightly")
    assert nightly["has"] is models
    assert nightly["package"] == "mounts.notes.jobs"
    assert app.go("jobs")["found"] == (
        "mounts.notes.models",
        "mounts.notes.jobs.__main__",
    )
    main = app.go("jobs", run_name="__main__", alter_sys=True)
    assert main["found"] == ("mounts.notes.models", "__main__")
    with other.active():
        name = app.go("models")["name"]
    assert name == "mounts.notes.models"
    assert type(name) is str
    with pytest.raises(ImportError, match="absent"):
        app.go("absent")


def test_a_text_is_measured(mount: MakeMount) -> None:
    code = """
        import timeit
        setup = "from models import name; seen.append(name)"
        def go():
            seen = []
            timeit.timeit("import models; seen.append(models)", setup, number=1,
                          globals={"seen": seen})
            return seen
        def with_own():
            timeit.repeat("import models", number=1, repeat=1)
            return timeit.timeit("import models; models.name", number=1)
        """
    notes = mount({**FILES, "app.py": code})
    app: Any = notes.import_module("app")
    assert app.go() == ["mounts.notes.models", notes.import_module("models")]
    before = dict(vars(timeit))
    assert app.with_own() > 0
    assert vars(timeit) == before


def test_what_other_code_executes_is_not_touched(
    mount: MakeMount, library: Path
) -> None:
    write(library, {"script_of_all.py": "import json\nhave = __builtins__"})
    mount(FILES).import_module("models")
    result = runpy.run_path(str(library / "script_of_all.py"))
    have = result["have"]
    assert (have if isinstance(have, dict) else vars(have)) == vars(builtins)
    assert runpy.run_module("script_of_all")["__name__"] == "script_of_all"
    assert timeit.timeit("import json", number=1) > 0
    with pytest.raises(ModuleNotFoundError):
        timeit.timeit("import models", number=1)


def test_builtins_that_are_given_are_kept(mount: MakeMount) -> None:
    code = """
        import timeit
        def go():
            given = {"__builtins__": {"__import__": lambda *_: 7}, "seen": []}
            timeit.timeit("import models; seen.append(models)", number=1, globals=given)
            return given["seen"]
        """
    app: Any = mount({**FILES, "app.py": code}).import_module("app")
    assert app.go() == [7]
