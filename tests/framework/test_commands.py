"""Commands of applications and blueprints, and the command line that finds them."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import pytest
from click.testing import CliRunner

from gateway import App, Blueprint, current_app, has_app_context
from gateway.framework.command_line import ApplicationCommands, command_line
from gateway.framework.commands import (
    AppGroup,
    ScriptInfo,
    pass_script_info,
    with_appcontext,
)
from gateway.framework.dev_commands import run_command
from gateway.framework.locate import (
    NoAppException,
    find_app_by_string,
    find_best_app,
    locate_app,
    prepare_import,
)
from gateway.testing import FlaskCliRunner


@pytest.fixture(autouse=True)
def _restore(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Undo what a command line does to its process."""
    for name in ("FLASK_RUN_FROM_CLI", "FLASK_DEBUG", "FLASK_APP"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setattr(sys, "path", sys.path[:])
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith("found_"):
            del sys.modules[name]
    for name in ("FLASK_RUN_FROM_CLI", "FLASK_DEBUG"):
        os.environ.pop(name, None)
    monkeypatch.undo()


def test_a_command_runs_within_the_application(app: App) -> None:
    @app.cli.command("hello")
    @click.argument("name")
    def hello(name: str) -> None:
        """Greet."""
        click.echo(f"{name} {current_app.name}")

    runner = app.test_cli_runner()
    assert isinstance(runner, FlaskCliRunner)
    assert app.cli.name == "tests_framework"
    assert runner.invoke(args=["hello", "ann"]).output == "ann tests_framework\n"
    assert runner.invoke(hello, ["bob"]).output == "bob tests_framework\n"
    assert not has_app_context()


def test_the_context_covers_groups_and_callbacks(app: App) -> None:
    @app.cli.group()
    @with_appcontext
    def outer() -> None:
        click.echo(current_app.name)

    def check(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
        return f"{value} {has_app_context()}"

    @outer.command()
    @click.option("--value", callback=check)
    def inner(value: str) -> None:
        click.echo(f"{value} {current_app.name}")

    @outer.command(with_appcontext=False)
    def bare() -> None:
        click.echo(str(type(outer) is AppGroup))

    runner = app.test_cli_runner()
    result = runner.invoke(args=["outer", "inner", "--value", "x"])
    assert result.output == "tests_framework\nx True tests_framework\n"
    assert runner.invoke(args=["outer", "bare"]).output.endswith("True\n")


def test_teardown_runs_after_a_command(app: App) -> None:
    ended: list[Any] = []
    app.teardown_appcontext(ended.append)
    app.cli.command("x")(lambda: click.echo("in"))
    app.test_cli_runner().invoke(args=["x"])
    assert ended == [None]


def test_an_own_runner_class_and_object(app: App) -> None:
    class Own(FlaskCliRunner):
        pass

    app.test_cli_runner_class = Own
    assert isinstance(app.test_cli_runner(), Own)
    loads: list[int] = []

    def create() -> App:
        loads.append(1)
        return app

    app.cli.command("x")(lambda: click.echo("in"))
    info = ScriptInfo(create_app=create)
    assert app.test_cli_runner().invoke(args=["x"], obj=info).output == "in\n"
    assert (loads, info.load_app()) == ([1], app)


def test_commands_of_blueprints(app: App) -> None:
    def part(name: str, **options: Any) -> Blueprint:
        made = Blueprint(name, __name__, **options)
        made.cli.command(f"c-{name}")(lambda: click.echo(f"{name} {current_app.name}"))
        return made

    app.register_blueprint(part("own"))
    app.register_blueprint(part("custom", cli_group="renamed"))
    app.register_blueprint(part("merged", cli_group=None))
    app.register_blueprint(part("late", cli_group="x"), cli_group="late-group")
    empty = Blueprint("empty", __name__)
    app.register_blueprint(empty)
    run = app.test_cli_runner().invoke
    assert run(args=["own", "c-own"]).output == "own tests_framework\n"
    assert run(args=["renamed", "c-custom"]).output == "custom tests_framework\n"
    assert run(args=["c-merged"]).output == "merged tests_framework\n"
    assert run(args=["late-group", "c-late"]).output == "late tests_framework\n"
    assert "empty" not in app.cli.commands
    assert empty.cli.name == "empty"


def _module(**names: Any) -> ModuleType:
    module = ModuleType("found")
    vars(module).update(names)
    return module


APP = App("found", static_folder=None)
OTHER = App("other", static_folder=None)


@pytest.mark.parametrize(
    "names",
    [
        {"app": APP},
        {"application": APP},
        {"anything": APP},
        {"create_app": lambda: APP},
        {"make_app": lambda: APP},
        {"make_app": lambda first=None: APP},
        {"app": APP, "other": OTHER},
        {"create_app": lambda: OTHER, "mine": APP},
    ],
)
def test_the_application_of_a_module(names: dict[str, Any]) -> None:
    assert find_best_app(_module(**names)) is APP


def _fails() -> App:
    raise TypeError("inside")


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ({}, "Failed to find an application or factory in module 'found'"),
        ({"one": APP, "two": OTHER}, "Detected multiple applications"),
        ({"create_app": lambda x: APP}, "could not call it without arguments"),
    ],
)
def test_a_module_without_one(names: dict[str, Any], words: str) -> None:
    with pytest.raises(NoAppException, match=words):
        find_best_app(_module(**names))
    with pytest.raises(TypeError, match="inside"):
        find_best_app(_module(create_app=_fails))


