"""The plugin in projects that are not ours, each run by a pytest of its own."""

from __future__ import annotations

from textwrap import dedent

import pytest

from gateway.testing.plugin import configured_file

APP = """
from flask import Flask, current_app, session

app = Flask(__name__)
app.secret_key = "not a secret"


@app.get("/")
def index():
    return f"{current_app.config['TITLE']} {session.get('count', 0)}"


@app.post("/count")
def count():
    session["count"] = session.get("count", 0) + 1
    return "counted"
"""

GATEWAY = """
mounts:
  home: {prefix: /, app: "home:app", config: {TITLE: Home}}
  notes:
    app: notes:app
    config: {TITLE: Notes}
    env: {NOTES_PLACE: attic}
"""

GREEN = """
import os
import unittest
from urllib.request import urlopen

import pytest
import gateway as package
import flask


def test_the_gateway(gateway, gateway_client, gateway_config):
    assert list(gateway.mounts) == ["home", "notes"]
    assert gateway_config.name == "gateway.yaml"
    assert gateway_client.get("/").text == "Home 0"


@pytest.mark.mount("notes")
class TestNotes:
    def test_one_mount(self, mount, mount_client, mount_name):
        assert mount.name == mount_name == "notes"
        assert mount_client.post("/count").text == "counted"
        assert mount_client.get("/").text == "Notes 1"

    def test_each_test_has_cookies_of_its_own(self, mount_client):
        assert mount_client.get("/").text == "Notes 0"

    def test_its_context(self, mount_context):
        assert package.current_app.name == "notes"
        assert package.current_app.config["TITLE"] == "Notes"
        assert flask.current_app.config["TITLE"] == "Notes"
        assert os.environ["NOTES_PLACE"] == "attic"
        package.g.left = True

    @pytest.mark.mount("home")
    def test_the_nearest_mark_counts(self, mount_context, mount_client):
        assert mount_client.get("/").text == "Home 0"
        assert not hasattr(package.g, "left")
        assert "NOTES_PLACE" not in os.environ


@pytest.mark.mount("notes", "home")
def test_some(mount_client):
    assert mount_client.get("/").text.endswith(" 0")


@pytest.mark.mount
def test_all(mount_client):
    assert mount_client.get("/").status_code == 200


@pytest.mark.parametrize("mount_name", ["home"])
def test_by_parameter(mount_client):
    assert mount_client.get("/").text == "Home 0"


@pytest.mark.mount
@pytest.mark.parametrize(("mount_name", "page"), [("home", "Home 0")])
def test_parameters_of_its_own_win(mount_client, page):
    assert mount_client.get("/").text == page


@pytest.mark.mount
@pytest.mark.parametrize(argnames="turn, mount_name", argvalues=[(1, "notes")])
def test_parameters_by_keyword(mount_client, turn):
    assert mount_client.get("/").text == "Notes 0"


@pytest.mark.mount("notes")
class TestInAClassOfUnittest(unittest.TestCase):
    @pytest.fixture(autouse=True)
    def _client(self, mount_client):
        self.client = mount_client

    def test_it(self):
        self.assertEqual(self.client.get("/").text, "Notes 0")


def test_nothing_stays_current():
    assert not package.has_app_context()


@pytest.mark.parametrize("turn", [1, 2])
def test_live(live_gateway, turn):
    with urlopen(live_gateway.base_url + "/notes/") as answer:
        assert answer.read() == b"Notes 0"
"""


@pytest.fixture(autouse=True)
def _nothing_is_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GATEWAY_CONFIG", raising=False)


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """A project of two Flask applications."""
    pytester.makefile(".yaml", gateway=GATEWAY)
    pytester.makepyfile(home=APP, notes=APP)
    return pytester


def run(project: pytest.Pytester, *args: str, **files: str) -> pytest.RunResult:
    """Run pytest in a process of its own, where every warning is an error."""
    project.makepyfile(**{name: dedent(text) for name, text in files.items()})
    return project.runpytest_subprocess("-W", "error", *args)


def test_the_fixtures(project: pytest.Pytester) -> None:
    result = run(project, "-v", "--strict-markers", test_green=GREEN)
    result.assert_outcomes(passed=16)
    names = "test_some[notes]", "test_some[home]", "test_all[home]", "test_all[notes]"
    result.stdout.fnmatch_lines_random(
        [f"*::{name.replace('[', '[[]')} PASSED*" for name in names]
    )


def test_what_a_project_pays_that_does_not_use_it(pytester: pytest.Pytester) -> None:
    code = """
    import sys

    def test_nothing_is_imported():
        own = {name for name in sys.modules if name.partition(".")[0] == "gateway"}
        assert own <= {
            "gateway", "gateway._version", "gateway.testing", "gateway.testing.plugin"
        }
        assert "gateway.testing.plugin" in own
        assert not {"werkzeug", "yaml", "click", "waitress"} & set(sys.modules)
    """
    run(pytester, test_pays=code).assert_outcomes(passed=1)


def test_names_of_its_own_win(project: pytest.Pytester) -> None:
    code = """
    import pytest

    @pytest.fixture
    def mount():
        return "of a disk"

    @pytest.fixture
    def gateway():
        return "of a city"

    @pytest.mark.mount
    def test_they_are_ours(mount, gateway):
        assert (mount, gateway) == ("of a disk", "of a city")
    """
    run(project, "--gateway-config", "none", test_own=code).assert_outcomes(passed=1)


