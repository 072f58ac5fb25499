from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from asgi_support import (
    Answer,
    body,
    bridged,
    call,
    call_bare,
    eventually,
    http_only,
    make_environ,
    start,
)
from fastapi import BackgroundTasks, FastAPI
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route

from gateway.loaders.asgi import AsgiBridge
from gateway.loaders.asgi_body import RequestBody
from gateway.loaders.asgi_protocol import AsgiError


def streaming(make: Any, middleware: Any = ()) -> Starlette:
    """Make a real application that streams what *make* generates."""

    async def page(request: Any) -> StreamingResponse:
        return StreamingResponse(make(), media_type="text/plain")

    return Starlette(routes=[Route("/", page)], middleware=middleware)


def opened(bridge: AsgiBridge, **extra: Any) -> Any:
    return bridge(make_environ(**extra), Answer().start_response)


async def _pass_on(request: Any, call_next: Any) -> Any:
    return await call_next(request)


PASSING_ON = [Middleware(BaseHTTPMiddleware, dispatch=_pass_on)]
MIDDLEWARE = pytest.mark.parametrize("middleware", [(), PASSING_ON], ids=["", "behind"])


@MIDDLEWARE
def test_chunks_arrive_as_they_are_sent(middleware: Any) -> None:
    received = threading.Event()

    async def lines() -> AsyncIterator[str]:
        yield "first"
        while not received.is_set():
            await asyncio.sleep(0.01)
        yield "second"

    with bridged(streaming(lines, middleware)) as bridge:
        response = opened(bridge)
        assert next(response) == b"first"
        received.set()
        assert list(response) == [b"second"]
        response.close()


def test_an_endless_response_waits_for_its_reader() -> None:
    sent = 0

    async def endless(scope: Any, receive: Any, send: Any) -> None:
        nonlocal sent
        await send(start())
        while True:
            await send(body(bytes(1000), more=True))
            sent += 1

    def has_paused() -> bool:
        before = sent
        time.sleep(0.05)
        return sent == before

    with bridged(http_only(endless)) as bridge:
        response = opened(bridge)
        assert eventually(has_paused)
        assert sent < 100
        for _ in range(1000):
            assert len(next(response)) == 1000
        assert eventually(has_paused)
        assert 1000 <= sent < 1100
        response.close()


@pytest.mark.parametrize(
    "sizes", [[1] * 3000, [70_000, 1, 200_000] * 20, [1 << 20] * 5]
)
def test_nothing_is_lost_between_fast_and_slow(sizes: list[int]) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(start())
        for number, size in enumerate(sizes):
            await send(body(bytes([number % 256]) * size, more=True))
            if number % 100 == 7:
                await asyncio.sleep(0.001)
        await send(body(b"end"))

    with bridged(http_only(app)) as bridge:
        received = []
        for number, chunk in enumerate(opened(bridge)):
            received.append(chunk)
            if number % 130 == 5:
                time.sleep(0.001)

    assert [len(chunk) for chunk in received] == [*sizes, 3]
    assert all(chunk[0] == number % 256 for number, chunk in enumerate(received[:-1]))


class Witness:
    """Generators that tell when their ``finally`` has run, and where they paused."""

    def __init__(self) -> None:
        self.ended = threading.Event()

    async def slow(self) -> AsyncIterator[str]:
        try:
            yield "first"
            await asyncio.sleep(60)
        finally:
            self.ended.set()

    async def fast(self) -> AsyncIterator[str]:
        try:
            while True:
                yield "more" * 1000
        finally:
            self.ended.set()

    def in_a_thread(self) -> Iterator[str]:
        try:
            while True:
                yield "more" * 1000
        finally:
            self.ended.set()


@pytest.mark.parametrize(
    ("kind", "middleware"), [("slow", ()), ("slow", PASSING_ON), ("fast", ())]
)
def test_an_endpoint_cleans_up_before_its_client_is_forgotten(
    kind: str, middleware: Any
) -> None:
    witness = Witness()
    with bridged(streaming(getattr(witness, kind), middleware)) as bridge:
        response = opened(bridge)
        next(response)
        time.sleep(0.02)
        assert not witness.ended.is_set()
        began = time.monotonic()
        response.close()
        assert witness.ended.is_set()
        assert list(response) == []
        response.close()

    assert time.monotonic() - began < 1


def test_a_generator_that_a_framework_drops_in_a_cycle_is_collected() -> None:
    """Starlette's middleware and anyio leave it in the traceback of an exception."""
    witness = Witness()
    with bridged(streaming(witness.fast, PASSING_ON)) as bridge:
        response = opened(bridge)
        next(response)
        response.close()
        gc.collect()
        assert witness.ended.wait(5)


def test_a_generator_in_the_thread_pool_is_ended_too() -> None:
    witness = Witness()
    with bridged(streaming(witness.in_a_thread)) as bridge:
        response = opened(bridge)
        next(response)
        response.close()
        assert witness.ended.wait(5)


def test_one_that_waits_for_the_disconnect_is_told_not_cancelled() -> None:
    messages: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(start())
        await send(body(b"first", more=True))
        messages.append((await receive())["type"])
        with pytest.raises(OSError, match="the client of '/' has gone"):
            await send(body(b"too late", more=True))
        await asyncio.sleep(0.02)
        messages.append("clean-up")

    with bridged(http_only(app)) as bridge:
        response = opened(bridge)
        next(response)
        response.close()

    assert messages == ["http.disconnect", "clean-up"]


