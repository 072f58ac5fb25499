"""What the commands that ask a gateway tell of answers that are none of theirs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

import pytest
from processes import Served, run, serving

WriteFiles: TypeAlias = Callable[[Mapping[str, str]], Path]
Ask: TypeAlias = Callable[..., tuple[int, str, str]]

# Answers what a file of the request's name says: status, media type and body.
APP = """
import json, pathlib

HERE = pathlib.Path(__file__).parent

def application(environ, start_response):
    name = environ["PATH_INFO"].strip("/").replace("/", "-")
    (HERE / f"{name}.asked").write_text(environ.get("HTTP_AUTHORIZATION", ""))
    status, body = json.loads((HERE / f"{name}.json").read_text())
    start_response(f"{status} x", [("Content-Type", "text/plain")])
    return [body.encode()]
"""
# It has no 'admin:', so an application may stand where that is asked for.
OTHER = """
mounts: {other: {prefix: /_gateway, app: "app:application", path: other}}
"""
CONFIG = """
admin: {token: s3cret}
mounts: {one: {app: "app:application", path: other}}
"""


@pytest.fixture
def home(write_files: WriteFiles) -> Path:
    return write_files(
        {"gateway.yaml": CONFIG, "other.yaml": OTHER, "other/app.py": APP}
    )


@pytest.fixture
def served(home: Path) -> Iterator[Served]:
    with serving(home, "-q", "-c", "other.yaml") as process:
        yield process


@pytest.fixture
def ask(home: Path, served: Served) -> Ask:
    port = served.url.rpartition(":")[2]

    def ask(*arguments: str) -> tuple[int, str, str]:
        name, *more = arguments
        done = run(home, name, "--port", port, *more)
        return done.returncode, done.stdout, done.stderr

    return ask


def answers(home: Path, name: str, status: int, body: object) -> None:
    text = body if isinstance(body, str) else json.dumps(body)
    (home / "other" / f"{name}.json").write_text(json.dumps([status, text]))


@pytest.mark.parametrize("body", ["<html>", "[1]", "[" * 100_000])
def test_what_is_no_gateway(home: Path, ask: Ask, body: str) -> None:
    for command, path in (
        ("health", "readyz"),
        ("status", "status"),
        ("reload", "reload"),
    ):
        answers(home, path, 200, body)
        code, printed, error = ask(command)
        assert (code, printed) == (1, "")
        assert "answers, but not as a gateway does (status 200): " in error
        assert "Traceback" not in error


@pytest.mark.parametrize("body", ["", "<!doctype html>"])
def test_a_gateway_that_has_no_state_to_tell(home: Path, ask: Ask, body: str) -> None:
    answers(home, "readyz", 503, body)
    code, _, error = ask("health")
    assert code == 1
    assert "answers 503 and tells nothing of itself" in error
    assert "Traceback" not in error
    assert ask("health", "-q")[0] == 1


def test_an_answer_of_another_version(home: Path, ask: Ask) -> None:
    answers(home, "readyz", 200, {"ready": True, "mounts": [{"name": "one"}]})
    answers(home, "status", 200, {"mounts": [], "left_threads": [{"new": 1}]})
    answers(home, "reload", 200, {"added": [], "moved": ["one"]})
    for command in ("health", "status", "reload"):
        code, printed, error = ask(command)
        assert (code, printed) == (1, "")
        assert "answers as another version of the gateway does: " in error
        assert "Traceback" not in error
    # It is shown as it came.
    assert json.loads(ask("status", "--json")[1])["left_threads"] == [{"new": 1}]


def test_an_answer_of_another_status(home: Path, ask: Ask) -> None:
    for path in ("readyz", "status", "reload"):
        answers(home, path, 500, "x" * 1000)
    for command in ("health", "status", "reload"):
        code, _, error = ask(command)
        assert (code, len(error) < 200) == (1, True)
        assert "an answer of status 500: 'xxx" in error


def test_the_token_goes_only_where_it_is_asked_for(home: Path, ask: Ask) -> None:
    for path in ("livez", "readyz", "status", "reload"):
        answers(home, path, 200, {})
    for command in (("health", "--live"), ("health",), ("status",), ("reload",)):
        ask(*command)
    asked = {
        path: (home / "other" / f"{path}.asked").read_text()
        for path in ("livez", "readyz", "status", "reload")
    }
    assert asked.pop("reload") == "Bearer s3cret"
    assert set(asked.values()) == {""}