def test_what_is_wrong_with_a_mark(project: pytest.Pytester) -> None:
    code = """
    import unittest
    import pytest

    @pytest.mark.mount("note")
    def test_unknown(mount_client): ...

    def test_unsaid(mount): ...

    @pytest.mark.mount(7, kind="flask")
    def test_misunderstood(mount): ...

    @pytest.mark.mount("home")
    def test_right(mount): ...

    @pytest.mark.mount
    class TestOfUnittest(unittest.TestCase):
        @pytest.fixture(autouse=True)
        def _mount(self, mount): ...
        def test_many(self): ...
    """
    result = run(project, test_wrong=code)
    result.assert_outcomes(errors=4, passed=1)
    result.stdout.fnmatch_lines_random(
        [
            "*there is no mount 'note': did you mean 'notes'?",
            "test_unsaid does not say which mount it is about: mark it with *",
            "@pytest.mark.mount(7, kind='flask') is not understood: *",
            "*::TestOfUnittest::test_many is a method of unittest's, *: name one *",
        ]
    )
    result.stdout.no_fnmatch_line("*plugin.py*")


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (
            "mounts: {home: {appp: 1}}",
            ["gateway.yaml:1:17: mounts.home.appp: there is no such key*"],
        ),
        ("mounts: {home: {app: 'nowhere:app'}}", ["*mount 'home': *'nowhere'*"]),
        (
            "mounts: {home: {app: 'breaks:app'}, gone: {app: 'home:gone'}}",
            ["*mount 'home': *ZeroDivisionError*", "    *breaks.py*", "*mount 'gone'*"],
        ),
        ("", ["*gateway.yaml*"]),
    ],
    ids=["key", "missing", "several", "empty"],
)
def test_a_gateway_that_cannot_be_used(
    project: pytest.Pytester, broken: str, says: list[str]
) -> None:
    project.makefile(".yaml", gateway=broken)
    code = """
    def test_first(gateway_client): ...
    def test_second(live_gateway): ...
    def test_else(): ...
    """
    result = run(project, breaks="1 / 0", test_broken=code)
    result.assert_outcomes(errors=2, passed=1)
    result.stdout.fnmatch_lines(says)
    for noise in ("*lifecycle.py*", "*plugin.py*", "*During handling*"):
        result.stdout.no_fnmatch_line(noise)


def test_a_broken_file_where_every_mount_is_asked_for(
    project: pytest.Pytester,
) -> None:
    project.makefile(".yaml", gateway="mounts: {home: {appp: 1}}")
    code = """
    import pytest

    @pytest.mark.mount
    def test_all(mount): ...

    @pytest.mark.mount
    def test_them_too(mount): ...
    """
    result = run(project, test_broken=code)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["gateway.yaml:1:17: mounts.home.appp: *"])
    result.stdout.no_fnmatch_line("*plugin.py*")


def test_where_the_file_is_said(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    below = pytester.mkdir("below")
    for name in ("gateway", "option", "setting", "variable"):
        (pytester.path / f"{name}.yaml").write_text(name)

    def said(expected: str, *args: str) -> None:
        path = configured_file(pytester.parseconfig(*args))
        assert path.read_text() == expected

    pytester.makeini("[pytest]\n")
    said("gateway")
    monkeypatch.chdir(below)
    said("gateway")
    (below / "gateway.yaml").write_text("nearer")
    said("nearer")
    monkeypatch.setenv("GATEWAY_CONFIG", "../variable.yaml")
    said("variable")
    pytester.makeini("[pytest]\ngateway_config = setting.yaml\n")
    said("setting")
    said("option", "--gateway-config", "../option.yaml")


def test_no_file_at_all(pytester: pytest.Pytester) -> None:
    result = run(pytester, test_none="def test_none(gateway): ...")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["there is no *gateway.yaml: 'gateway init' writes*--gateway-config FILE*"]
    )


def test_a_project_may_prepare_its_file(project: pytest.Pytester) -> None:
    conftest = """
    import pytest

    @pytest.fixture(scope="session")
    def gateway_config(tmp_path_factory, gateway_config):
        prepared = gateway_config.with_name("prepared.yaml")
        prepared.write_text(gateway_config.read_text().replace("Home", "Prepared"))
        return prepared
    """
    code = """
    import pytest

    @pytest.mark.mount("home")
    def test_it(mount_client):
        assert mount_client.get("/").text == "Prepared 0"
    """
    run(project, conftest=conftest, test_prepared=code).assert_outcomes(passed=1)


def test_it_is_listed(pytester: pytest.Pytester) -> None:
    marks = pytester.runpytest_inprocess("--markers")
    marks.stdout.fnmatch_lines(["@pytest.mark.mount(?names): the mount that *"])
    fixtures = pytester.runpytest_inprocess("--fixtures")
    fixtures.stdout.fnmatch_lines_random(
        [
            f"{name}*"
            for name in (
                *("gateway_config", "gateway", "gateway_client", "live_gateway"),
                *("mount", "mount_name", "mount_client", "mount_context"),
            )
        ]
    )
