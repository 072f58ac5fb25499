"""Where a mount's modules come from, and what they leave behind."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from composing import (
    PLAIN,
    composed,
    configured,
    failure,
    failures,
    modules_forgotten,
    run_alone,
    text,
    write,
)

from gateway.errors import AppNotFoundError, LoadError
from gateway.lifecycle import Gateway
from gateway.loaders.modules import modules_of

WHERE = """
import sys

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{__name__} {__file__}".encode()]
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of installed packages."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    with modules_forgotten():
        yield folder


def test_each_mount_with_a_path_has_modules_of_its_own(tmp_path: Path) -> None:
    app = "import models\n" + PLAIN.replace('b"plain"', "models.NAME.encode()")
    files = {
        "a/app.py": app,
        "a/models.py": "NAME = 'a'",
        "b/app.py": app,
        "b/models.py": "NAME = 'b'",
    }
    mounts = """
        a: {app: app:application, path: a}
        b: {app: app:application, path: b}
        """
    path = list(sys.path)
    with composed(tmp_path, mounts, files) as gateway:
        assert text(gateway, "/a/") == "a"
        assert text(gateway, "/b/") == "b"
        assert gateway.mounts["a"].source == "a app:application"
        assert {"mounts.a.models", "mounts.b.models"} < set(sys.modules)
        assert sys.path == path
    assert not [name for name in sys.modules if name.startswith("mounts.")]


@pytest.mark.parametrize(
    ("reference", "file"),
    [
        ("hello:application", "hello.py"),
        ("pkg.web:application", "pkg/web.py"),
        ("pkg.web:application", "pkg/__init__.py"),
    ],
)
def test_without_a_path_a_module_beside_the_configuration_is_meant(
    tmp_path: Path, reference: str, file: str
) -> None:
    files = {"pkg/web.py": WHERE, file: WHERE}
    with composed(tmp_path, f"a: {{app: '{reference}'}}", files) as gateway:
        module = reference.partition(":")[0]
        where = tmp_path / (module.replace(".", "/") + ".py")
        assert text(gateway, "/a/") == f"mounts.a.{module} {where}"
        assert gateway.mounts["a"].source == reference


def test_without_a_path_the_folder_of_an_included_file_counts(tmp_path: Path) -> None:
    files = {
        "hello.py": PLAIN,
        "teams/a/hello.py": WHERE,
        "teams/a/mounts.yaml": "mounts: {team: {app: hello:application}}",
        "gateway.yaml": "include: teams/*/mounts.yaml\n"
        "mounts: {main: {app: hello:application}}\n",
    }
    write(tmp_path, files)
    with Gateway.from_file(tmp_path / "gateway.yaml") as gateway:
        assert text(gateway, "/main/") == "plain"
        file = tmp_path / "teams" / "a" / "hello.py"
        assert text(gateway, "/team/") == f"mounts.team.hello {file}"
        sources = [mount.source for mount in gateway.mounts.values()]
        assert sources == ["hello:application", "teams/a hello:application"]


@pytest.mark.parametrize(
    ("imports", "name"), [("private", "mounts.a.gateway_test_hello"), ("shared", "")]
)
def test_without_a_path_imports_are_as_the_file_says(
    tmp_path: Path, imports: str, name: str
) -> None:
    mount = f"a: {{app: 'gateway_test_hello:application', imports: {imports}}}"
    files = {"gateway_test_hello.py": WHERE}
    path = list(sys.path)
    with modules_forgotten(), composed(tmp_path, mount, files) as gateway:
        found = text(gateway, "/a/").partition(" ")[0]
        assert found == (name or "gateway_test_hello")
        assert (str(tmp_path) in sys.path) is (imports == "shared")
        assert gateway.mounts["a"].source == "gateway_test_hello:application"
    assert sys.path == path


def test_without_a_path_two_mounts_do_not_share_a_module(tmp_path: Path) -> None:
    app = """
        seen = []
        def application(environ, start_response):
            seen.append(environ["SCRIPT_NAME"])
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [" ".join(seen).encode()]
        """
    mounts = "a: {app: app:application}\nb: {app: app:application}"
    with composed(tmp_path, mounts, {"app.py": app}) as gateway:
        assert text(gateway, "/a/") == "/a"
        assert text(gateway, "/b/") == "/b"


