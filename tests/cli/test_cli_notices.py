"""What ``gateway check`` and ``serve`` tell although it is no error."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from urllib.request import urlopen

import pytest
from click.testing import CliRunner

from gateway.cli.group import gateway
from gateway.cli.notices import telling_changes
from gateway.lifecycle import Gateway
from gateway.servers.waitress import running

WriteFiles = Callable[[Mapping[str, str]], Path]

PLAIN = """
def application(environ, start_response):
    start_response("200 OK", [])
    return []
"""
CHANGING = "import os\nos.chdir('/')\nos.umask(0o077)\n" + PLAIN


@pytest.fixture(autouse=True)
def _restored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    umask = os.umask(0o022)
    yield
    os.umask(umask)


def check(home: Path, code: int = 0) -> tuple[list[str], str]:
    """Return the notices of a check, and all that it prints."""
    result = CliRunner().invoke(gateway, ["check", "-c", str(home / "gateway.yaml")])
    assert result.exit_code == code, result.output
    lines = result.stdout.splitlines()
    notices = [line for line in lines if line.startswith("notice: ")]
    if notices:
        first = lines.index(notices[0])
        assert lines[first : first + len(notices)] == notices
    return [line.removeprefix("notice: ") for line in notices], result.output


def test_a_gateway_without_anything_to_notice(write_files: WriteFiles) -> None:
    yaml = "mounts: {one: {app: 'app:application', path: one}}"
    notices, output = check(write_files({"gateway.yaml": yaml, "one/app.py": PLAIN}))
    assert notices == []
    assert output.endswith("\n1 mount: everything loads.\n")


def test_each_change_is_a_notice_and_no_failure(write_files: WriteFiles) -> None:
    yaml = """
        mounts:
          one: {app: app:application, path: one}
          two: {app: app:application, path: two}
    """
    files = {"gateway.yaml": yaml, "one/app.py": CHANGING, "two/app.py": PLAIN}
    notices, output = check(write_files(files))
    assert notices == [
        f"mount one changed working directory ({os.getcwd()} -> /) while it was loaded "
        "(put back): build paths from __file__ instead",
        "mount one changed umask (0022 -> 0077) while it was loaded (put back): give "
        "each file its mode when it is made",
    ]
    assert output.endswith("\n2 mounts: everything loads.\n")


def test_with_strict_it_is_a_failure_and_no_notice(write_files: WriteFiles) -> None:
    yaml = """
        defaults: {strict: true}
        mounts: {one: {app: "app:application", path: one}}
    """
    home = write_files({"gateway.yaml": yaml, "one/app.py": CHANGING})
    notices, output = check(home, code=1)
    assert notices == []
    assert "error: mount 'one': it changes what all mounts of the process" in output
    assert "umask (0022 -> 0077): give each file" in output


def test_notices_stand_beside_failures(write_files: WriteFiles) -> None:
    yaml = "mounts: {one: {app: 'app:application', path: one}}"
    files = {"gateway.yaml": yaml, "one/app.py": f"{CHANGING}\n1 / 0\n"}
    notices, output = check(write_files(files), code=1)
    assert [notice.split()[3] for notice in notices] == ["working", "umask"]
    assert "ZeroDivisionError" in output


# Keys

SHARED = """
    mounts:
      one: {{app: "app:application", path: one, config: {{SECRET_KEY: hunter2}}{one}}}
      two: {{app: "app:application", path: one, config: {{SECRET_KEY: hunter2}}{two}}}
      three: {{app: "app:application", path: one, config: {{SECRET_KEY: other}}}}