def test_one_that_was_told_and_goes_on_is_cancelled() -> None:
    ended: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(start())
        await send(body(b"first", more=True))
        await receive()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    with bridged(http_only(app)) as bridge:
        response = opened(bridge)
        next(response)
        response.close()

    assert ended == ["cancelled"]


def test_one_that_cannot_be_ended_holds_nobody_up(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(start())
        await send(body(b"first", more=True))
        time.sleep(3)

    with bridged(http_only(app), close_timeout=0.1) as bridge:
        response = opened(bridge)
        next(response)
        began = time.monotonic()
        response.close()
        assert time.monotonic() - began < 2

    assert "still runs 0.1 s after its client has gone" in caplog.text


def test_a_response_closed_when_it_is_complete_is_not_disturbed() -> None:
    sent, done = threading.Event(), threading.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(start())
        await send(body(b"first", more=True))
        await send(body(bytes(100_000)))
        sent.set()
        await asyncio.sleep(0.02)
        done.set()

    with bridged(http_only(app)) as bridge:
        response = opened(bridge)
        assert sent.wait(5)
        response.close()
        assert done.wait(5)


@pytest.mark.parametrize("streams", [False, True], ids=["silent", "streaming"])
def test_a_server_that_can_tell_is_asked_for_the_client(
    streams: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.loaders.asgi_response._POLL", 0.05)
    ended = threading.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        try:
            if streams:
                await send(start())
                await send(body(b"first", more=True))
            await asyncio.sleep(60)
        finally:
            ended.set()

    gone = threading.Event()
    threading.Timer(0.1, gone.set).start()
    with bridged(http_only(app)) as bridge:
        extra: dict[str, Any] = {"waitress.client_disconnected": gone.is_set}
        answer = call_bare(bridge, **extra)
        assert ended.is_set()

    assert answer.status == (200 if streams else 499)
    assert answer.body == (b"first" if streams else b"")


# Background tasks


def test_a_background_task_holds_no_thread() -> None:
    release, done = threading.Event(), threading.Event()

    async def work() -> None:
        while not release.is_set():
            await asyncio.sleep(0.01)
        done.set()

    async def page(request: Any) -> PlainTextResponse:
        return PlainTextResponse("at once", background=BackgroundTask(work))

    async def stream(request: Any) -> StreamingResponse:
        return StreamingResponse(iter(["at once"]), background=BackgroundTask(work))

    routes = [Route("/page", page), Route("/stream", stream)]
    with bridged(Starlette(routes=routes)) as bridge:
        for path in ("/page", "/stream"):
            release.clear()
            done.clear()
            assert call_bare(bridge, path).text == "at once"
            assert not done.is_set()
            release.set()
            assert done.wait(5)


def test_the_shutdown_waits_for_background_tasks() -> None:
    done: list[str] = []
    app = FastAPI()

    @app.get("/")
    async def index(tasks: BackgroundTasks) -> str:
        async def work() -> None:
            await asyncio.sleep(0.2)
            done.append("async")

        def work_in_a_thread() -> None:
            time.sleep(0.1)
            done.append("sync")

        tasks.add_task(work)
        tasks.add_task(work_in_a_thread)
        return "at once"

    bridge = AsgiBridge(app, name="api")
    assert call(bridge).text == '"at once"'
    bridge.shutdown(5)

    assert done == ["async", "sync"]


def test_the_shutdown_cancels_what_runs_too_long(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ended: list[str] = []

    async def work(name: str) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(name)

    async def page(request: Any) -> PlainTextResponse:
        request.app.state.own = asyncio.create_task(work("its own task"))
        task = BackgroundTask(work, "background task")
        return PlainTextResponse("x", background=task)

    bridge = AsgiBridge(Starlette(routes=[Route("/", page)]), name="api")
    call(bridge)
    began = time.monotonic()
    bridge.shutdown(0.4)

    assert time.monotonic() - began < 2
    assert sorted(ended) == ["background task", "its own task"]
    assert "mount api: cancelling 1 late tasks" in caplog.text


def test_a_request_that_waits_is_answered_for_at_the_shutdown() -> None:
    entered = threading.Event()
    errors: list[BaseException] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        entered.set()
        await asyncio.sleep(60)

    bridge = AsgiBridge(http_only(app), name="api")
    bridge.startup()

    def request() -> None:
        try:
            call(bridge)
        except AsgiError as error:
            errors.append(error)

    thread = threading.Thread(target=request)
    thread.start()
    assert entered.wait(5)
    runner = bridge._runner
    bridge.shutdown(0.2)
    thread.join(5)

    assert not thread.is_alive()
    assert "CancelledError" in str(errors[0])
    assert runner is not None
    with pytest.raises(AsgiError, match="takes no more requests"):
        runner.submit(bridge.app, {"method": "GET"}, RequestBody(make_environ()))


def test_a_blocked_loop_is_left_behind(caplog: pytest.LogCaptureFixture) -> None:
    entered, release = threading.Event(), threading.Event()
    errors: list[BaseException] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        entered.set()
        release.wait(10)

    bridge = AsgiBridge(http_only(app), name="api")
    bridge.startup()

    def request() -> None:
        try:
            call(bridge)
        except AsgiError as error:
            errors.append(error)

    thread = threading.Thread(target=request)
    thread.start()
    assert entered.wait(5)
    bridge.shutdown(0.1)
    thread.join(5)
    try:
        assert not thread.is_alive()
        assert "was shut down before it had answered" in str(errors[0])
        assert "its event loop is blocked" in caplog.text
    finally:
        release.set()
