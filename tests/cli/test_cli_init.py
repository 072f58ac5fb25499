"""``gateway init``: the file that it writes is one that works."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from gateway.cli.discover.find import Discovery, Found, discover
from gateway.cli.discover.folders import Skipped
from gateway.cli.discover.frameworks import DJANGO, Made
from gateway.cli.discover.plan import plan
from gateway.cli.discover.project import Candidate
from gateway.cli.group import gateway
from gateway.cli.write_yaml import gateway_yaml, scalar
from gateway.config.load import load_config
from gateway.config.spec import AppTarget, AsgiTarget, GatewaySpec, StaticTarget

FLASK = "from flask import Flask\napp = Flask(__name__)\n"
NATIVE = """
from gateway import App
def create_app():
    app = App(__name__)
    app.get("/")(lambda: "the {} is open")
    return app
"""

WriteFiles = Callable[[Mapping[str, str]], Path]


def run(*arguments: str, code: int = 0) -> Result:
    result = CliRunner().invoke(gateway, arguments)
    assert result.exit_code == code, result.output
    return result


def written(found: list[Found], home: Path) -> GatewaySpec:
    """The configuration that is written for what was found."""
    path = home / "gateway.yaml"
    path.write_text(gateway_yaml(plan(Discovery(tuple(found), ())), home))
    return load_config(path, {})


def an_app(label: str, folder: Path, framework: str = "Flask") -> Found:
    made = Made(framework)
    return Found(
        label, folder, Candidate("app:app", folder / "app.py", 1, made, "object")
    )


def test_folders_to_a_file_that_serves(
    write_files: WriteFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    top = write_files(
        {
            "apps/shop/app.py": NATIVE.format("shop"),
            "apps/portal/app.py": NATIVE.format("portal"),
            "public/index.html": "<p>static</p>",
        }
    )
    monkeypatch.chdir(top)
    result = run("init")
    assert "Next: gateway check; gateway serve" in result.stdout
    assert run("check").stdout.endswith("3 mounts: everything loads.\n")
    assert run("call", "/").stdout == "the portal is open"
    assert run("call", "/shop/").stdout == "the shop is open"
    assert run("call", "/public/").stdout == "<p>static</p>"


def test_each_kind_is_written_with_what_it_needs(
    write_files: WriteFiles, tmp_path: Path
) -> None:
    top = write_files(
        {
            "api/main.py": "from fastapi import FastAPI\napp = FastAPI()",
            "catalog/manage.py": "",
            "catalog/site1/wsgi.py": (
                "from django.core.wsgi import get_wsgi_application\n"
                "application = get_wsgi_application()"
            ),
            "pyramid/app.py": (
                "from pyramid.config import Configurator\n"
                "def main(global_config, **settings):\n"
                "    return Configurator(settings=settings).make_wsgi_app()"
            ),
            "public/index.html": "",
            "takes/app.py": (
                "import flask\n"
                "def create_app(name: str, *, level): return flask.Flask(name)"
            ),
        }
    )
    spec = written(list(discover([top]).found), tmp_path)
    mounts = {mount.name: mount for mount in spec.mounts}
    assert {name: mount.prefix for name, mount in mounts.items()} == {
        name: f"/{name}" for name in ("api", "catalog", "public", "pyramid")
    }
    assert isinstance(mounts["api"].target, AsgiTarget)
    assert mounts["public"].target == StaticTarget(top / "public")
    catalog, pyramid = (mounts[name].target for name in ("catalog", "pyramid"))
    assert isinstance(catalog, AppTarget)
    assert catalog.imports == "shared"
    assert isinstance(pyramid, AppTarget)
    assert pyramid.args == {"global_config": {}}


def test_a_factory_that_needs_values_is_ready_to_be_mounted(
    write_files: WriteFiles, tmp_path: Path
) -> None:
    top = write_files(
        {
            "shop/app.py": FLASK,
            "takes/app.py": (
                "import flask\n"
                "def create_app(name: str, *, level): return flask.Flask(name)"
            ),
        }
    )
    spec = written(list(discover([top]).found), tmp_path)
    assert [(mount.name, mount.prefix) for mount in spec.mounts] == [("shop", "")]
    text = (tmp_path / "gateway.yaml").read_text()
    before, _, after = text.partition(
        "  # Not mounted: create_app() must be given its 'args:': fill them in, and "
        "take away the '#'.\n"
    )
    lines, _, rest = after.partition("\n\n")
    ready = "".join(
        line.replace("# ", "  ", 1).removeprefix("  ").replace("...", "7", 1) + "\n"
        for line in lines.splitlines()
    )
    (tmp_path / "gateway.yaml").write_text(f"{before}{ready}\n{rest}")
    takes = load_config(tmp_path / "gateway.yaml", {}).mounts[1].target
    assert isinstance(takes, AppTarget)
    assert takes.factory is True
    assert takes.args == {"name": 7, "level": 7}


@pytest.mark.parametrize(
    ("call", "line"),
    [
        ("app.run(debug=True)", 3),
        ("if True:\n    import waitress\n    waitress.serve(app)", 5),
        ("from werkzeug.serving import run_simple\nrun_simple('', 1, app)", 4),
        ("if __name__ == '__main__':\n    app.run()", None),
        ("def main():\n    app.run()", None),
        ("import subprocess\nsubprocess.run(['true'])", None),
    ],
)
def test_a_module_that_runs_a_server_is_told(
    call: str, line: int | None, write_files: WriteFiles, tmp_path: Path
) -> None:
    top = write_files({"shop/app.py": FLASK + call})
    written(list(discover([top]).found), tmp_path)
    text = (tmp_path / "gateway.yaml").read_text()
    assert (f"# Line {line} of app.py runs a server" in text) is (line is not None)
    assert ("runs a server" in text) is (line is not None)


def test_the_others_are_named_in_comments(tmp_path: Path) -> None:
    best, *others = (
        Candidate(f"app:app{n}", tmp_path / "app.py", n, Made("Flask"), "object")
        for n in range(8)
    )
    written([Found("shop", tmp_path, best, tuple(others))], tmp_path)
    text = (tmp_path / "gateway.yaml").read_text()
    assert text.count("# Also there: ") == 5
    assert "# Also there: app:app1 (Flask application)\n" in text
    assert "# and 2 more\n" in text


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["notes"], ["notes /"]),
        (["notes", "links"], ["notes /notes", "links /links"]),
        (["notes", "portal"], ["portal /", "notes /notes"]),
        (["main", "home"], ["home /", "main /main"]),
        (["shop", "shop"], ["shop /shop", "shop-2 /shop-2"]),
        (
            ["My Shop!", "Überraschung"],
            ["my-shop /my-shop", "uberraschung /uberraschung"],
        ),
        (["日本", "_x_"], ["app /app", "x /x"]),
        (["no", "2048"], ["no /no", "2048 /2048"]),
        (["a" * 99, "b"], [f"{'a' * 40} /{'a' * 40}", "b /b"]),
    ],
)
def test_names_and_prefixes(
    labels: list[str], expected: list[str], tmp_path: Path
) -> None:
    found = [an_app(label, tmp_path) for label in labels]
    mounts = plan(Discovery(tuple(found), ()))
    assert [f"{mount.name} {mount.prefix}" for mount in mounts] == expected
    spec = written(found, tmp_path)
    assert [f"{m.name} {m.prefix or '/'}" for m in spec.mounts] == expected


def test_a_second_django_project_is_a_comment(tmp_path: Path) -> None:
    found = [an_app(name, tmp_path, DJANGO) for name in ("one", "two")]
    found.append(an_app("three", tmp_path))
    spec = written(found, tmp_path)
    assert [mount.name for mount in spec.mounts] == ["one", "three"]
    text = (tmp_path / "gateway.yaml").read_text()
    assert "# Not mounted: Django keeps one set of settings" in text
    assert "\n  # two:\n  #   prefix: /two\n  #   app: app:app\n" in text


_FILE_NAMES = st.text(min_size=1, max_size=30).filter(
    lambda name: name not in (".", "..") and not {"/", "\0"} & set(name)
)


@settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(_FILE_NAMES)
@example("${HOME}")
@example("$$")
@example("a: b #c")
@example("yes")
@example("- x")
@example("\x85\u2028")
@example(os.fsdecode(b"caf\xe9"))
@example("'\"\\")
@example("\N{NO-BREAK SPACE}\N{GRINNING FACE}\N{ZERO WIDTH JOINER}")
def test_any_folder_name(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    try:
        folder.mkdir(exist_ok=True)
    except (OSError, UnicodeEncodeError):
        assume(False)
    spec = written([an_app("beside", tmp_path), an_app(name, folder)], tmp_path)
    paths = [m.target.path for m in spec.mounts if isinstance(m.target, AppTarget)]
    if "Not mounted" in (tmp_path / "gateway.yaml").read_text():
        assert paths == [tmp_path]
        assert not name.isprintable()
    else:
        assert sorted(map(str, paths)) == sorted(map(str, [tmp_path, folder]))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("apps/notes", "apps/notes"),
        ("app:create_app", "app:create_app"),
        (".", "."),
        ("../x", "../x"),
        ("no", '"no"'),
        ("1.5", '"1.5"'),
        ("a b", '"a b"'),
        ("café", '"café"'),
        ("\t", r'"\U00000009"'),
    ],
)
def test_scalars(text: str, expected: str) -> None:
    assert scalar(text) == expected


def test_an_existing_file_is_left_alone(
    write_files: WriteFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(write_files({"app.py": FLASK, "gateway.yaml": "mine"}))
    assert "--force" in run("init", code=2).stderr
    assert Path("gateway.yaml").read_text() == "mine"
    run("init", "--force")
    assert Path("gateway.yaml").read_text() != "mine"


def test_a_dangling_link_counts_as_existing(
    write_files: WriteFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(write_files({"app.py": FLASK}))
    Path("gateway.yaml").symlink_to("elsewhere.yaml")
    run("init", code=2)
    assert not Path("elsewhere.yaml").exists()


def test_standard_output_gets_the_file_and_nothing_else(
    write_files: WriteFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(write_files({"web/app.py": FLASK, "old/app.py": "print 1"}))
    result = run("init", "-o", "-")
    assert not Path("gateway.yaml").exists()
    Path("piped.yaml").write_text(result.stdout)
    assert [mount.name for mount in load_config(Path("piped.yaml")).mounts] == ["web"]
    assert "skipped old/app.py: line 1: Missing parentheses" in result.stderr


def test_paths_are_relative_to_the_file(
    write_files: WriteFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    top = write_files({"web/app.py": FLASK, "deploy/readme.txt": ""})
    monkeypatch.chdir(top / "web")
    result = run("init", "..", "-o", "../deploy/shop.yaml")
    assert "gateway serve -c ../deploy/shop.yaml" in result.stdout
    assert "path: ../web" in (top / "deploy" / "shop.yaml").read_text()
    (mount,) = load_config(top / "deploy" / "shop.yaml").mounts
    assert isinstance(mount.target, AppTarget)
    assert mount.target.path == top / "web"


def test_the_environment_names_the_file(
    write_files: WriteFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(write_files({"app.py": FLASK}))
    monkeypatch.setenv("GATEWAY_CONFIG", "from-environment.yaml")
    run("init")
    assert Path("from-environment.yaml").is_file()


def test_nothing_found_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("init", code=1)
    assert "no application was found" in result.stderr
    assert not Path("gateway.yaml").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "does not exist"),
        (["app.py"], "is a file"),
        ([".", "-o", "no/such/folder.yaml"], "No such file or directory"),
        ([".", "-o", ".", "--force"], "Is a directory"),
    ],
)
def test_impossible_arguments(
    arguments: list[str],
    message: str,
    write_files: WriteFiles,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(write_files({"app.py": FLASK}))
    result = CliRunner().invoke(gateway, ["init", *arguments])
    assert result.exit_code in (1, 2)
    assert message in result.stderr


def test_what_was_skipped_does_not_stop_the_rest(tmp_path: Path) -> None:
    skipped = Skipped(tmp_path / "x.py", "reason")
    assert plan(Discovery((), (skipped,))) == ()
