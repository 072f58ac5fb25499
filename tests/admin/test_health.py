"""``/livez`` and ``/readyz``: who is ready, who is not, and how long they may take."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from composing import configured, get, write

from gateway.admin.application import administer
from gateway.config.load import load_config
from gateway.failing import Failures
from gateway.lifecycle import Gateway

APP = """
import pathlib, time

HERE = pathlib.Path(__file__).parent

def application(environ, start_response):
    with (HERE / "asked").open("a") as file:
        file.write("x")
    while (HERE / "hang").exists():
        time.sleep(0.01)
    if (HERE / "exit").exists():
        raise SystemExit
    status = "503 No" if (HERE / "ill").exists() else "200 OK"
    if (HERE / "malformed").exists():
        status = (HERE / "malformed").read_text() or None
    start_response(status, [("Content-Type", "text/plain")])
    return [b"x"]
"""
MOUNTS = """
a: {app: app:application, path: a, probe: /healthz}
b: {app: app:application, path: b, probe: /healthz, on_load_error: degrade}
c: {app: app:application, path: c}
"""
FILES = {f"{name}/app.py": APP for name in "abc"}
LOCAL = {"REMOTE_ADDR": "127.0.0.1"}


def made(folder: Path, files: dict[str, str] | None = None) -> Gateway:
    config = configured(folder, MOUNTS, FILES | (files or {}))
    config.write_text("admin: {probe_timeout: 300ms}\n" + config.read_text())
    return Gateway(
        load_config(config), front=administer, failures=Failures(degrade=True)
    )


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    with made(tmp_path) as gateway:
        (tmp_path / "a" / "asked").unlink()
        yield gateway


def ask(gateway: Gateway, path: str, **options: Any) -> Any:
    return get(gateway, f"/_gateway{path}", environ_base=LOCAL, **options)


def ready(gateway: Gateway) -> dict[str, Any]:
    answer = ask(gateway, "/readyz")
    found: dict[str, Any] = answer.json
    assert answer.status_code == (200 if found["ready"] else 503)
    assert answer.headers["Cache-Control"] == "no-store"
    return found


def problems(found: dict[str, Any]) -> dict[str, str | None]:
    return {mount["name"]: mount["problem"] for mount in found["mounts"]}


def test_all_is_well(gateway: Gateway) -> None:
    assert ask(gateway, "/livez").text == "alive\n"
    assert ready(gateway) == {
        "ready": True,
        "state": "ready",
        "mounts": [
            {"name": "a", "ready": True, "required": True, "problem": None},
            {"name": "b", "ready": True, "required": False, "problem": None},
            {"name": "c", "ready": True, "required": True, "problem": None},
        ],
    }
    assert ask(gateway, "/readyz/a").status_code == 200
    assert ask(gateway, "/readyz/x").status_code == 404


def test_a_probe_that_fails(gateway: Gateway, tmp_path: Path) -> None:
    (tmp_path / "a" / "ill").touch()
    found = ready(gateway)
    assert found["state"] == "unready"
    told = problems(found)
    assert "/healthz answered 503" in str(told.pop("a"))
    assert told == {"b": None, "c": None}
    answer = ask(gateway, "/readyz/a")
    assert answer.status_code == 503
    assert not answer.json["ready"]
    assert ask(gateway, "/readyz/b").status_code == 200
    assert ask(gateway, "/livez").status_code == 200


def test_a_mount_that_the_others_go_on_without(
    gateway: Gateway, tmp_path: Path
) -> None:
    (tmp_path / "b" / "ill").touch()
    found = ready(gateway)
    assert (found["ready"], found["state"]) == (True, "degraded")
    assert ask(gateway, "/readyz/b").status_code == 503


def test_a_mount_that_has_not_loaded(tmp_path: Path) -> None:
    with made(tmp_path, {"b/app.py": "1 / 0"}) as gateway:
        found = ready(gateway)
    assert (found["ready"], found["state"]) == (True, "degraded")
    assert "ZeroDivisionError" in str(problems(found)["b"])


def test_a_probe_that_hangs_is_asked_once_and_not_waited_for(
    gateway: Gateway, tmp_path: Path
) -> None:
    hang, asked = tmp_path / "a" / "hang", tmp_path / "a" / "asked"
    hang.touch()
    try:
        for _ in range(3):
            found = ready(gateway)
            assert "has not answered for" in str(problems(found)["a"])
        assert asked.read_text() == "x"
        asking = [each.name for each in threading.enumerate()]
        assert asking.count("gateway-probe-a") == 1
        assert ask(gateway, "/livez").status_code == 200
    finally:
        hang.unlink()
    deadline = time.monotonic() + 10
    while not ready(gateway)["ready"]:
        assert time.monotonic() < deadline


def test_an_answer_counts_for_a_moment(gateway: Gateway, tmp_path: Path) -> None:
    asked = tmp_path / "a" / "asked"
    for _ in range(5):
        assert ready(gateway)["ready"]
    assert asked.read_text() == "x"
    # A mount that was replaced is another one.
    write(tmp_path, {"a/more.py": ""})
    gateway.reload()
    before = len(asked.read_text())
    assert ready(gateway)["ready"]
    assert len(asked.read_text()) == before + 1


def test_a_probe_that_exits(gateway: Gateway, tmp_path: Path) -> None:
    (tmp_path / "a" / "exit").touch()
    assert problems(ready(gateway))["a"]


@pytest.mark.parametrize("status", ["OK", "20", ""])
def test_a_probe_that_answers_with_no_status_is_asked_again(
    gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: str
) -> None:
    monkeypatch.setattr("gateway.admin.probes._KEPT", 0.0)
    malformed = tmp_path / "a" / "malformed"
    malformed.write_text(status)
    problem = str(problems(ready(gateway))["a"])
    assert f"/healthz answered {status or None!r}, which is no status" in problem
    malformed.unlink()
    assert problems(ready(gateway))["a"] is None


def test_a_gateway_that_stops_is_not_ready(gateway: Gateway) -> None:
    gateway.is_stopping = lambda: True
    found = ready(gateway)
    assert (found["ready"], found["state"]) == (False, "stopping")
    assert ask(gateway, "/readyz/a").status_code == 503
    assert ask(gateway, "/livez").status_code == 200


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/readyz/a", "/metrics", "/"])
@pytest.mark.parametrize(
    "environ",
    [{"REMOTE_ADDR": "192.0.2.1"}, {**LOCAL, "HTTP_X_FORWARDED_FOR": "127.0.0.1"}],
)
def test_for_others_there_is_nothing_there(
    gateway: Gateway, path: str, environ: Any
) -> None:
    answer = get(gateway, f"/_gateway{path}", environ_base=environ)
    assert answer.status_code == 404
    assert "Nothing is served at this address." in answer.text