def test_without_a_path_and_a_module_beside_it_an_installed_one_is_meant(
    tmp_path: Path, installed: Path
) -> None:
    write(installed, {"gateway_test_wiki/__init__.py": WHERE})
    # Data of the same name is no package; a package would be.
    files = {"gateway_test_wiki/pages/one.txt": "one"}
    mount = "a: {app: 'gateway_test_wiki:application'}"
    with composed(tmp_path / "site", mount, files) as gateway:
        assert text(gateway, "/a/") == (
            f"gateway_test_wiki {installed}/gateway_test_wiki/__init__.py"
        )
    assert "gateway_test_wiki" in sys.modules  # the process's, as any library


def test_a_module_beside_the_configuration_comes_before_an_installed_one(
    tmp_path: Path, installed: Path
) -> None:
    write(installed, {"gateway_test_wiki.py": WHERE})
    mount = "a: {app: 'gateway_test_wiki:application'}"
    files = {"gateway_test_wiki.py": WHERE}
    with composed(tmp_path / "site", mount, files) as gateway:
        assert text(gateway, "/a/").startswith("mounts.a.gateway_test_wiki ")


def test_a_mount_with_a_path_may_name_an_installed_module(
    tmp_path: Path, installed: Path
) -> None:
    write(installed, {"gateway_test_wiki.py": WHERE})
    mount = "a: {app: 'gateway_test_wiki:application', path: settings}"
    (tmp_path / "settings").mkdir()
    with composed(tmp_path, mount) as gateway:
        assert text(gateway, "/a/").startswith("gateway_test_wiki ")


def test_shared_imports_are_plain_ones_while_the_mount_is_open(tmp_path: Path) -> None:
    files = {"apps/gateway_test_shared.py": "import gateway_test_models\n" + WHERE}
    files["apps/gateway_test_models.py"] = ""
    mount = "a: {app: 'gateway_test_shared:application', path: apps, imports: shared}"
    path = list(sys.path)
    with modules_forgotten():
        config = configured(tmp_path, mount, files)
        with Gateway.from_file(config) as first, Gateway.from_file(config) as second:
            for gateway in (first, second):
                assert text(gateway, "/a/").startswith("gateway_test_shared ")
            assert sys.path == [str(tmp_path / "apps"), *path]
            second.close()
            second.close()
            assert sys.path == [str(tmp_path / "apps"), *path]
            assert gateway.mounts["a"].source == "apps gateway_test_shared:application"
        assert "gateway_test_models" in sys.modules
    assert sys.path == path


def test_a_folder_that_is_on_the_path_already_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    path = list(sys.path)
    mount = "a: {app: 'gateway_test_shared:application', path: ., imports: shared}"
    with modules_forgotten():
        with composed(tmp_path, mount, {"gateway_test_shared.py": PLAIN}):
            assert sys.path == path
        assert sys.path == path


def test_an_application_may_clean_the_path_up_itself(tmp_path: Path) -> None:
    app = f"import sys\nsys.path.remove({str(tmp_path)!r})\n{PLAIN}"
    mount = "a: {app: 'gateway_test_shared:application', path: ., imports: shared}"
    path = list(sys.path)
    with (
        modules_forgotten(),
        composed(tmp_path, mount, {"gateway_test_shared.py": app}) as gateway,
    ):
        assert text(gateway, "/a/") == "plain"
        assert sys.path == path
    assert sys.path == path


def test_shared_imports_that_fail_leave_the_path_as_it_was(tmp_path: Path) -> None:
    mount = "a: {app: 'gateway_test_shared:application', path: ., imports: shared}"
    path = list(sys.path)
    with modules_forgotten():
        error = failure(tmp_path, mount, {"gateway_test_share.py": ""})
    assert type(error) is AppNotFoundError
    assert "did you mean 'gateway_test_share'?" in error.message
    assert sys.path == path


def test_a_shared_module_that_hides_another_is_an_error(tmp_path: Path) -> None:
    files = {"a/gateway_test_app.py": PLAIN, "b/gateway_test_app.py": PLAIN}
    mounts = """
        a: {app: 'gateway_test_app:application', path: a, imports: shared}
        b: {app: 'gateway_test_app:application', path: b, imports: shared}
        """
    with modules_forgotten():
        error = failure(tmp_path, mounts, files)
    assert type(error) is LoadError
    assert error.mount == "b"
    assert error.message == (
        f"the process already has a module 'gateway_test_app', {tmp_path}/a/"
        f"gateway_test_app.py, and it hides {tmp_path}/b/gateway_test_app.py: use "
        "'imports: private', or rename one of them"
    )


