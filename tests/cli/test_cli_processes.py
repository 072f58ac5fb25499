"""The command line as a process of its own: signals, pipes, terminals, exit codes."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from processes import (
    PYTHONPATH,
    command,
    environment,
    get,
    run,
    serving,
    until_exists,
)

WriteFiles = Callable[[Mapping[str, str]], Path]

APP = """
import pathlib, time
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    if environ["PATH_INFO"] == "/slow":
        pathlib.Path("begun").touch()
        time.sleep(0.5)
    return [b"hello from " + environ["SCRIPT_NAME"].encode()]
def close():
    pathlib.Path("closed").write_text("closed in good order")
"""
CONFIG = """
mounts:
  shop: {app: "app:application", path: app, shutdown: "app:close"}
  "far-east": {app: "app:application", path: app, prefix: /日本}
"""


@pytest.fixture
def home(write_files: WriteFiles) -> Path:
    """A folder with a configuration and its application."""
    return write_files({"gateway.yaml": CONFIG, "app/app.py": APP})


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_until_a_signal(home: Path, number: signal.Signals) -> None:
    with serving(home, "--threads", "2") as served:
        process, table = served.process, served.table
        assert table[0].split() == ["PREFIX", "HOST", "MOUNT", "KIND", "LOAD", "SOURCE"]
        prefix, host, mount, kind, load, *source = table[1].split()
        assert (prefix, host, mount, kind) == ("/shop", "-", "shop", "wsgi")
        assert re.fullmatch(r"[\d.]+ms", load)
        assert source == ["app", "app:application"]
        assert get(f"{served.url}/shop/x") == "hello from /shop"
        process.send_signal(number)
        errors = process.communicate(timeout=10)[1]
    assert process.returncode == 0
    assert (home / "closed").read_text() == "closed in good order"
    (line,) = errors.splitlines()
    assert re.search(r' INFO 127\.0\.0\.1 "GET /shop/x HTTP/1\.1" 200 16 shop ', line)


def test_a_request_in_flight_is_finished(home: Path) -> None:
    with serving(home, "--quiet") as served:
        process = served.process
        curl = subprocess.Popen(
            ["curl", "-s", "--max-time", "10", f"{served.url}/shop/slow"],
            stdout=subprocess.PIPE,
            text=True,
        )
        until_exists(home / "begun")
        process.terminate()
        assert curl.communicate(timeout=10)[0] == "hello from /shop"
        assert process.communicate(timeout=10)[1] == ""
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)]
)
def test_a_signal_while_the_mounts_load(
    home: Path, number: signal.Signals, code: int
) -> None:
    (home / "app" / "app.py").write_text(
        APP + "print('loading', flush=True)\ntime.sleep(20)\n"
    )
    process = subprocess.Popen(
        command("serve", "--port", "0"),
        cwd=home,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "loading\n"
        process.send_signal(number)
        output = process.communicate(timeout=10)
    finally:
        process.kill()
        process.communicate()
    assert output == ("", "")
    assert process.returncode == code


def test_an_address_that_is_taken_is_told_before_anything_is_loaded(
    home: Path,
) -> None:
    with serving(home, "-q") as served:
        port = served.url.rpartition(":")[2]
        result = run(home, "serve", "--port", port)
    assert result.returncode == 1
    assert "cannot listen on 127.0.0.1:" in result.stderr
    assert "Traceback" not in result.stderr
    assert not (home / "closed").exists()  # nothing was loaded for it


def test_exit_codes(home: Path) -> None:
    assert run(home, "check").returncode == 0
    assert run(home, "routes", "--frob").returncode == 2
    assert run(home, "routes", GATEWAY_CONFIG="nowhere.yaml").returncode == 2
    (home / "app" / "app.py").write_text("def broken(:")
    result = run(home, "check")
    assert result.returncode == 1
    assert "SyntaxError" in result.stderr
    assert "Traceback (most recent call last):\n" not in result.stdout


def test_call_reads_standard_input_and_prints_bytes(home: Path) -> None:
    (home / "app" / "app.py").write_text(
        "def application(environ, start_response):\n"
        "    start_response('200 OK', [])\n"
        "    size = int(environ['CONTENT_LENGTH'])\n"
        "    return [environ['wsgi.input'].read(size)[::-1], b'\\xff']\n"
        "def close(): pass\n"
    )
    result = subprocess.run(
        command("call", "/shop/", "-d", "@-"),
        cwd=home,
        env=environment(),
        input=b"\0\1\2",
        capture_output=True,
        timeout=20,
        check=False,
    )
    assert (result.stdout, result.stderr) == (b"\2\1\0\xff", b"")


@pytest.mark.parametrize(
    "arguments", [["routes"], ["check"], ["schema"], ["call", "/shop/"], ["--help"]]
)
def test_a_reader_that_goes_away(home: Path, arguments: list[str]) -> None:
    assert run(home, *arguments, shell="| true").stderr == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("arguments", [["routes"], ["call", "/shop/"], ["--version"]])
def test_a_full_disk(home: Path, arguments: list[str]) -> None:
    result = run(home, *arguments, shell=">/dev/full")
    assert result.returncode == 1
    assert result.stderr.startswith("error: ")
    assert "No space left on device" in result.stderr
    assert "Traceback" not in result.stderr


def test_closed_streams(home: Path) -> None:
    assert run(home, "routes", shell=">&- 2>&- <&-").returncode == 0
    assert run(home, "call", "/shop/", shell=">&- 2>&- <&-").returncode == 0
    assert run(home, "call", "/shop/", "-d", "@-", shell="<&-").returncode == 0


def test_a_folder_that_is_gone(home: Path) -> None:
    (home / "gone").mkdir()
    script = 'cd gone && rmdir ../gone && "$@"'
    for arguments in (["init"], ["routes"], ["call", "/"]):
        (home / "gone").mkdir(exist_ok=True)
        result = subprocess.run(
            ["bash", "-c", script, "bash", *command(*arguments)],
            cwd=home,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        assert result.returncode in (1, 2)
        assert result.stderr != ""
        assert "Traceback" not in result.stderr


def test_an_encoding_that_lacks_a_character(home: Path) -> None:
    result = run(home, "routes", PYTHONIOENCODING="latin-1")
    assert result.returncode == 0
    assert r"/\u65e5\u672c" in result.stdout


def test_version_imports_little(home: Path) -> None:
    imported = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "gateway", "--version"],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert re.fullmatch(r"gateway \d+\.\d+\.\d+\S*\n", imported.stdout)
    modules = {line.rpartition("|")[2].strip() for line in imported.stderr.splitlines()}
    assert "click" in modules
    assert not modules & {"werkzeug", "yaml", "importlib.metadata", "gateway.config"}


def on_terminal(home: Path, *arguments: str, **environ: str) -> str:
    """What a command prints when standard output is a terminal."""
    main, inner = pty.openpty()
    try:
        process = subprocess.Popen(
            command(*arguments),
            cwd=home,
            env=environment(TERM="xterm-256color", COLUMNS="100", **environ),
            stdout=inner,
            stderr=inner,
        )
        os.close(inner)
        output = b""
        while select.select([main], [], [], 20)[0]:
            try:
                part = os.read(main, 4096)
            except OSError:
                break
            if not part:
                break
            output += part
        assert process.wait(timeout=20) == 0
    finally:
        os.close(main)
    return output.decode().replace("\r\n", "\n")


def test_a_terminal_gets_a_drawn_table(home: Path) -> None:
    pytest.importorskip("rich")
    drawn = on_terminal(home, "routes")
    assert "Prefix" in drawn
    assert "\N{BOX DRAWINGS LIGHT HORIZONTAL}" in drawn
    assert "\x1b[" in drawn


def test_no_color_means_no_codes(home: Path) -> None:
    assert "\x1b" not in on_terminal(home, "check", NO_COLOR="1")


def test_a_terminal_without_rich_gets_the_plain_table(home: Path) -> None:
    (home / "rich.py").write_text("raise ImportError('not installed')")
    drawn = on_terminal(home, "routes", PYTHONPATH=f"{home}:{PYTHONPATH}")
    assert drawn == run(home, "routes").stdout
