"""Nothing of one request is seen by another: threads, greenlets, tasks."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway import App, abort, current_app, g, request, session, stream_with_context

# For each application, in each of 16 threads, greenlets and tasks. The full figure is
# 2,000; the default keeps the suite quick.
REQUESTS = int(os.environ.get("GATEWAY_ISOLATION_REQUESTS", "60"))
THREADS = 16


def build_app(name: str) -> App:
    app = App(name, static_folder=None)
    app.config.update(SECRET_KEY=name, OWNER=name, PROPAGATE_EXCEPTIONS=False)
    app.logger.disabled = True

    def check() -> None:
        assert current_app.name == name
        assert current_app.config["OWNER"] == name
        assert g.token == request.headers["X-Token"]
        assert session["token"] == request.args["token"] == g.token
        assert list(g) == ["token"]

    @app.before_request
    def start() -> None:
        assert list(g) == []
        g.token = request.headers["X-Token"]
        session["token"] = request.args["token"]

    @app.get("/text")
    def text() -> str:
        check()
        return f"{name} {g.token}"

    @app.get("/stream")
    def stream() -> Any:
        def body() -> Iterator[str]:
            for part in (name, " ", g.token):
                check()
                yield part

        return stream_with_context(body())

    @app.get("/error")
    def error() -> str:
        check()
        raise ZeroDivisionError(g.token)

    @app.errorhandler(500)
    def failed(problem: Any) -> tuple[str, int]:
        check()
        assert str(problem.original_exception) == g.token
        return f"{name} {g.token}", 500

    @app.get("/abort")
    def aborted() -> None:
        check()
        abort(403, f"{name} {g.token}")

    @app.after_request
    def mark(response: Any) -> Any:
        response.headers["X-From"] = f"{name} {g.token}"
        return response

    return app


def call(app: App, path: str, token: str, read: int = -1) -> None:
    """Serve one request, and check that the answer is its own."""
    answer: list[Any] = []
    environ = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": f"token={token}",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "HTTP_X_TOKEN": token,
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr,
    }

    def start(status: str, headers: Any, exc_info: Any = None) -> Any:
        answer.append(dict(headers))
        return len

    body = app(environ, start)
    pieces = []
    for number, piece in enumerate(body):
        if number == read:
            break
        pieces.append(piece)
    close = getattr(body, "close", None)
    if close is not None:
        close()
    expected = f"{app.name} {token}"
    assert answer[0]["X-From"] == expected
    if read < 0 and path != "/abort":
        assert b"".join(pieces).decode() == expected


def drive(apps: list[App], seed: int, requests: int, pause: Any = None) -> None:
    choose = random.Random(seed)
    for number in range(requests):
        path = choose.choice(["/text", "/text", "/stream", "/error", "/abort"])
        read = 1 if path == "/stream" and choose.random() < 0.3 else -1
        call(choose.choice(apps), path, f"{seed}-{number}", read)
        if pause is not None:
            pause()


@pytest.fixture
def apps() -> list[App]:
    return [build_app(name) for name in ("red", "green", "blue")]


def test_threads(apps: list[App]) -> None:
    errors: list[BaseException] = []
    start = threading.Barrier(THREADS)
    interval = sys.getswitchinterval()

    def work(seed: int) -> None:
        try:
            start.wait()
            drive(apps, seed, REQUESTS * len(apps))
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(THREADS)]
    sys.setswitchinterval(1e-5)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert errors == []


def test_asyncio_tasks(apps: list[App]) -> None:
    async def work(seed: int) -> None:
        choose = random.Random(seed)
        for number in range(REQUESTS * len(apps)):
            token = f"{seed}-{number}"
            app = choose.choice(apps)
            with app.test_request_context(
                f"/text?token={token}", headers={"X-Token": token}
            ):
                app.preprocess_request()
                await asyncio.sleep(0)
                assert current_app.name == app.name
                assert g.token == session["token"] == request.args["token"] == token
                # Another one: a nested request of the same application shares its g.
                other = choose.choice([one for one in apps if one is not app])
                call(other, "/text", f"inner-{token}")
                await asyncio.sleep(0)
                assert app.dispatch_request() == f"{app.name} {token}"

    async def everything() -> None:
        await asyncio.gather(*(work(seed) for seed in range(THREADS)))

    asyncio.run(everything())


def test_greenlets() -> None:
    # In a process of its own: gevent replaces parts of the standard library.
    pytest.importorskip("gevent", reason="gevent is not installed")
    script = (
        "from gevent import monkey; monkey.patch_all()\n"
        "import gevent\n"
        "from tests.framework.test_isolation import build_app, drive\n"
        "apps = [build_app(name) for name in ('red', 'green', 'blue')]\n"
        "def pause(): gevent.sleep(0)\n"
        "for app in apps: app.before_request_funcs[None].append(pause)\n"
        f"jobs = [gevent.spawn(drive, apps, n, {REQUESTS} * len(apps), pause)"
        f" for n in range({THREADS})]\n"
        "gevent.joinall(jobs, raise_error=True)\n"
        "print(sum(job.successful() for job in jobs))\n"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        cwd=root,
        timeout=600,
        check=False,
    )
    assert (done.stdout.strip(), done.returncode) == (str(THREADS), 0), done.stderr


def test_nested_calls_a_b_a() -> None:
    a, b = App("a", static_folder=None), App("b", static_folder=None)
    a.secret_key = b.secret_key = "k"

    def state() -> tuple[Any, ...]:
        return current_app.name, g.token, request.path, session["token"]

    def enter(token: str) -> None:
        assert list(g) == []
        g.token = session["token"] = token

    @a.get("/outer")
    def outer() -> str:
        enter("outer")
        before = state()
        text = b.test_client().get("/middle").text
        assert state() == before
        return text

    @b.get("/middle")
    def middle() -> str:
        enter("middle")
        before = state()
        text = a.test_client().get("/inner").text
        failing = a.test_client()
        a.config["PROPAGATE_EXCEPTIONS"] = True
        with pytest.raises(ZeroDivisionError):
            failing.get("/broken")
        assert state() == before
        return text

    @a.get("/inner")
    def inner() -> str:
        enter("inner")
        return " ".join(state())

    @a.get("/broken")
    def broken() -> str:
        raise ZeroDivisionError

    assert a.test_client().get("/outer").text == "a inner /inner inner"
