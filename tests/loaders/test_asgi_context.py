from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from asgi_support import (
    Answer,
    bridged,
    call,
    call_bare,
    eventually,
    make_environ,
)
from fastapi import BackgroundTasks, Depends, FastAPI
from fastapi import Request as FastApiRequest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route

from gateway.context import current_app_context
from gateway.globals import current_app, g, request
from gateway.loaders.asgi import AsgiBridge
from gateway.loaders.foreign import ForeignApplication
from gateway.mount import Mount


def mounted(bridge: AsgiBridge, name: str = "api") -> Mount:
    """Mount *bridge* as the gateway does."""
    return Mount(
        name,
        f"/{name}",
        None,
        kind="asgi",
        source="test",
        application=ForeignApplication(name, {"NAME": name}),
        wsgi=bridge,
    )


def whereabouts() -> str:
    """Tell what is current, as each place of an application sees it."""
    return f"{current_app.name} {current_app.config['NAME']} {request.path} {list(g)}"


def fastapi_app() -> FastAPI:
    app = FastAPI()

    async def remember(word: str = "none") -> None:
        g.word = word

    @app.get("/async", dependencies=[Depends(remember)])
    async def in_the_loop() -> str:
        await asyncio.sleep(0)
        return whereabouts()

    @app.get("/sync", dependencies=[Depends(remember)])
    def in_the_pool() -> str:
        assert threading.current_thread().name.startswith("AnyIO")
        return whereabouts()

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        async def lines() -> AsyncIterator[str]:
            g.streams = True
            yield whereabouts() + "|"
            await asyncio.sleep(0.01)
            yield whereabouts()

        return StreamingResponse(lines(), media_type="text/plain")

    @app.get("/pool-stream")
    async def pool_stream() -> StreamingResponse:
        def lines() -> Iterator[str]:
            yield whereabouts() + "|"
            yield whereabouts()

        return StreamingResponse(lines(), media_type="text/plain")

    @app.get("/task")
    async def task() -> str:
        return await asyncio.create_task(asyncio.to_thread(whereabouts))

    return app


async def _look(request: Any, call_next: Any) -> Any:
    response = await call_next(request)
    response.headers["x-app"] = current_app.name
    return response


@pytest.mark.parametrize("behind", [False, True], ids=["", "behind"])
def test_the_mounts_context_is_current_everywhere_in_the_application(
    behind: bool,
) -> None:
    app = fastapi_app()
    if behind:
        app.add_middleware(BaseHTTPMiddleware, dispatch=_look)
    with bridged(app) as bridge:
        mount = mounted(bridge)
        answers = {
            path: call(mount.serve, path, SCRIPT_NAME="/api").text
            for path in ("/async", "/sync", "/stream", "/pool-stream", "/task")
        }

    assert answers == {
        "/async": "\"api api /async ['word']\"",
        "/sync": "\"api api /sync ['word']\"",
        "/stream": "api api /stream ['streams']|api api /stream ['streams']",
        "/pool-stream": "api api /pool-stream []|api api /pool-stream []",
        "/task": '"api api /task []"',
    }
    assert current_app_context.get(None) is None


def test_a_generator_cleans_up_in_its_own_context() -> None:
    closed: list[str] = []

    async def lines() -> AsyncIterator[str]:
        g.handle = "open"
        try:
            while True:
                yield "more" * 1000
        finally:
            closed.append(f"{current_app.name} {g.handle}")

    async def page(request: Any) -> StreamingResponse:
        return StreamingResponse(lines(), media_type="text/plain")

    with bridged(Starlette(routes=[Route("/", page)])) as bridge:
        serve: Any = mounted(bridge).serve
        response = serve(make_environ(), Answer().start_response)
        next(response)
        response.close()

    assert closed == ["api open"]


def test_a_background_task_keeps_its_context() -> None:
    seen: list[str] = []
    app = FastAPI()

    @app.get("/")
    async def index(tasks: BackgroundTasks) -> str:
        tasks.add_task(lambda: seen.append(current_app.name))
        return "done"

    with bridged(app) as bridge:
        call(mounted(bridge).serve)
        assert eventually(lambda: seen)

    assert seen == ["api"]


def test_an_error_is_the_mounts_500_and_its_teardowns() -> None:
    errors: list[BaseException | None] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            raise LookupError(g.get("word", "nothing there"))

    with bridged(app) as bridge:
        mount = mounted(bridge)
        mount.application.teardown_appcontext(errors.append)  # type: ignore[attr-defined]
        answer = call(mount.serve)

    assert answer.status == 500
    assert [type(error) for error in errors] == [LookupError]


def test_each_of_many_requests_at_once_has_its_own_context() -> None:
    app = FastAPI()

    @app.get("/async/{word}")
    async def in_the_loop(word: str, request: FastApiRequest) -> PlainTextResponse:
        assert not list(g)
        g.word = word
        await asyncio.sleep(0.0005)
        return PlainTextResponse(f"{g.word} {current_app.name}")

    @app.get("/sync/{word}")
    def in_the_pool(word: str) -> PlainTextResponse:
        assert not list(g)
        g.word = word
        return PlainTextResponse(f"{g.word} {current_app.name}")

    ended: list[str] = []
    wrong: list[str] = []

    with bridged(app) as bridge:
        mount = mounted(bridge)
        application: Any = mount.application
        application.teardown_appcontext(lambda error: ended.append(g.word))

        def work(number: int) -> None:
            kind = "sync" if number % 4 == 3 else "async"
            for count in range(200):
                word = f"{number}-{count}"
                text = call_bare(mount.serve, f"/{kind}/{word}").text
                if text != f"{word} api":
                    wrong.append(text)

        workers = [threading.Thread(target=work, args=(n,)) for n in range(8)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

    assert wrong == []
    assert sorted(ended) == sorted(f"{n}-{c}" for n in range(8) for c in range(200))


def test_an_endpoint_that_blocks_stalls_its_own_mount_only() -> None:
    entered, release = threading.Event(), threading.Event()

    async def block(request: Any) -> PlainTextResponse:
        entered.set()
        release.wait(10)
        return PlainTextResponse("released")

    async def page(request: Any) -> PlainTextResponse:
        return PlainTextResponse(current_app.name)

    def app() -> Starlette:
        middleware = [Middleware(BaseHTTPMiddleware, dispatch=_look)]
        routes = [Route("/block", block), Route("/page", page)]
        return Starlette(routes=routes, middleware=middleware)

    with bridged(app(), "one") as one, bridged(app(), "two") as two:
        first, second = mounted(one, "one"), mounted(two, "two")
        answers: list[str] = []
        blocked = threading.Thread(
            target=lambda: answers.append(call_bare(first.serve, "/block").text)
        )
        blocked.start()
        assert entered.wait(5)
        for _ in range(20):
            assert call_bare(second.serve, "/page").text == "two"
        assert not answers
        release.set()
        blocked.join(5)

    assert answers == ["released"]