@pytest.mark.parametrize(
    "text",
    ["app", " app ", "make", "make()", "make(1, x='a')", "make([1], x={'b': 2})"],
)
def test_an_application_by_name_or_call(text: str) -> None:
    module = _module(app=APP, make=lambda *args, **kwargs: APP)
    assert find_app_by_string(module, text) is APP


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("missing", "Failed to find attribute 'missing'"),
        ("one two", "Failed to parse 'one two'"),
        ("a + b", "as an attribute name or function call"),
        ("a.b()", "must be a simple name"),
        ("make(x=y)", "as literal values"),
        ("make(1, 2)", "with the specified arguments"),
        ("number", "it is a int"),
        ("make('not')", "it is a str"),
    ],
)
def test_what_names_no_application(text: str, words: str) -> None:
    module = _module(make=lambda value: value, number=5, fails=_fails)
    with pytest.raises(NoAppException, match=words):
        find_app_by_string(module, text)
    with pytest.raises(TypeError, match="inside"):
        find_app_by_string(module, "fails()")


@pytest.mark.parametrize(
    ("path", "folder", "name"),
    [
        ("found_one.py", ".", "found_one"),
        ("found_one", ".", "found_one"),
        ("found_pack/__init__.py", ".", "found_pack"),
        ("found_pack/sub/mod.py", ".", "found_pack.sub.mod"),
        ("plain/mod.py", "plain", "mod"),
        ("found_pack.sub", ".", "found_pack.sub"),
    ],
)
def test_import_names_of_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, folder: str, name: str
) -> None:
    (tmp_path / "found_pack/sub").mkdir(parents=True)
    for package in ("found_pack", "found_pack/sub"):
        (tmp_path / package / "__init__.py").touch()
    monkeypatch.chdir(tmp_path)
    assert prepare_import(path) == name
    assert sys.path[0] == str((tmp_path / folder).resolve())
    monkeypatch.undo()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working directory with an application in it."""
    (tmp_path / "found_app.py").write_text(
        "import click\n"
        "from gateway import App, current_app\n"
        "app = App(__name__, static_folder=None)\n"
        "app.add_url_rule('/yes', 'yes', lambda: '', methods=['GET', 'POST'])\n"
        "app.add_url_rule('/a/<x>', 'also', lambda x: '')\n"
        "@app.cli.command('hello')\n"
        "def hello():\n"
        "    'Greet.'\n"
        "    click.echo(f'{current_app.name} {current_app.debug}')\n"
        "app.run()\n"
    )
    (tmp_path / "found_broken.py").write_text("import no_such_module_anywhere\n")
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    monkeypatch.undo()


@pytest.mark.usefixtures("folder")
def test_locating() -> None:
    sys.path.insert(0, os.getcwd())
    os.environ["FLASK_RUN_FROM_CLI"] = "true"
    assert locate_app("found_app", None).name == "found_app"
    assert locate_app("found_app", "app").name == "found_app"
    assert locate_app("found_missing", None, raise_if_not_found=False) is None
    with pytest.raises(NoAppException, match="Could not import 'found_missing'"):
        locate_app("found_missing", None)
    with pytest.raises(NoAppException, match="While importing 'found_broken'"):
        locate_app("found_broken", None, raise_if_not_found=False)


@pytest.mark.usefixtures("folder")
def test_the_command_line() -> None:
    run = CliRunner().invoke
    result = run(command_line, ["--app", "found_app", "hello"])
    # Its unguarded app.run() does not block.
    assert "Ignoring a call to 'app.run()'" in result.output
    assert result.output.endswith("found_app False\n")
    result = run(command_line, ["--app", "found_app:app", "--debug", "hello"])
    assert result.output.endswith("found_app True\n")
    result = run(command_line, ["--help"], env={"FLASK_APP": "found_app"})
    for word in ("hello", "Greet.", "routes", "run", "shell", "--app", "--version"):
        assert word in result.output
    assert "Gateway" in run(command_line, ["--version"]).output
    result = run(command_line, ["--app", "found_broken", "hello"])
    assert result.exit_code == 2
    assert "While importing 'found_broken'" in result.output
    assert "No such command" in result.output
    result = run(command_line, ["hello"])
    assert "Could not locate an application" in result.output


@pytest.mark.usefixtures("folder")
def test_an_application_that_fails_does_not_hide_the_help() -> None:
    Path("app.py").write_text("raise ZeroDivisionError('while importing')\n")
    group = ApplicationCommands(name="x")
    result = CliRunner().invoke(group, ["--help"])
    sys.modules.pop("app", None)
    assert "ZeroDivisionError: while importing" in result.output
    assert "routes" in result.output


def test_a_group_of_its_own_with_a_factory() -> None:
    made: list[int] = []

    def create() -> App:
        made.append(1)
        app = App("made", static_folder=None)
        app.cli.command("where")(lambda: click.echo(current_app.name))
        return app

    @click.group(cls=ApplicationCommands, create_app=create)
    def own() -> None:
        """Mine."""

    @own.command()
    @pass_script_info
    def infos(info: ScriptInfo) -> None:
        click.echo(info.load_app().name)

    run = CliRunner().invoke
    assert run(own, ["where"]).output == "made\n"
    assert run(own, ["infos"]).output == "made\n"
    assert "where" in run(own, []).output
    assert len(made) == 3


def test_routes(app: App) -> None:
    app = App("routed", static_folder=None)
    run = app.test_cli_runner().invoke
    assert run(command_line, ["routes"]).output == "No routes were registered.\n"
    app.add_url_rule("/b", "first", lambda: "", methods=["POST", "GET"])
    app.add_url_rule("/a/<x>", "second", lambda x: "")
    assert run(command_line, ["routes"]).output.split("\n")[:4] == [
        "Endpoint  Methods    Rule  ",
        "--------  ---------  ------",
        "first     GET, POST  /b    ",
        "second    GET        /a/<x>",
    ]
    by_rule = run(command_line, ["routes", "--sort", "rule", "--all-methods"]).output
    assert by_rule.split("\n")[2].split()[0] == "second"
    assert "HEAD, OPTIONS" in by_rule
    assert "first" in run(command_line, ["routes", "-s", "match"]).output.split("\n")[2]


@pytest.mark.parametrize(
    ("kind", "title"),
    [("host_matching", "Host"), ("subdomain_matching", "Subdomain")],
)
def test_routes_with_domains(kind: str, title: str) -> None:
    app = App("domains", static_folder=None, **{kind: True})  # type: ignore[arg-type]
    option = {"Host": "host", "Subdomain": "subdomain"}[title]
    app.add_url_rule("/", "a", lambda: "", **{option: "b"})  # type: ignore[arg-type]
    app.add_url_rule("/", "b", lambda: "", **{option: "a"})  # type: ignore[arg-type]
    result = app.test_cli_runner().invoke(command_line, ["routes", "--sort", "domain"])
    lines = result.output.split("\n")
    assert lines[0].split() == ["Endpoint", "Methods", title, "Rule"]
    assert lines[2].split() == ["b", "GET", "a", "/"]


def test_the_shell_has_the_names_of_the_application(
    app: App, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    startup = tmp_path / "startup.py"
    startup.write_text("begun = True\n")
    monkeypatch.setenv("PYTHONSTARTUP", str(startup))
    monkeypatch.delattr(sys, "__interactivehook__", raising=False)
    app.shell_context_processor(lambda: {"answer": 42})
    result = app.test_cli_runner().invoke(
        command_line, ["shell"], input="print(answer, app.name, begun, g is not None)\n"
    )
    monkeypatch.undo()
    assert "42 tests_framework True True" in result.output
    assert f"App: {app.import_name}" in result.output


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the server would have been started with: serving itself blocks."""
    seen: dict[str, Any] = {}

    def run_simple(host: str, port: int, app: Any, **options: Any) -> None:
        seen.update(options, host=host, port=port, app=app)

    monkeypatch.setattr("gateway.framework.dev_commands.run_simple", run_simple)
    return seen


