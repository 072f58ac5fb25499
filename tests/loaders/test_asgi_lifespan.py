from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest
from asgi_support import body, bridged, call, eventually, start
from fastapi import FastAPI, Request
from starlette.applications import Starlette

import gateway
from gateway.context import AppContext
from gateway.errors import AppCrashedError, LoadError
from gateway.globals import current_app
from gateway.loaders.asgi import AsgiBridge
from gateway.loaders.asgi_protocol import AsgiError
from gateway.loaders.foreign import ForeignApplication


def lifespan_app(lifespan: Any) -> Any:
    """Answer requests with OK, and leave the lifespan to *lifespan*."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await lifespan(scope, receive, send)
        else:
            await send(start())
            await send(body(b"OK"))

    return app


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate()]


def test_one_task_runs_the_lifespan_from_start_to_end() -> None:
    steps: list[Any] = []
    variable: ContextVar[str] = ContextVar("variable")

    async def lifespan(scope: Any, receive: Any, send: Any) -> None:
        assert scope["asgi"] == {"version": "3.0", "spec_version": "2.0"}
        steps.append((await receive())["type"])
        task = asyncio.current_task()
        variable.set("set at start-up")
        await send({"type": "lifespan.startup.complete"})
        steps.append((await receive())["type"])
        assert asyncio.current_task() is task
        steps.append(variable.get())
        await send({"type": "lifespan.shutdown.complete"})
        steps.append("last step")

    bridge = AsgiBridge(lifespan_app(lifespan), name="api")
    assert steps == []
    bridge.startup()
    bridge.startup()
    assert steps == ["lifespan.startup"]
    assert "gateway-asgi-api" in threads()
    assert call(bridge).text == "OK"
    bridge.shutdown(5)
    bridge.shutdown(5)

    expected = ["lifespan.startup", "lifespan.shutdown", "set at start-up", "last step"]
    assert steps == expected
    assert "gateway-asgi-api" not in threads()
    with pytest.raises(AsgiError, match="has been shut down"):
        call(bridge)


def test_the_lifespan_sees_the_context_of_the_mount_that_loads() -> None:
    seen: list[str] = []

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        seen.append(current_app.name)
        yield
        seen.append(current_app.name)

    bridge = AsgiBridge(Starlette(lifespan=lifespan), name="api")
    with AppContext(ForeignApplication("mine", {})):
        bridge.startup()
    bridge.shutdown(5)

    assert seen == ["mine", "mine"]


def test_requests_have_copies_of_the_lifespans_state() -> None:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        yield {"pool": ["shared"], "count": 0}

    app = FastAPI(lifespan=lifespan)

    @app.get("/")
    async def index(request: Request) -> list[Any]:
        request.state.count += 1
        request.state.pool.append("used")
        return [request.state.count, len(request.state.pool)]

    with bridged(app) as bridge:
        answers = [call(bridge).text for _ in range(3)]

    assert answers == ["[1,2]", "[1,3]", "[1,4]"]


def test_the_first_request_starts_what_nobody_has_started() -> None:
    bridge = AsgiBridge(lifespan_app(complete), name="api")

    assert call(bridge).text == "OK"
    bridge.shutdown(5)


async def complete(scope: Any, receive: Any, send: Any) -> None:
    """The sample of the specification, which waits for more after the shutdown."""
    while True:
        message = await receive()
        await send({"type": message["type"] + ".complete"})


def test_an_application_may_wait_on_after_its_shutdown() -> None:
    bridge = AsgiBridge(lifespan_app(complete), name="api")
    bridge.startup()
    began = time.monotonic()
    bridge.shutdown(10)

    assert time.monotonic() - began < 8


async def refuse(scope: Any, receive: Any, send: Any) -> None:
    raise ValueError("only http here")


async def return_at_once(scope: Any, receive: Any, send: Any) -> None:
    return


async def return_after_startup(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})


@pytest.mark.parametrize("lifespan", [refuse, return_at_once, return_after_startup])
def test_an_application_need_not_take_part(lifespan: Any) -> None:
    with bridged(lifespan_app(lifespan)) as bridge:
        assert call(bridge).text == "OK"


def test_not_taking_part_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO), bridged(lifespan_app(refuse)):
        pass

    assert "mount api" in caplog.text
    assert "ValueError: only http here" in caplog.text


def test_a_start_up_that_raises_tells_where() -> None:
    @asynccontextmanager
    async def connect_to_nothing(app: Any) -> AsyncIterator[None]:
        raise ConnectionError("no database at db:5432")
        yield

    bridge = AsgiBridge(Starlette(lifespan=connect_to_nothing), name="api")
    with pytest.raises(AppCrashedError) as caught:
        bridge.startup()

    assert caught.value.mount == "api"
    assert str(caught.value) == (
        "mount 'api': its lifespan start-up failed: "
        "ConnectionError: no database at db:5432"
    )
    assert "in connect_to_nothing" in caught.value.frames
    assert "/asgi_lifespan.py" not in caught.value.frames
    assert isinstance(caught.value.__cause__, ConnectionError)


@pytest.mark.parametrize(
    ("text", "told"), [("no database", "no database"), ("", "gave no reason")]
)
def test_a_start_up_that_says_it_failed(text: str, told: str) -> None:
    async def lifespan(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": text})

    with pytest.raises(AppCrashedError, match=told):
        AsgiBridge(lifespan_app(lifespan), name="api").startup()


@pytest.mark.parametrize("error", [SystemExit("no database"), KeyboardInterrupt()])
def test_a_start_up_that_wants_to_exit_is_a_failure(error: BaseException) -> None:
    async def lifespan(scope: Any, receive: Any, send: Any) -> None:
        raise error

    with pytest.raises(AppCrashedError, match=type(error).__name__) as caught:
        AsgiBridge(lifespan_app(lifespan), name="api").startup()

    assert caught.value.__cause__ is error


def test_a_start_up_that_hangs_has_a_limit() -> None:
    ended: list[bool] = []

    async def lifespan(scope: Any, receive: Any, send: Any) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(True)

    with pytest.raises(LoadError, match=r"has not finished within 0\.1 s"):
        AsgiBridge(lifespan_app(lifespan), name="api").startup(timeout=0.1)

    assert ended == [True]


def test_a_shutdown_that_fails_is_told_after_all_is_ended() -> None:
    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        yield
        raise OSError("the disk is full")

    bridge = AsgiBridge(Starlette(lifespan=lifespan), name="api")
    bridge.startup()
    with pytest.raises(AsgiError, match="OSError: the disk is full") as caught:
        bridge.shutdown(5)

    assert isinstance(caught.value.__cause__, OSError)
    assert "gateway-asgi-api" not in threads()


def test_a_shutdown_that_hangs_has_a_limit() -> None:
    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        yield
        await asyncio.sleep(60)

    bridge = AsgiBridge(Starlette(lifespan=lifespan), name="api")
    bridge.startup()
    began = time.monotonic()
    with pytest.raises(AsgiError, match="has not finished within"):
        bridge.shutdown(0.3)

    assert time.monotonic() - began < 20
    assert "gateway-asgi-api" not in threads()


def test_a_lifespan_that_dies_unasked_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def lifespan(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.startup.complete"})

    with bridged(lifespan_app(lifespan)) as bridge:
        assert eventually(lambda: "lifespan ended early" in caplog.text)
        assert call(bridge).text == "OK"

    assert "'lifespan.startup.complete', which is not" in caplog.text


FORKING = """
    import os, sys
    from gateway.loaders.asgi import AsgiBridge
    from asgi_support import call_bare

    started = []

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            started.append(os.getpid())
            await send({"type": "lifespan.startup.complete"})
            await receive()
            print("ended in", "child" if len(started) == 2 else "parent", flush=True)
            await send({"type": "lifespan.shutdown.complete"})
        else:
            text = b"mine" if started[-1] == os.getpid() else b"not mine"
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": text})

    bridge = AsgiBridge(app, name="api")
    bridge.startup()
    child = os.fork()
    if not child:
        print("child:", call_bare(bridge).text, flush=True)
        bridge.shutdown(5)
        sys.exit(0)
    assert os.waitpid(child, 0)[1] == 0
    idle = os.fork()
    if not idle:
        bridge.shutdown(5)  # it has nothing of its own to shut down
        sys.exit(0)
    assert os.waitpid(idle, 0)[1] == 0
    print("parent:", call_bare(bridge).text, flush=True)
    bridge.shutdown(5)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_after_a_fork_the_child_starts_the_application_anew() -> None:
    root = Path(gateway.__path__[0]).parent
    path = os.pathsep.join([str(root), str(Path(__file__).parent)])
    # A fork with threads is what gunicorn's preloading does; Python 3.12 warns of it.
    run = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c",
         textwrap.dedent(FORKING)],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=20,
    )  # fmt: skip

    assert run.stderr == ""
    assert run.stdout.splitlines() == [
        "child: mine",
        "ended in child",
        "parent: mine",
        "ended in parent",
    ]