def test_a_module_of_the_interpreter_cannot_be_shadowed(tmp_path: Path) -> None:
    mount = "a: {app: 'sys:application', path: ., imports: shared}"
    error = failure(tmp_path, mount, {"sys.py": PLAIN})
    assert type(error) is LoadError
    assert "has a module 'sys', which is built into Python, and it hides" in str(error)


def test_a_shared_module_is_the_same_one_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "b").symlink_to(tmp_path / "a")
    write(tmp_path, {"a/gateway_test_app.py": "def create():" + indented(PLAIN)})
    files: dict[str, str] = {}
    mounts = """
        a: {app: 'gateway_test_app:create', path: a, imports: shared}
        b: {app: 'gateway_test_app:create', path: b, imports: shared}
        """
    with modules_forgotten(), composed(tmp_path, mounts, files) as gateway:
        assert text(gateway, "/b/") == "plain"


def indented(code: str) -> str:
    body = code.replace("\n", "\n    ")
    return f"{body}\n    return application\n"


def test_a_shared_module_whose_file_is_gone_hides_another_all_the_same(
    tmp_path: Path,
) -> None:
    mount = "{app: 'gateway_test_app:application', path: ., imports: shared}"
    with modules_forgotten():
        with composed(tmp_path / "a", f"a: {mount}", {"gateway_test_app.py": PLAIN}):
            pass
        (tmp_path / "a" / "gateway_test_app.py").unlink()
        error = failure(tmp_path / "b", f"b: {mount}", {"gateway_test_app.py": PLAIN})
    assert "and it hides" in error.message


def test_a_name_that_is_looked_up_by_a_library_while_serving(
    tmp_path: Path, installed: Path
) -> None:
    library = """
        def load(name):
            module = __import__("importlib").import_module(name)
            return module.NAME
        """
    write(installed, {"gateway_test_library.py": library})
    app = """
        import gateway_test_library

        def application(environ, start_response):
            start_response("200 OK", [("Content-Type", "text/plain")])
            yield gateway_test_library.load("late").encode()
            yield gateway_test_library.load("later").encode()
        """
    files = {}
    for name in ("a", "b"):
        files[f"{name}/app.py"] = app
        files[f"{name}/late.py"] = f"NAME = 'late {name} '"
        files[f"{name}/later.py"] = f"NAME = 'later {name}'"
    mounts = """
        a: {app: app:application, path: a}
        b: {app: app:application, path: b}
        """
    with composed(tmp_path, mounts, files) as gateway:
        assert text(gateway, "/a/") == "late a later a"
        assert text(gateway, "/b/") == "late b later b"


def test_a_namespace_that_cannot_be_opened_is_an_error_of_the_mount(
    tmp_path: Path,
) -> None:
    code = """
        import sys
        from composing import failures
        from pathlib import Path
        sys.path.insert(0, "library")
        import mounts
        here = Path("site").absolute()
        for error in failures(here, "a: {app: app:app}\\nb: {app: app:app, path: .}"):
            print(type(error).__name__, error)
        """
    write(tmp_path, {"library/mounts.py": ""})
    lines = run_alone(code, tmp_path).splitlines()
    assert len(lines) == 2
    for name, line in zip("ab", lines, strict=True):
        assert line.startswith(f"LoadError mount {name!r}: a module 'mounts' was impor")


def test_every_mount_is_tried(tmp_path: Path) -> None:
    mounts = """
        a: {app: nowhere_at_all:app}
        b: {app: app:missing}
        c: {app: app:application}
        """
    errors = failures(tmp_path, mounts, {"app.py": PLAIN})
    assert [error.mount for error in errors] == ["a", "b"]


def test_the_source_of_a_mount_outside_of_the_configurations_folder(
    tmp_path: Path,
) -> None:
    write(tmp_path, {"apps/app.py": PLAIN})
    mount = "a: {app: app:application, path: ../apps}"
    with composed(tmp_path / "etc", mount) as gateway:
        assert gateway.mounts["a"].source == "../apps app:application"
        target = gateway.spec.mounts[0].target
        home = tmp_path / "etc"
        modules = modules_of("other", target, home, home)  # type: ignore[arg-type]
        assert modules.namespace is not None
        assert modules.searched == tmp_path / "apps"
        modules.close()
