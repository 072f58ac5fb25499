"""What ``gateway check`` tells of the libraries that mounts have for themselves."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner
from installed import compile_extension
from processes import run

from gateway.cli.group import gateway

WriteFiles = Callable[[Mapping[str, str]], Path]

PLAIN = """
def application(environ, start_response):
    start_response("200 OK", [])
    return []
"""
INSTALLED = {"env/parcel-1.0.dist-info/RECORD": "", "env/parcel.py": ""}


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def check(home: Path, code: int = 0) -> tuple[list[str], str]:
    """Return the notices of a check, and all that it prints."""
    result = CliRunner().invoke(gateway, ["check", "-c", str(home / "gateway.yaml")])
    assert result.exit_code == code, result.output
    lines = result.stdout.splitlines()
    notices = [line for line in lines if line.startswith("notice: ")]
    return [line.removeprefix("notice: ") for line in notices], result.output


def check_alone(home: Path) -> str:
    """Return what a check prints in a process of its own."""
    done = run(home, "check", shell="2>&1")
    return done.stdout


def test_libraries_that_an_environment_lacks(write_files: WriteFiles) -> None:
    yaml = """
        mounts:
          one: {app: app:application, path: one, venv: env, shared: [click]}
          two: {app: app:application, path: one}
    """
    app = f"import click, flask, json, parcel, yaml{PLAIN}"
    files = {"gateway.yaml": yaml, "one/app.py": app, "one/parcel.py": "", **INSTALLED}
    home = write_files(files)
    notices, output = check(home)
    assert notices == [
        f"mount one has from the process what is not installed in {home / 'env'}: "
        "flask, yaml. Run alone it would not have them: install them there, or name "
        "them under 'shared:'"
    ]
    assert output.endswith("\n2 mounts: everything loads.\n")


def test_a_module_of_the_environment_is_run(write_files: WriteFiles) -> None:
    yaml = "mounts: {one: {app: 'app:application', path: one, venv: env}}"
    files = {"gateway.yaml": yaml, "one/app.py": PLAIN, **INSTALLED}
    files["env/parcel.py"] = "import other\nprint(other.__name__)"
    home = write_files({**files, "env/other.py": ""})
    done = run(home, "run", "one", "-m", "parcel")
    assert (done.stdout, done.stderr) == ("mounts.one+venv.other\n", "")


def test_what_was_not_done_with_an_environment(write_files: WriteFiles) -> None:
    yaml = "mounts: {one: {app: 'app:application', path: one, venv: env}}"
    line = "import editable; editable.install()"
    files = {"gateway.yaml": yaml, "one/app.py": PLAIN, "env/editable.pth": line}
    home = write_files({**files, **INSTALLED})
    (notice,), _ = check(home)
    assert notice.startswith(
        f"mount one: {home / 'env' / 'editable.pth'} has a line of code, which is not "
        f"executed: {line!r}"
    )


def test_an_environment_of_another_python(write_files: WriteFiles) -> None:
    yaml = "mounts: {one: {app: 'app:application', path: one, venv: env}}"
    files = {"env/lib/python3.8/site-packages/parcel.py": "", "one/app.py": PLAIN}
    notices, output = check(write_files({"gateway.yaml": yaml, **files}), code=1)
    assert notices == []
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert "error: mount 'one': the virtual environment " in output
    assert f"is for Python 3.8, and this process runs {version}: create " in output


def test_files_that_are_looked_for_in_the_working_directory(
    write_files: WriteFiles,
) -> None:
    yaml = """
        mounts:
          one: {app: app:application, path: one}
          two: {app: app:application, path: two}
    """
    careful = """
try:
    open("data/list.json")
except OSError:
    pass
"""
    files = {
        "gateway.yaml": yaml,
        "one/app.py": careful + PLAIN,
        "one/data/list.json": "[]",
        "two/app.py": 'open("data/other.json")' + PLAIN,
        "two/data/other.json": "[]",
    }
    home = write_files(files)
    (notice,), output = check(home, code=1)
    assert notice == (
        f"{home / 'one' / 'app.py'}:3: mount 'one' opens 'data/list.json', which is "
        "looked for in the working directory, and that is the gateway's; "
        f"{home / 'one' / 'data' / 'list.json'} exists. Build the path from the "
        "module's own: Path(__file__).parent / ..."
    )
    # Where it keeps the mount from loading, the error says so.
    assert "relative paths start at the working directory" in output


@pytest.mark.parametrize(("kind", "ending"), [(1, ""), (2, "SIGABRT")])
def test_extension_modules_that_cannot_be_there_twice(
    write_files: WriteFiles, kind: int, ending: str
) -> None:
    yaml = """
        mounts:
          one: {app: app:application, path: one, venv: env}
          two: {app: app:application, path: one, venv: env}
    """
    home = write_files(
        {
            "gateway.yaml": yaml,
            "one/app.py": PLAIN,
            "env/native/__init__.py": f"import native.kind{kind}",
            "env/native/part.py": "value = 7",
            **INSTALLED,
        }
    )
    compile_extension(home / "env" / "native", f"kind{kind}", kind)
    cure = "Have the mounts share the one beside the gateway: 'shared: [native]'"
    told = check_alone(home)
    if ending:
        # Nothing is loaded then, for it would end this process too.
        assert "error: mount 'two': it cannot have its own 'native' beside" in told
        assert f"dies of {ending}. {cure}" in told
        assert "everything loads" not in told
        return
    # The mount may never import it.
    assert "notice: mount two: it cannot have its own 'native' beside" in told
    assert told.count(cure) == 1
    assert told.endswith("2 mounts: everything loads.\n")
    write_files({"one/app.py": f"import native{PLAIN}"})
    (error,) = (line for line in check_alone(home).splitlines() if "error: " in line)
    assert error.startswith("error: mount 'two': ")
    assert error.count(cure) == 1