"""


def test_equal_cookie_names_with_equal_keys(write_files: WriteFiles) -> None:
    yaml = SHARED.format(one="", two=", cookies: shared")
    home = write_files({"gateway.yaml": yaml, "one/app.py": PLAIN})
    (notice,), output = check(home)
    assert notice.startswith("mounts 'one' and 'two' sign the cookie 'session' with ")
    assert "hunter2" not in output


def test_keys_that_mounts_share_on_purpose(write_files: WriteFiles) -> None:
    yaml = SHARED.format(one=", cookies: shared", two=", cookies: shared")
    home = write_files({"gateway.yaml": yaml, "one/app.py": PLAIN})
    assert check(home)[0] == []


def test_the_key_that_an_application_has_set_itself(write_files: WriteFiles) -> None:
    code = """
        from flask import Flask
        application = Flask(__name__)
        application.secret_key = "dev"
    """
    yaml = """
        mounts:
          one: {app: app:application, path: one}
          two: {app: app:application, path: two}
    """
    home = write_files(
        {"gateway.yaml": yaml, "one/app.py": code, "two/app.py": code},
    )
    (notice,), _ = check(home)
    assert notice.startswith("mounts 'one' and 'two' sign the cookie 'session'")


# Names

NAMED = {
    "one/app.py": "import colorsys, statistics\n" + PLAIN,
    "one/colorsys.py": "",
    "one/statistics/__init__.py": "",
    "one/time.py": "",  # it is built into Python, and nothing can replace it
    "one/queue/data.txt": "",  # it is no module
    "one/calendar.txt": "",
    "one/models.py": "",
}


def test_modules_named_like_standard_ones(write_files: WriteFiles) -> None:
    yaml = "mounts: {one: {app: 'app:application', path: one}}"
    home = write_files({"gateway.yaml": yaml, **NAMED})
    notices, _ = check(home)
    assert notices == [
        f"mount one has a module named like the standard library's {name!r}, "
        f"{home / 'one' / file}: the mount's own code gets this one, as when it runs "
        "alone; all others get the standard one. Rename it if that is not meant"
        for name, file in (
            ("colorsys", "colorsys.py"),
            ("statistics", "statistics/__init__.py"),
        )
    ]


def test_they_are_told_also_if_the_mount_does_not_load(
    write_files: WriteFiles,
) -> None:
    yaml = "mounts: {one: {app: 'app:application'}}"
    files = {"app.py": "import colorsys\ncolorsys.rgb_to_hsv", "colorsys.py": ""}
    notices, _ = check(write_files({"gateway.yaml": yaml, **files}), code=1)
    assert len(notices) == 1
    assert "'colorsys'" in notices[0]


def test_shared_imports_have_all_mounts_get_them(write_files: WriteFiles) -> None:
    yaml = """
        mounts:
          one: {app: "gateway_test_shared:application", path: one, imports: shared}
    """
    files = {"one/gateway_test_shared.py": PLAIN, "one/colorsys.py": ""}
    try:
        (notice,), _ = check(write_files({"gateway.yaml": yaml, **files}))
    finally:
        sys.modules.pop("gateway_test_shared", None)
    assert "every mount and library that imports it from now on gets this" in notice


def test_an_installed_application_has_nothing_to_do_with_the_folder(
    write_files: WriteFiles,
) -> None:
    yaml = "mounts: {one: {app: 'wsgiref.simple_server:demo_app'}}"
    notices, _ = check(write_files({"gateway.yaml": yaml, "colorsys.py": ""}))
    assert notices == []


def test_mounts_without_code_have_none(write_files: WriteFiles) -> None:
    yaml = "mounts: {one: {static: one}, two: {redirect: /one}}"
    home = write_files({"gateway.yaml": yaml, "one/colorsys.py": ""})
    assert check(home)[0] == []


# While serving

SERVING = """
import os

def application(environ, start_response):
    os.umask(0o077)
    start_response("200 OK", [])
    return []

def harmless(environ, start_response):
    start_response("200 OK", [])
    return []
"""


def test_what_serving_changes_is_warned_of_when_it_ends(
    write_files: WriteFiles, caplog: pytest.LogCaptureFixture
) -> None:
    yaml = """
        mounts:
          one: {app: app:application, path: one}
          two: {app: app:harmless, path: one}
          three: {redirect: /one}
    """
    home = write_files({"gateway.yaml": yaml, "one/app.py": SERVING})
    with Gateway.from_file(home / "gateway.yaml") as loaded:
        spec = replace(loaded.spec.server, port=0)
        with telling_changes(loaded), running(loaded, spec) as server:
            for _ in range(2):
                with urlopen(f"{server.url}/one/") as response:
                    assert response.status == 200
            assert caplog.records == []
    (record,) = (each for each in caplog.records if each.name == "gateway.serve")
    assert record.levelname == "WARNING"
    assert record.getMessage() == (
        "one of one, two changed umask (0022 -> 0077) while serving: give each file "
        "its mode when it is made"
    )


def test_of_what_loading_has_changed_serving_says_nothing(
    write_files: WriteFiles, caplog: pytest.LogCaptureFixture
) -> None:
    yaml = "mounts: {one: {app: 'app:application', path: one}}"
    home = write_files({"gateway.yaml": yaml, "one/app.py": CHANGING})
    with (
        Gateway.from_file(home / "gateway.yaml") as loaded,
        telling_changes(loaded),
    ):
        pass
    assert caplog.records == []
