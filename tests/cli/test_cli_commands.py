"""The commands, in this process: what they print and how they end."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import jsonschema
import pytest
import yaml
from click.testing import CliRunner, Result

from gateway.cli.group import gateway

WriteFiles = Callable[[Mapping[str, str]], Path]

ECHO = """
def application(environ, start_response):
    size = int(environ.get("CONTENT_LENGTH") or 0)
    body = environ["wsgi.input"].read(size)
    names = ("SCRIPT_NAME", "PATH_INFO", "QUERY_STRING", "REQUEST_METHOD")
    lines = [f"{name}={environ[name]}" for name in names]
    lines += sorted(
        f"{name}={value}"
        for name, value in environ.items()
        if name.startswith("HTTP_") or name == "CONTENT_TYPE"
    )
    lines += [f"scheme={environ['wsgi.url_scheme']}", f"body={body!r}"]
    start_response("200 OK", [("Content-Type", "text/plain"), ("X-Two", "a")])
    return ["\\n".join(lines).encode()]

def teapot(environ, start_response):
    start_response("418 I'm a teapot", [])
    return [b"short ", b"and stout"]

def breaking(environ, start_response):
    start_response("200 OK", [])
    yield b"first part"
    raise ValueError("the rest is lost")

def silent(environ, start_response):
    return []
"""

CRASH = "import shop_settings\n"

CONFIG = """
mounts:
  echo: {app: "app:application", path: echo}
  pot: {app: "app:teapot", path: echo, prefix: /tea/pot}
  breaking: {app: "app:breaking", path: echo}
  silent: {app: "app:silent", path: echo}
  named: {app: "app:application", path: echo, host: "*.example.com", prefix: /}
  public: {static: public}
  old: {redirect: /echo, status: 301}
"""


@pytest.fixture
def home(write_files: WriteFiles, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a configuration and its applications, as the current one."""
    top = write_files(
        {"gateway.yaml": CONFIG, "echo/app.py": ECHO, "public/index.html": "static"}
    )
    monkeypatch.chdir(top)
    monkeypatch.delenv("GATEWAY_CONFIG", raising=False)
    return top


def run(*arguments: str, code: int = 0, stdin: bytes | None = None) -> Result:
    result = CliRunner().invoke(gateway, arguments, input=stdin)
    assert result.exit_code == code, result.output
    return result


def test_help_lists_every_command() -> None:
    lines = run("--help").stdout.partition("Commands:")[2].splitlines()
    listed = [line.split()[0] for line in lines if line.startswith("  ")]
    commands = ["init", "check", "serve", "routes", "prove", "doctor", "reload"]
    commands += ["status", "health", "call", "run", "shell", "schema"]
    assert listed == [*commands, "GATEWAY_DEBUG=1"]


@pytest.mark.parametrize(
    "name",
    ["init", "check", "serve", "routes", "doctor", "health", "call", "run", "schema"],
)
def test_the_list_says_what_the_command_says(name: str) -> None:
    summary = next(
        line.split(maxsplit=1)[1]
        for line in run("--help").stdout.splitlines()
        if line.startswith(f"  {name} ")
    )
    assert summary in run(name, "--help").stdout


@pytest.mark.parametrize(
    ("name", "cure"),
    [("chek", "did you mean check?"), ("xyzzy", "it is one of init, check, serve")],
)
def test_an_unknown_command(name: str, cure: str) -> None:
    assert f"there is no command '{name}': {cure}" in run(name, code=2).stderr


def test_routes(home: Path) -> None:
    assert run("routes").stdout.splitlines() == [
        "PREFIX     HOST           MOUNT     KIND      SOURCE",
        "/echo      -              echo      app       echo app:application",
        "/tea/pot   -              pot       app       echo app:teapot",
        "/breaking  -              breaking  app       echo app:breaking",
        "/silent    -              silent    app       echo app:silent",
        "/          *.example.com  named     app       echo app:application",
        "/public    -              public    static    public",
        "/old       -              old       redirect  301 /echo",
    ]


def test_routes_as_json(home: Path) -> None:
    routes = json.loads(run("routes", "--json").stdout)
    assert [route["mount"] for route in routes] == list(
        yaml.safe_load(CONFIG)["mounts"]
    )
    assert routes[4] == {
        "prefix": "/",
        "host": "*.example.com",
        "mount": "named",
        "kind": "app",
        "source": "echo app:application",
        "policies": [],
    }


def test_routes_load_nothing(home: Path) -> None:
    (home / "echo" / "app.py").write_text("raise SystemExit('loaded')")
    assert "echo app:application" in run("routes").stdout


