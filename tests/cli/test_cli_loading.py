"""What the commands show while applications load and run in them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli import loading
from gateway.cli.group import gateway

WriteFiles = Callable[[Mapping[str, str]], Path]
One = Callable[[str], None]

PRINTING = """
print("at import")
def application(environ, start_response):
    print("in a request")
    start_response("200 OK", [])
    return [b"the body"]
def close():
    print("at the end")
"""


@pytest.fixture
def one(write_files: WriteFiles, monkeypatch: pytest.MonkeyPatch) -> One:
    """Write a configuration of one mount with a module."""
    monkeypatch.delenv("GATEWAY_CONFIG", raising=False)

    def write(module: str) -> None:
        config = "mounts:\n  shop: {app: app:application, prefix: /%s}\n"
        more = ", shutdown: app:close" if "def close():" in module else ""
        files = {"gateway.yaml": config % more, "app.py": module}
        monkeypatch.chdir(write_files(files))

    return write


def run(*arguments: str, code: int = 0) -> Result:
    result = CliRunner().invoke(gateway, arguments)
    assert result.exit_code == code, result.output
    return result


def test_what_applications_print_is_not_in_the_way(one: One) -> None:
    one(PRINTING)
    called = run("call", "/")
    assert called.stdout == "the body"
    assert called.stderr == "at import\nin a request\nat the end\n"
    checked = run("check")
    assert checked.stdout.startswith("RESULT")
    assert checked.stderr == "at import\nat the end\n"
    proven = run("prove", "--requests", "2", "--json")
    assert json.loads(proven.stdout)["proven"] is True
    # Of all scenes, so that they are not counted.
    assert "in a request\n" in proven.stderr


def test_a_mount_that_takes_long_is_named(
    one: One, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "SLOW", 0.1)
    one("import time\ntime.sleep(0.5)\n" + PRINTING)
    line = "still loading mount 'shop' (0.1 s): does its module run a server, or "
    # A proof loads each mount a second time, for its reload.
    for loads, arguments in (
        (1, ["check"]),
        (1, ["call", "/"]),
        (2, ["prove", "--requests", "2"]),
    ):
        assert run(*arguments).stderr.count(line) == loads
    one(PRINTING)
    assert "still loading" not in run("check").stderr


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('["text"]', "the application's body has a str, where PEP 3333 has bytes"),
        ('[b"a", ""]', "the application's body has a str, where PEP 3333 has bytes"),
    ],
)
def test_a_body_that_is_no_bytes(one: One, body: str, message: str) -> None:
    one(
        "def application(environ, start_response):\n"
        f"    start_response('200 OK', [])\n    return {body}\n"
    )
    assert message in run("call", "/", code=18).stderr


@pytest.mark.parametrize("options", [[], ["-f"], ["-i"]])
@pytest.mark.parametrize(
    ("status", "headers", "message"),
    [
        ("OK", [], "gave the status 'OK', where PEP 3333 has"),
        ("2000 OK", [], "gave the status '2000 OK', where PEP 3333 has"),
        ("200 OK", [("Age", 1)], "gave the header ('Age', 1), where PEP 3333 has"),
        ("200 OK", [("Age",)], "gave the header ('Age',), where PEP 3333 has"),
    ],
)
def test_a_head_that_is_no_head(
    one: One, status: object, headers: object, message: str, options: list[str]
) -> None:
    one(
        "def application(environ, start_response):\n"
        f"    start_response({status!r}, {headers!r})\n    return [b'body']\n"
    )
    result = run("call", "/", *options, code=18)
    assert message in result.stderr
    assert result.stdout == ""


def test_a_body_that_fails_to_close(one: One) -> None:
    one(
        "class Body:\n"
        "    def __iter__(self): return iter([b'all of it'])\n"
        "    def close(self): raise ValueError('no')\n"
        "def application(environ, start_response):\n"
        "    start_response('200 OK', [])\n    return Body()\n"
    )
    result = run("call", "/", code=0)
    assert result.stdout == "all of it"


def test_a_url_of_undecodable_bytes(one: One) -> None:
    one(
        "def application(environ, start_response):\n"
        "    start_response('200 OK', [])\n"
        "    return [ascii(environ['PATH_INFO']).encode()]\n"
    )
    assert run("call", "/fl/\udcff%fe").stdout == r"'/fl/\xff\xfe'"


@pytest.mark.parametrize(
    ("host", "message"),
    [
        ("*", "'*' has a '*': write 0.0.0.0 for every IPv4 address"),
        ("", "it is empty: write an address such as 127.0.0.1"),
        ("http://x", "'http://x' is a URL or a path"),
    ],
)
def test_the_host_of_the_command_line_is_checked(
    one: One, host: str, message: str
) -> None:
    one(PRINTING)
    assert message in run("serve", "--host", host, code=2).stderr


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--port", "65536", "'65536' is out of range: write 0 to 65535"),
        ("--threads", "many", "'many' is not a whole number: write one such as 8"),
        ("--engine", "", "'' is not one of the choices: write waitress, granian or"),
        ("--worker-class", "sync", "write gthread or gevent"),
    ],
)
def test_the_command_line_takes_what_the_file_does(
    one: One, option: str, value: str, message: str
) -> None:
    one(PRINTING)
    assert message in run("serve", option, value, code=2).stderr


def test_the_help_of_serve_lists_the_choices() -> None:
    text = run("serve", "--help").stdout
    for shown in (
        "--host [host name or IP address]",
        "--port [0 to 65535]",
        "--threads [1 to 4096]",
        "--engine [waitress|granian|gunicorn]",
        "--workers [1 to 256]",
        "--worker-class [gthread|gevent]",
    ):
        assert shown in text


def test_check_shows_what_it_knows_of_the_mounts_that_load(
    write_files: WriteFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {
        "gateway.yaml": (
            "mounts:\n"
            "  good: {app: good:create_app}\n"
            "  bad: {app: bad:app}\n"
            "  public: {static: public}\n"
        ),
        "good.py": "import gateway\ndef create_app(): return gateway.App(__name__)\n",
        "public/index.html": "",
    }
    monkeypatch.chdir(write_files(files))
    result = run("check", code=1)
    rows = [line.split() for line in result.stdout.splitlines()]
    assert rows[1] == ["ok", "/good", "-", "good", "native", "good:create_app"]
    assert rows[2] == ["FAILED", "/bad", "-", "bad", "app", "bad:app"]
    assert rows[3] == ["ok", "/public", "-", "public", "static", "public"]