def test_run(app: App, served: dict[str, Any]) -> None:
    run = app.test_cli_runner().invoke
    result = run(command_line, ["run", "-h", "127.0.0.2", "-p", "0"])
    assert "Debug mode: off" in result.output
    assert (served["host"], served["port"], served["app"]) == ("127.0.0.2", 0, app)
    assert not served["use_reloader"]
    files = os.pathsep.join([__file__, "/b"])
    arguments = ["run", "--debug", "--no-debugger", "--extra-files", files]
    run(command_line, [*arguments, "--exclude-patterns", "*.a", "--without-threads"])
    assert served["use_reloader"]
    assert (served["use_debugger"], served["threaded"]) == (False, False)
    assert served["extra_files"] == [__file__, "/b"]
    assert served["exclude_patterns"] == ["*.a"]


def test_run_with_a_certificate(
    app: App, served: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = app.test_cli_runner().invoke
    monkeypatch.setitem(sys.modules, "cryptography", ModuleType("cryptography"))
    run(command_line, ["run", "--cert", __file__, "--key", __file__])
    assert served["ssl_context"] == (__file__, __file__)
    run(command_line, ["run", "--cert", "adhoc"])
    assert served["ssl_context"] == "adhoc"
    for wrong, words in [
        (["--cert", __file__], '"--key" is required'),
        (["--key", __file__], '"--cert" must also be specified'),
        (["--cert", "adhoc", "--key", __file__], '"--key" is not used'),
        (["--cert", "missing.pem"], "does not exist"),
        (["--cert", ""], "is a directory"),
    ]:
        result = run(command_line, ["run", *wrong])
        assert (result.exit_code, words in result.output) == (2, True)


def test_a_certificate_is_checked_before_the_command_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def options(*args: str) -> Any:
        with run_command.make_context("run", list(args)) as ctx:
            return ctx.params["cert"]

    assert options("--key", __file__, "--cert", __file__) == (__file__, __file__)
    with pytest.raises(click.BadParameter, match="is required"):
        options("--cert", __file__)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    module = ModuleType("found_tls")
    module.__dict__["context"] = context
    monkeypatch.setitem(sys.modules, "found_tls", module)
    assert options("--cert", "found_tls:context") is context
    with pytest.raises(click.BadParameter, match="not used"):
        options("--cert", "found_tls:context", "--key", __file__)
    with pytest.raises(click.BadParameter, match="does not exist"):
        options("--cert", "found_tls")
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(click.BadParameter, match="install it"):
        options("--cert", "adhoc")
    monkeypatch.setitem(sys.modules, "ssl", None)
    with pytest.raises(click.BadParameter, match="have SSL support"):
        options("--cert", __file__)
    assert options() is None


def test_after_a_reload_a_broken_application_answers_with_its_error(
    served: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def create() -> App:
        raise ZeroDivisionError("while loading")

    group = ApplicationCommands(name="x", create_app=create)
    result = CliRunner().invoke(group, ["run"])
    assert isinstance(result.exception, ZeroDivisionError)
    monkeypatch.setenv("WERKZEUG_RUN_MAIN", "true")
    result = CliRunner().invoke(group, ["run"])
    monkeypatch.undo()
    assert "while loading" in result.output
    with pytest.raises(ZeroDivisionError):
        served["app"]({}, print)


def test_env_files_need_dotenv(
    app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("FOUND_COLOUR=red\nFOUND_KEPT=file\n")
    monkeypatch.chdir(tmp_path)
    app.cli.command("x")(lambda: click.echo(os.environ.get("FOUND_COLOUR", "none")))
    run = app.test_cli_runner().invoke
    monkeypatch.setitem(sys.modules, "dotenv", None)
    result = run(command_line, ["x"])
    assert "Install python-dotenv" in result.output
    assert result.output.endswith("none\n")
    result = run(command_line, ["x"], env={"FLASK_SKIP_DOTENV": "1"})
    assert result.output == "none\n" or "python-dotenv" in result.output
    monkeypatch.undo()


class FakeDotenv(ModuleType):
    """python-dotenv is not among the test dependencies; this reads KEY=value lines."""

    def find_dotenv(self, name: str, usecwd: bool) -> str:
        return str(Path(name).resolve()) if Path(name).exists() else ""

    def dotenv_values(self, path: str, encoding: str) -> dict[str, str]:
        lines = Path(path).read_text(encoding).split()
        return dict(line.split("=", 1) for line in lines)


def test_env_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gateway.framework.dotenv import load_dotenv

    (tmp_path / ".flaskenv").write_text("FOUND_A=flaskenv FOUND_B=flaskenv")
    (tmp_path / ".env").write_text("FOUND_B=env FOUND_C=env FOUND_KEPT=env")
    (tmp_path / "own").write_text("FOUND_C=own")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "dotenv", FakeDotenv("dotenv"))
    monkeypatch.setenv("FOUND_KEPT", "process")
    try:
        assert load_dotenv("own")
        found = {key: os.environ[f"FOUND_{key}"] for key in ("A", "B", "C", "KEPT")}
        assert found == {"A": "flaskenv", "B": "env", "C": "own", "KEPT": "process"}
        assert not load_dotenv(load_defaults=False)
    finally:
        for key in "ABC":
            os.environ.pop(f"FOUND_{key}", None)
        monkeypatch.undo()


def test_it_runs_as_a_module(folder: Path) -> None:
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-m", "gateway.framework", "--app", "found_app", "hello"],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(root)},
        check=True,
    )
    assert done.stdout.endswith("found_app False\n")