def test_schema_describes_the_file(home: Path) -> None:
    schema = json.loads(run("schema").stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(yaml.safe_load(CONFIG), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"mount": {}}, schema)


def test_the_option_wins_over_the_environment(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "one.yaml").write_text("mounts: {one: {static: public}}")
    (home / "two.yaml").write_text("mounts: {two: {static: public}}")
    monkeypatch.setenv("GATEWAY_CONFIG", "one.yaml")
    assert "/one" in run("routes").stdout
    assert "/two" in run("routes", "-c", "two.yaml").stdout
    monkeypatch.setenv("GATEWAY_CONFIG", "")
    assert "/echo" in run("routes").stdout


@pytest.mark.parametrize(
    "command", [["routes"], ["check"], ["serve"], ["call", "/"]], ids=lambda c: c[0]
)
def test_a_missing_file_names_the_cure(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GATEWAY_CONFIG", raising=False)
    result = run(*command, code=2)
    assert "gateway.yaml:1:1: there is no such file: 'gateway init'" in result.stderr
    assert result.stdout == ""


def test_a_configuration_with_problems(home: Path) -> None:
    (home / "gateway.yaml").write_text(
        "server: {port: many}\nmounts:\n  a: {prefx: /a, static: public}\n"
    )
    lines = run("check", code=2).stderr.splitlines()
    assert lines[0].startswith("gateway.yaml:1:16: server.port: ")
    assert lines[1].startswith("gateway.yaml:3:7: mounts.a.prefx: ")
    assert lines[1].endswith("did you mean prefix?")
    assert lines[2:] == ["2 problems"]


def test_check_that_finds_nothing_wrong(home: Path) -> None:
    lines = run("check").stdout.splitlines()
    assert lines[0].split() == ["RESULT", "PREFIX", "HOST", "MOUNT", "KIND", "SOURCE"]
    assert [line.split()[0] for line in lines[1:-1]] == ["ok"] * 7
    kinds = [line.split()[4] for line in lines[1:-1]]
    assert kinds == ["wsgi"] * 5 + ["static", "redirect"]
    assert lines[-1] == "7 mounts: everything loads."


def test_check_prints_every_failure(home: Path) -> None:
    (home / "crash").mkdir()
    (home / "crash" / "app.py").write_text("def fail():\n    1 / 0\nfail()\n")
    (home / "gateway.yaml").write_text(
        CONFIG
        + '  crashing: {app: "app:application", path: crash}\n'
        + '  absent: {app: "application:app", path: echo}\n'
    )
    result = run("check", code=1)
    lines = result.stdout.splitlines()[1:]
    assert [line.split()[0] for line in lines] == ["ok"] * 7 + ["FAILED"] * 2
    errors = result.stderr.splitlines()
    assert errors[0].startswith("error: mount 'crashing': ")
    assert "ZeroDivisionError" in errors[0]
    frames = [line for line in errors if line.strip().startswith("File ")]
    assert [frame.rpartition(", in ")[2] for frame in frames] == ["<module>", "fail"]
    assert any(line.startswith("error: mount 'absent': ") for line in errors)
    assert errors[-1] == "2 mounts could not be loaded"
    assert "gateway/cli" not in result.stderr


def test_one_failure_is_not_counted(home: Path) -> None:
    (home / "gateway.yaml").write_text("mounts: {x: {app: 'nowhere:app', path: echo}}")
    errors = run("call", "/x/", code=1).stderr.splitlines()
    assert len(errors) == 1
    assert errors[0].startswith("error: mount 'x': there is no module 'nowhere'")


def echoed(*arguments: str, stdin: bytes | None = None) -> dict[str, str]:
    lines = run("call", *arguments, stdin=stdin).stdout.splitlines()
    return dict(line.split("=", 1) for line in lines)


def test_call_is_a_get(home: Path) -> None:
    seen = echoed("/echo/a%20b/c%C3%A9?x=1&y=%20é#fragment")
    user_agent = seen.pop("HTTP_USER_AGENT")
    assert user_agent.startswith("gateway/")
    assert re.fullmatch("[0-9a-f]{32}", seen.pop("HTTP_X_REQUEST_ID"))
    assert seen == {
        "SCRIPT_NAME": "/echo",
        "PATH_INFO": "/a b/c\u00c3\u00a9",
        "QUERY_STRING": "x=1&y=%20%C3%A9",
        "REQUEST_METHOD": "GET",
        "HTTP_HOST": "localhost",
        "HTTP_ACCEPT": "*/*",
        "scheme": "http",
        "body": "b''",
    }


def test_call_routes_by_the_host_of_a_whole_url(home: Path) -> None:
    seen = echoed("https://user@shop.example.com:8443")
    assert (seen["HTTP_HOST"], seen["scheme"]) == ("shop.example.com:8443", "https")
    assert (seen["SCRIPT_NAME"], seen["PATH_INFO"]) == ("", "/")
    assert echoed("/", "-H", "Host: a.example.com")["HTTP_HOST"] == "a.example.com"


def test_call_sends_data(home: Path) -> None:
    (home / "data.bin").write_bytes(b"line\n\xff")
    seen = echoed("/echo/", "-d", "a=1", "-d", "@data.bin", "-d", "@-", stdin=b"\0in")
    assert seen["REQUEST_METHOD"] == "POST"
    assert seen["CONTENT_TYPE"] == "application/x-www-form-urlencoded"
    assert seen["body"] == repr(b"a=1&line\n\xff&\0in")


def test_call_sends_json(home: Path) -> None:
    seen = echoed("/echo/", "--json", '{"a": 1}', "-X", "PUT")
    assert seen["REQUEST_METHOD"] == "PUT"
    assert seen["CONTENT_TYPE"] == seen["HTTP_ACCEPT"] == "application/json"
    assert seen["body"] == repr(b'{"a": 1}')


def test_call_headers_replace_the_defaults(home: Path) -> None:
    seen = echoed(
        "/echo/",
        *("-H", "Accept: text/html"),
        *("-H", "Cookie: a=1", "-H", "cookie: b=2"),
        *("-H", "X-List: 1", "-H", "X-List: 2"),
        *("-H", "User-Agent:", "-H", "Content-Type: text/css"),
    )
    assert seen["HTTP_ACCEPT"] == "text/html"
    assert seen["HTTP_COOKIE"] == "a=1; b=2"
    assert seen["HTTP_X_LIST"] == "1, 2"
    assert seen["CONTENT_TYPE"] == "text/css"
    assert "HTTP_USER_AGENT" not in seen


def test_call_prints_what_it_gets(home: Path) -> None:
    assert run("call", "/tea/pot/").stdout == "short and stout"
    included = run("call", "/tea/pot/", "-i").stdout
    assert included.startswith("HTTP/1.1 418 I'm a teapot\n")
    assert included.endswith("\n\nshort and stout")
    head = run("call", "/tea/pot/", "-I").stdout
    assert head.startswith("HTTP/1.1 418 I'm a teapot\n")
    assert "stout" not in head


def test_call_fails_like_curl_if_asked_to(home: Path) -> None:
    assert run("call", "/tea/pot/", "-f", code=22).stdout == ""
    assert run("call", "/tea/pot/", "-f", code=22).stderr == (
        "error: the status is 418 I'm a teapot\n"
    )
    assert run("call", "/public/", "-f").stdout == "static"
    assert "404" in run("call", "/nowhere", "-f", code=22).stderr


def test_call_does_not_follow_redirects(home: Path) -> None:
    result = run("call", "/old/a?b=c", "-i")
    assert result.stdout.startswith("HTTP/1.1 301 ")
    assert "Location: /echo/a?b=c\n" in result.stdout


def test_call_of_an_application_that_breaks_off(home: Path) -> None:
    result = run("call", "/breaking/", code=18)
    assert result.stdout == "first part"
    assert "the application raised ValueError" in result.stderr


def test_call_of_an_application_without_a_status(home: Path) -> None:
    result = run("call", "/silent/", code=18)
    assert "gave no status" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["echo/"], "names no path"),
        (["ftp://localhost/"], "is not an HTTP URL"),
        (["http://[::1/"], "is not an HTTP URL (Invalid IPv6 URL)"),
        (["http://localhost:none/"], "is not an HTTP URL"),
        (["http:///echo/"], "names no path"),
        (["/", "-X", "GE T"], "is not a method"),
        (["/", "-X", ""], "is not a method"),
        (["/", "-H", "no colon"], "is not a header"),
        (["/", "-H", "A b: c"], "is not a header"),
        (["/", "-H", "A: b\r\nC: d"], "is not a header"),
        (["/", "-d", "@nowhere"], "'nowhere' cannot be read: No such file"),
        (["/", "-d", "@public"], "'public' cannot be read: Is a directory"),
        ([], "Missing argument 'URL'"),
        (["/", "--frob"], "--frob"),
    ],
)
def test_call_refuses_what_is_no_request(
    arguments: list[str], message: str, home: Path
) -> None:
    assert message in run("call", *arguments, code=2).stderr


def test_the_debug_variable_shows_the_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GATEWAY_DEBUG", "1")
    result = CliRunner().invoke(gateway, ["routes"])
    assert type(result.exception).__name__ == "ConfigError"
