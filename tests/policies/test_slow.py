"""Slow requests: told while they run, once, with the stack of their thread."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from composing import get
from policies_site import built, serving

from gateway.policies.slow import SlowWatch, _Running

APP = """
import threading

held, go = threading.Event(), threading.Event()


def a_slow_function():
    held.set()
    go.wait(10)


def application(environ, start_response):
    kind = environ["PATH_INFO"]
    if kind == "/fails":
        raise ValueError("at once")
    start_response("200 OK", [("Content-Type", "text/plain")])
    if kind == "/slow":
        a_slow_function()
    if kind == "/stream":
        def body():
            yield b"first"
            a_slow_function()
        return body()
    if kind == "/close":
        def body():
            try:
                yield b"first"
            finally:
                a_slow_function()
        return body()
    return [b"done"]
"""
MOUNT = "a: {app: app:application, path: a, slow_after: 30ms}"
LATER = MOUNT.replace("30ms", "1h")
FILES = {"a/app.py": APP}
NAME = "gateway-slow-requests"


def thread_of_watch() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name == NAME]


def until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


class _Records(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.found.append(record)


@pytest.fixture
def records() -> Iterator[list[logging.LogRecord]]:
    handler = _Records()
    logger = logging.getLogger("gateway.slow")
    logger.addHandler(handler)
    yield handler.found
    logger.removeHandler(handler)


def loaded_app(gateway: Any) -> Any:
    return gateway.members["a"].loaded.namespace.import_module("app")


@pytest.mark.parametrize("path", ["/slow", "/stream"])
def test_a_request_that_hangs(
    tmp_path: Path, records: list[logging.LogRecord], path: str
) -> None:
    with serving(tmp_path, MOUNT, FILES) as served, ThreadPoolExecutor(1) as pool:
        app = loaded_app(served.gateway)
        asked = pool.submit(served.ask, f"/a{path}?token=secret")
        until(lambda: records)
        assert not asked.done()
        time.sleep(0.1)
        app.go.set()
        assert asked.result().status == 200
        # Once, however long it takes.
        (record,) = records
        message = record.getMessage()
        assert message.startswith(f"mount a: GET /a{path} is still running after ")
        assert "in a_slow_function" in message
        assert "go.wait(10)" in message
        assert "secret" not in message
        assert "waitress" not in message
        assert record.mount == "a"  # type: ignore[attr-defined]
        answered = dict(asked.result().headers)
        assert record.request_id in answered.values()  # type: ignore[attr-defined]
        assert served.gateway.slow_requests == {"a": 1}
    assert thread_of_watch() == []


def test_the_one_thread_is_started_by_the_first_request(tmp_path: Path) -> None:
    mounts = f"{LATER}\nb: {{app: app:application, path: b, slow_after: 1h}}"
    mounts += "\nc: {app: app:application, path: b}"
    with built(tmp_path, mounts, {**FILES, "b/app.py": APP}) as gateway:
        get(gateway, "/c/")
        assert thread_of_watch() == []
        for _ in range(3):
            get(gateway, "/a/")
            get(gateway, "/b/")
        assert len(thread_of_watch()) == 1
        assert gateway.slow_requests == {}
    assert thread_of_watch() == []


def test_what_is_done_is_forgotten(tmp_path: Path) -> None:
    with serving(tmp_path, LATER, FILES) as served:
        loaded_app(served.gateway).go.set()
        asked = [served.ask(f"/a{path}").status for path in ("/", "/fails", "/stream")]
        assert asked == [200, 500, 200]
        assert served.gateway._loader.slow._running == set()
        assert len(thread_of_watch()) == 1


def test_a_shorter_time_is_looked_at_in_time(
    tmp_path: Path, records: list[logging.LogRecord]
) -> None:
    with built(tmp_path, LATER, FILES) as gateway, ThreadPoolExecutor(1) as pool:
        app = loaded_app(gateway)
        get(gateway, "/a/")
        config = tmp_path / "gateway.yaml"
        config.write_text(config.read_text().replace("1h", "20ms"))
        assert gateway.reload().replaced == ("a",)
        app = loaded_app(gateway)
        asked = pool.submit(get, gateway, "/a/slow")
        until(lambda: records)
        app.go.set()
        asked.result()


@pytest.mark.parametrize("path", ["/stream", "/close"])
def test_other_threads_may_go_on_with_a_body(
    tmp_path: Path, records: list[logging.LogRecord], path: str
) -> None:
    from werkzeug.test import create_environ

    with built(tmp_path, MOUNT, FILES) as gateway, ThreadPoolExecutor(1) as pool:
        app = loaded_app(gateway)
        start: Any = lambda *args: lambda data: None  # noqa: E731
        body: Any = gateway(create_environ(f"/a{path}"), start)
        assert next(body) == b"first"
        rest = pool.submit(body.close if path == "/close" else lambda: list(body))
        until(lambda: records)
        app.go.set()
        rest.result()
        body.close()
        assert "in a_slow_function" in records[0].getMessage()
        assert "concurrent" not in records[0].getMessage()


def test_a_thread_of_which_nothing_is_known(records: list[logging.LogRecord]) -> None:
    watch = SlowWatch()
    environ = {"REQUEST_METHOD": "GET", "SCRIPT_NAME": "", "PATH_INFO": "/\n"}
    running = _Running("a", environ, 0.01)
    running.thread = 0
    watch.expect(0.01)
    watch.enter(running)
    until(lambda: records)
    watch.close()
    assert "GET /%0A is still running" in records[0].getMessage()
    assert "nothing is known" in records[0].getMessage()
    # Nothing is started again after the end.
    watch.enter(running)
    assert thread_of_watch() == []


def test_a_request_that_ends_while_it_is_looked_at_is_not_told(
    records: list[logging.LogRecord],
) -> None:
    watch = SlowWatch()
    environ = {"REQUEST_METHOD": "GET", "SCRIPT_NAME": "", "PATH_INFO": "/"}
    watch._tell(_Running("a", environ, 0.0), 0.0)
    assert not records
    assert watch.counts == {}
