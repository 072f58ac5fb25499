"""``module:attribute``: found, not found, or crashed while it was looked for."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest
from composing import PLAIN, composed, failure, text

from gateway.errors import AppCrashedError, AppNotFoundError
from gateway.loaders.reference import application_frames, describe, find

NESTED = f"""
{PLAIN}

class Container:
    class inner:
        app = staticmethod(application)

container = Container()
"""


@pytest.mark.parametrize(
    ("reference", "files"),
    [
        ("app:application", {"app.py": PLAIN}),
        ("app:container.inner.app", {"app.py": NESTED}),
        ("app:Container.inner.app", {"app.py": NESTED}),
        ("pkg:application", {"pkg/__init__.py": PLAIN}),
        ("pkg.web.app:application", {"pkg/web/app.py": PLAIN, "pkg/__init__.py": ""}),
        ("folder.app:application", {"folder/app.py": PLAIN}),
        (
            "pkg:web.application",
            {"pkg/__init__.py": "from pkg import web", "pkg/web.py": PLAIN},
        ),
    ],
)
def test_modules_and_attributes_may_be_dotted(
    tmp_path: Path, reference: str, files: dict[str, str]
) -> None:
    with composed(tmp_path, f"app: {{app: '{reference}', path: .}}", files) as gateway:
        assert text(gateway, "/app/") == "plain"


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        (
            "appp:application",
            "there is no module 'appp' in {path}; did you mean 'app'?",
        ),
        ("zzz:application", "there is no module 'zzz' in {path}"),
        (
            "pkg.wbe:application",
            "there is no module 'pkg.wbe' in {path}; did you mean 'pkg.web'?",
        ),
        ("pkg.zzz.web:app", "there is no module 'pkg.zzz.web' in {path}"),
        ("pgk.web:app", "there is no module 'pgk.web' in {path}; did you mean 'pkg'?"),
        ("pkg.web.app:app", "there is no module 'pkg.web.app' in {path}"),
        (
            "app:aplication",
            "'app' ({path}/app.py) has no attribute 'aplication'; did you mean "
            "'application'?",
        ),
        (
            "app:wsgi",
            "'app' ({path}/app.py) has no attribute 'wsgi'; did you mean "
            "'application'?",
        ),
        (
            "app:container.innr.app",
            "'app.container' has no attribute 'innr'; did you mean 'inner'?",
        ),
        ("pkg.web:app", "'pkg.web' ({path}/pkg/web.py) has no attribute 'app'"),
        ("folder:app", "'folder' has no attribute 'app'"),
    ],
)
def test_what_is_not_there(tmp_path: Path, reference: str, message: str) -> None:
    files = {
        "app.py": NESTED,
        "pkg/__init__.py": "",
        "pkg/web.py": "",
        "folder/data.txt": "",
    }
    error = failure(tmp_path, f"app: {{app: '{reference}', path: .}}", files)
    assert type(error) is AppNotFoundError
    assert error.message == message.format(path=tmp_path)
    assert str(error) == f"mount 'app': {error.message}"


def test_a_module_in_no_folder_at_all(tmp_path: Path) -> None:
    error = failure(tmp_path, "app: {app: nowhere_at_all:application}")
    assert type(error) is AppNotFoundError
    assert error.message == (
        "there is no module 'nowhere_at_all' installed: is its package installed in "
        "this environment, or should 'path:' name the folder it is in?"
    )


def test_the_folder_may_be_gone_by_now(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    with pytest.raises(AppNotFoundError, match="there is no module 'nowhere_at_all'"):
        find("app", "nowhere_at_all:app", importlib.import_module, gone)


@pytest.mark.parametrize(
    ("files", "reason", "frames"),
    [
        (
            {"app.py": "import not_installed_anywhere"},
            "ModuleNotFoundError: No module named 'not_installed_anywhere': is it "
            "installed in this environment, and spelt right?",
            ["app.py"],
        ),
        # The module of the reference itself, wanted by itself.
        ({"app.py": "import app.models"}, "ModuleNotFoundError", ["app.py"]),
        (
            {"app.py": "import models", "models.py": "def f():\n  1 / 0\nf()\n"},
            "ZeroDivisionError: division by zero",
            ["app.py", "models.py", "models.py"],
        ),
        (
            {
                "app.py": "import importlib\nimportlib.import_module('models')",
                "models.py": "from pkg.inner import x",
                "pkg/__init__.py": "",
                "pkg/inner.py": "raise KeyError('x')",
            },
            "KeyError: 'x'",
            ["app.py", "models.py", "inner.py"],
        ),
        ({"app.py": "import sys\nsys.exit('bye')"}, "SystemExit: bye", ["app.py"]),
        (
            {"app.py": "raise RuntimeError('first\\nsecond')"},
            "RuntimeError: first",
            ["app.py"],
        ),
        ({"app.py": "raise RuntimeError"}, "RuntimeError", ["app.py"]),
    ],
)
def test_what_crashes_while_it_is_imported(
    tmp_path: Path, files: dict[str, str], reason: str, frames: list[str]
) -> None:
    error = failure(tmp_path, "app: {app: app:app, path: .}", files)
    assert type(error) is AppCrashedError
    assert error.message.startswith(f"importing 'app' failed: {reason}")
    lines = [line for line in error.frames.splitlines() if line.startswith("  File ")]
    assert [Path(line.split('"')[1]).name for line in lines] == frames
    assert all(str(tmp_path) in line for line in lines)
    assert "importlib" not in "".join(lines)
    assert error.__cause__ is not None


def test_a_crash_shows_what_led_to_it_without_our_frames(tmp_path: Path) -> None:
    app = """
        def group():
            raise ExceptionGroup("both", [ValueError("one"), TypeError("two")])

        try:
            import models
        except ValueError as error:
            try:
                group()
            except ExceptionGroup as caught:
                raise RuntimeError("at last") from caught
        """
    models = "raise ValueError('underneath')"
    files = {"app.py": app, "models.py": models}
    error = failure(tmp_path, "app: {app: app:app, path: .}", files)
    assert isinstance(error, AppCrashedError)
    for expected in (
        "ValueError: underneath",
        "direct cause",
        "During handling",
        "ExceptionGroup: both (2 sub-exceptions)",
        "TypeError: two",
        "RuntimeError: at last",
        "import models",
    ):
        assert expected in error.frames
    files_named = [
        line.split('"')[1] for line in error.frames.splitlines() if 'File "' in line
    ]
    assert {Path(file).parent for file in files_named} == {tmp_path}


def test_a_syntax_error_is_shown_with_its_file_and_line(tmp_path: Path) -> None:
    files = {"app.py": "import models\n", "models.py": "\nx = = 1\n"}
    error = failure(tmp_path, "app: {app: app:app, path: .}", files)
    assert isinstance(error, AppCrashedError)
    assert error.message == (
        "importing 'app' failed: SyntaxError: invalid syntax (models.py, line 2)"
    )
    assert f'File "{tmp_path}/models.py", line 2' in error.frames
    assert "x = = 1" in error.frames

    files = {"app.py": "x = = 1\n"}
    error = failure(tmp_path / "top", "app: {app: app:app, path: .}", files)
    assert isinstance(error, AppCrashedError)
    # No frame of the application ran, so there is no traceback to announce.
    assert error.frames.startswith(f'  File "{tmp_path}/top/app.py", line 1')


def test_an_interrupt_while_importing_is_meant_for_the_process(tmp_path: Path) -> None:
    files = {"app.py": "raise KeyboardInterrupt"}
    before = set(sys.modules)
    with (
        pytest.raises(KeyboardInterrupt),
        composed(tmp_path, "app: {app: app:app, path: .}", files),
    ):
        pass
    assert not [
        name for name in set(sys.modules) - before if name.startswith("mounts.")
    ]


def test_an_attribute_that_crashes_is_told_from_a_missing_one(tmp_path: Path) -> None:
    app = """
        calls = []

        def __getattr__(name):
            calls.append(name)
            if name == "lazy":
                def application(environ, start_response):
                    start_response("200 OK", [("Content-Type", "text/plain")])
                    return [f"made {calls.count('lazy')} time".encode()]
                return application
            if name == "broken":
                return missing.attribute
            if name == "misspelt":
                return calls.apend
            if name == "elsewhere":
                return calls.elsewhere
            raise AttributeError(name)

        class Settings:
            @property
            def app(self):
                return self.aplication

        settings = Settings()
        """
    files = {"app.py": app}
    with composed(tmp_path / "1", "app: {app: app:lazy, path: .}", files) as gateway:
        assert text(gateway, "/app/") == "made 1 time"
    for name, reason in (
        ("broken", "NameError: name 'missing' is not defined"),
        ("misspelt", "AttributeError: 'list' object has no attribute 'apend'"),
        ("elsewhere", "AttributeError: 'list' object has no attribute 'elsewhere'"),
        (
            "settings.app",
            "AttributeError: 'Settings' object has no attribute 'aplication'",
        ),
    ):
        mount = f"app: {{app: 'app:{name}', path: .}}"
        error = failure(tmp_path / name, mount, files)
        assert isinstance(error, AppCrashedError)
        owner, _, last = f"app.{name}".rpartition(".")
        assert error.message == f"looking up {last!r} in {owner!r} failed: {reason}"
        assert f'{tmp_path / name}/app.py", line' in error.frames
    error = failure(tmp_path / "2", "app: {app: 'app:absent', path: .}", files)
    assert isinstance(error, AppNotFoundError)


def test_a_folder_beside_the_gateways_own_is_not_taken_for_it(tmp_path: Path) -> None:
    import gateway

    beside = Path(gateway.__file__).parent.with_name("gateway_apps") / "app.py"
    code = compile("raise ValueError('x')", str(beside), "exec")
    try:
        exec(code, {})
    except ValueError as error:
        frames = application_frames(error)
    assert f'File "{beside}", line 1' in frames
    assert __file__ in frames


def test_an_error_that_cannot_be_shown_is_named() -> None:
    class Unprintable(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert describe(Unprintable()) == "Unprintable"
    assert describe(ValueError("\n  first\nsecond")) == "ValueError: first"
