from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
import traceback
from http import HTTPStatus
from io import BytesIO
from typing import Any
from wsgiref.validate import validator

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
from fastapi import FastAPI, Request, WebSocket
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from gateway.loaders.asgi_protocol import AsgiError

CALLS = [pytest.param(call, id="validated"), pytest.param(call_bare, id="bare")]


def sending(*messages: Any) -> Any:
    """Make an application that sends *messages* and returns."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for message in messages:
            await send(message)

    return http_only(app)


# Responses


@pytest.mark.parametrize("caller", CALLS)
def test_a_whole_response_is_a_list(caller: Any) -> None:
    with bridged(sending(start(), body(b"hello"))) as bridge:
        answer = caller(bridge)
        bare = call_bare(bridge)

    assert (answer.status, answer.reason, answer.body) == (200, "OK", b"hello")
    assert answer.headers == [("content-type", "text/plain")]
    assert (bare.is_list, bare.chunks) == (True, [b"hello"])


def test_an_end_that_comes_apart_from_a_short_body_changes_nothing() -> None:
    def app(*, pause: bool) -> Any:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            await send(start())
            await send(body(b"", more=True))
            await send(body(b"hello", more=True))
            if pause:
                await asyncio.sleep(0.05)
            await send(body())

        return http_only(app)

    for pause in (False, True):
        with bridged(app(pause=pause)) as bridge:
            assert call(bridge).chunks == [b"hello"]
            assert call_bare(bridge).chunks == [b"hello"]


def test_what_is_there_when_the_server_is_ready_is_a_list() -> None:
    """Behind a framework's middleware the end of a short response comes apart."""

    class SlowServer(Answer):
        def start_response(self, *args: Any) -> Any:
            time.sleep(0.05)
            return super().start_response(*args)

    with bridged(sending(start(), body(b"hello", more=True), body())) as bridge:
        answer = SlowServer()
        assert bridge(make_environ(), answer.start_response) == [b"hello"]

    assert answer.status == 200


def test_status_and_headers_reach_the_server_as_they_are() -> None:
    headers = [
        (b"content-type", b"text/plain"),
        (b"set-cookie", b"a=1"),
        (b"Set-Cookie", b"b=caf\xe9"),
    ]
    with bridged(sending(start(299, *headers), body())) as bridge:
        answer = call(bridge)
    with bridged(sending(start(HTTPStatus.NOT_FOUND, *headers), body())) as bridge:
        missing = call(bridge)

    assert (answer.status, answer.reason) == (299, "Unknown")
    assert answer.headers == [(n.decode(), v.decode("latin-1")) for n, v in headers]
    assert (missing.status, missing.reason) == (404, "Not Found")


def test_headers_of_the_connection_are_the_servers_affair() -> None:
    headers = (
        (b"content-type", b"text/event-stream"),
        (b"Connection", b"keep-alive"),
        (b"transfer-encoding", b"chunked"),
    )
    with bridged(sending(start(200, *headers), body(b"x"))) as bridge:
        assert call(bridge).headers == [("content-type", "text/event-stream")]


@pytest.mark.parametrize("chunk", [bytearray(b"hello"), memoryview(b"hello")])
def test_a_body_of_other_bytes_becomes_bytes(chunk: Any) -> None:
    with bridged(sending(start(), body(chunk))) as bridge:
        chunks = call(bridge).chunks

    assert chunks == [b"hello"]
    assert type(chunks[0]) is bytes


@pytest.mark.parametrize("given", [(), ((b"content-length", b"5"),)])
def test_head_has_the_length_but_no_body(given: Any) -> None:
    headers = ((b"content-type", b"text/plain"), *given)
    with bridged(sending(start(200, *headers), body(b"hello"))) as bridge:
        answer = call(bridge, method="HEAD")

    assert answer.body == b""
    assert answer.header("content-length") == "5"
    assert len(answer.headers) == 2


@pytest.mark.parametrize("status", [204, 304])
def test_a_status_without_body_has_none(status: int) -> None:
    with bridged(sending(start(status, (b"etag", b'"1"')), body(b"oops"))) as bridge:
        answer = call(bridge)

    assert (answer.status, answer.body) == (status, b"")
    assert answer.headers == [("etag", '"1"')]


def test_head_of_an_endless_stream_ends_it() -> None:
    ended = threading.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        try:
            await send(start())
            while True:
                await send(body(b"more", more=True))
        except OSError:
            assert (await receive())["type"] == "http.disconnect"
            ended.set()
            raise

    with bridged(http_only(app)) as bridge:
        answer = call(bridge, method="HEAD")
        assert ended.wait(5)

    assert (answer.status, answer.body) == (200, b"")


# Errors


@pytest.mark.parametrize(
    ("messages", "told"),
    [
        ([], "returned before it had sent a complete response"),
        ([start()], "returned before it had sent a complete response"),
        ([start(), start()], "'http.response.start' for the second time"),
        ([body(b"x")], "a body before 'http.response.start'"),
        ([{"type": "http.response.begin"}], "'http.response.begin', which is neither"),
        ([start(), {"type": "http.response.pathsend"}], "offers no extensions"),
        ([{}], "sent None"),
        ([start() | {"trailers": True}], "trailers"),
        ([start(101)], "status 101"),
        ([{"type": "http.response.start"}], "status None"),
        ([start(200, ("content-type", "text/plain"))], "not pairs of bytes"),  # type: ignore[arg-type]
        ([start() | {"headers": [1]}], "not pairs of bytes"),
        ([start(), body("text")], "a body of str; it must be bytes"),  # type: ignore[arg-type]
    ],
)
def test_what_breaks_the_protocol_is_told(messages: Any, told: str) -> None:
    with (
        bridged(sending(*messages)) as bridge,
        pytest.raises(AsgiError, match=told) as caught,
    ):
        call(bridge)

    assert "mount 'api'" in str(caught.value)


def test_an_exception_reaches_the_caller_with_its_traceback() -> None:
    error = LookupError("nothing there")

    async def look_up(scope: Any, receive: Any, send: Any) -> None:
        raise error

    with bridged(http_only(look_up)) as bridge, pytest.raises(LookupError) as caught:
        call(bridge)

    assert caught.value is error
    names = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert names[0].startswith("test_an_exception")
    assert names[-1] == "look_up"


def test_an_exception_after_the_start_ends_the_body() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(start())
        await send(body(b"first", more=True))
        raise LookupError("half way")

    answer = Answer()
    with bridged(http_only(app)) as bridge:
        response = iter(validator(bridge)(make_environ(), answer.start_response))
        assert next(response) == b"first"
        with pytest.raises(LookupError, match="half way"):
            next(response)
        response.close()  # type: ignore[attr-defined]

    assert answer.status == 200


def test_a_body_without_end_is_an_error() -> None:
    with bridged(sending(start(), body(b"first", more=True))) as bridge:
        response = iter(bridge(make_environ(), Answer().start_response))
        assert next(response) == b"first"
        with pytest.raises(AsgiError, match="a complete response"):
            next(response)
        assert list(response) == []


@pytest.mark.parametrize(
    "error",
    [
        SystemExit(3),
        KeyboardInterrupt(),
        asyncio.CancelledError(),
        GeneratorExit(),
        BaseExceptionGroup("several", [SystemExit(3)]),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_would_end_a_thread_ends_one_request(error: BaseException) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/bad":
            raise error
        await send(start())
        await send(body(b"fine"))

    with bridged(http_only(app)) as bridge:
        with pytest.raises(AsgiError, match=f"ended with {type(error).__name__}") as it:
            call(bridge, "/bad")
        assert call(bridge).body == b"fine"

    assert it.value.__cause__ is error


def test_a_task_left_behind_cannot_end_the_loop(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def exit_later() -> None:
        raise SystemExit(3)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scope["state"]["task"] = asyncio.create_task(exit_later())
        await send(start())
        await send(body(b"fine"))

    with bridged(http_only(app)) as bridge:
        for _ in range(2):
            assert call(bridge).body == b"fine"
        assert eventually(lambda: "a task tried to end it" in caplog.text)
        assert call(bridge).body == b"fine"
    # asyncio tells of the task's exception when the task is collected.
    caplog.clear()


def test_an_error_after_the_response_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Starlette answers 500 by itself, and then raises."""

    async def page(request: Any) -> None:
        raise LookupError("nothing there")

    with bridged(Starlette(routes=[Route("/page", page)])) as bridge:
        answer = call(bridge, "/page")
        assert eventually(lambda: "nothing there" in caplog.text)

    assert (answer.status, answer.body) == (500, b"Internal Server Error")
    assert "mount api: /page failed after its response was complete" in caplog.text


def test_a_body_after_the_end_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with bridged(sending(start(), body(b"one"), body(b"two"))) as bridge:
        assert call(bridge).chunks == [b"one"]
        assert eventually(lambda: "a body after the response" in caplog.text)


def test_a_server_that_refuses_the_headers_ends_the_request() -> None:
    ended = threading.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(start())
        await send(body(b"first", more=True))
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    def refuse(*args: Any) -> Any:
        raise ValueError("line feed in a header")

    with bridged(http_only(app)) as bridge:
        with pytest.raises(ValueError, match="line feed"):
            bridge(make_environ(), refuse)
        assert ended.is_set()


# Request bodies


async def _echo(scope: Any, receive: Any, send: Any) -> None:
    sizes, received, more = [], b"", True
    while more:
        message = await receive()
        sizes.append(len(message["body"]))
        received += message["body"]
        more = message["more_body"]
    await send(
        start(200, (b"content-type", b"x/y"), (b"x-largest", b"%d" % max(sizes)))
    )
    await send(body(received))


echo = http_only(_echo)


@pytest.mark.parametrize("caller", CALLS)
@pytest.mark.parametrize("size", [0, 1, 65_536, 300_000])
def test_a_request_body_comes_in_parts(caller: Any, size: int) -> None:
    sent = bytes(range(256)) * (size // 256 + 1)
    with bridged(echo) as bridge:
        answer = caller(bridge, method="POST", body=sent[:size])

    assert answer.body == sent[:size]
    assert answer.header("x-largest") == str(min(size, 65_536))


@pytest.mark.parametrize("caller", CALLS)
def test_no_more_is_read_than_was_announced(caller: Any) -> None:
    stream = BytesIO(b"mine, and the next request")
    extra: dict[str, Any] = {"CONTENT_LENGTH": "4", "wsgi.input": stream}
    with bridged(echo) as bridge:
        assert caller(bridge, method="POST", **extra).body == b"mine"
    assert stream.tell() == 4


@pytest.mark.parametrize("caller", CALLS)
@pytest.mark.parametrize(("ended", "received"), [(True, b"all of it"), (False, b"")])
def test_without_a_length_the_server_must_end_the_stream(
    caller: Any, ended: bool, received: bytes
) -> None:
    extra: dict[str, Any] = {
        "wsgi.input": BytesIO(b"all of it"),
        "wsgi.input_terminated": ended,
    }
    with bridged(echo) as bridge:
        assert caller(bridge, method="POST", **extra).body == received


class UnreadableInput(BytesIO):
    """What is left of a body when the server cannot or must not read on."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def read(self, size: int | None = -1) -> bytes:
        raise self.error


def test_a_body_that_nobody_asks_for_is_not_read() -> None:
    extra: dict[str, Any] = {
        "wsgi.input": UnreadableInput(AssertionError("read")),
        "CONTENT_LENGTH": "9",
    }
    with bridged(sending(start(), body(b"no thanks"))) as bridge:
        assert call_bare(bridge, method="POST", **extra).body == b"no thanks"


@pytest.mark.parametrize("stream", [UnreadableInput(OSError("reset")), BytesIO(b"par")])
@pytest.mark.parametrize("caller", CALLS)
def test_a_client_that_vanishes_while_it_sends(caller: Any, stream: Any) -> None:
    messages: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while True:
            message = await receive()
            messages.append(message["type"])
            if message["type"] == "http.disconnect":
                break
        await asyncio.sleep(0)
        messages.append("clean-up")

    stream.seek(0)
    extra: dict[str, Any] = {"wsgi.input": stream, "CONTENT_LENGTH": "9"}
    with bridged(http_only(app)) as bridge:
        answer = caller(bridge, method="POST", **extra)

    assert (answer.status, answer.reason) == (499, "Client Closed Request")
    assert messages[-2:] == ["http.disconnect", "clean-up"]


def test_what_the_server_raises_for_a_body_is_for_the_server() -> None:
    ended = threading.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        try:
            await receive()
            await asyncio.sleep(60)
        finally:
            ended.set()

    extra: dict[str, Any] = {
        "wsgi.input": UnreadableInput(ValueError("too large")),
        "CONTENT_LENGTH": "9",
    }
    with bridged(http_only(app)) as bridge:
        with pytest.raises(ValueError, match="too large"):
            call_bare(bridge, method="POST", **extra)
        assert ended.is_set()


@pytest.mark.parametrize("length", ["-1", "1e3", "9 ", "\u00b2"])
def test_a_length_that_is_no_number_gets_400(length: str) -> None:
    with bridged(echo) as bridge:
        assert call_bare(bridge, method="POST", CONTENT_LENGTH=length).status == 400


def test_there_is_no_disconnect_until_the_response_is_complete() -> None:
    messages: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        messages.append(await receive())
        waiting = asyncio.ensure_future(receive())
        await asyncio.sleep(0.05)
        assert not waiting.done()
        await send(start())
        await send(body(b"x"))
        messages.append(await waiting)
        messages.append(await receive())

    with bridged(http_only(app)) as bridge:
        call(bridge)
        assert eventually(lambda: len(messages) == 3)

    assert [message["type"] for message in messages] == [
        "http.request",
        "http.disconnect",
        "http.disconnect",
    ]


def test_a_read_that_the_application_gave_up_is_not_lost() -> None:
    """Starlette's is_disconnected() cancels its own receive()."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        impatient = asyncio.ensure_future(receive())
        await asyncio.sleep(0)
        impatient.cancel()
        await _echo(scope, receive, send)

    with bridged(http_only(app)) as bridge:
        assert call(bridge, method="POST", body=b"kept").body == b"kept"


# Frameworks


@pytest.mark.parametrize("caller", CALLS)
def test_fastapi_reads_and_writes_json(caller: Any) -> None:
    app = FastAPI()

    @app.post("/sum")
    async def add(numbers: list[int]) -> dict[str, int]:
        return {"sum": sum(numbers)}

    @app.post("/sync")
    def add_in_a_thread(numbers: list[int]) -> dict[str, int]:
        return {"sum": sum(numbers)}

    post = {"method": "POST", "CONTENT_TYPE": "application/json"}
    with bridged(app) as bridge:
        answers = [
            caller(bridge, path, body=b"[1, 2, 3]", **post)
            for path in ("/sum", "/sync")
        ]
        invalid = caller(bridge, "/sum", body=b'["x"]', **post)

    assert [answer.text for answer in answers] == ['{"sum":6}', '{"sum":6}']
    assert invalid.status == 422


@pytest.mark.parametrize("caller", CALLS)
def test_starlettes_http_middleware(caller: Any) -> None:
    async def stamp(request: Any, call_next: Any) -> Response:
        assert not await request.is_disconnected()
        response: Response = await call_next(request)
        response.headers["x-stamp"] = "yes"
        return response

    async def page(request: Any) -> Response:
        return JSONResponse(await request.json())

    app = Starlette(
        routes=[Route("/", page, methods=["POST"])],
        middleware=[Middleware(BaseHTTPMiddleware, dispatch=stamp)],
    )
    with bridged(app) as bridge:
        answer = caller(bridge, method="POST", body=b"[1]")

    assert (answer.text, answer.header("x-stamp")) == ("[1]", "yes")


def test_a_websocket_route_never_matches() -> None:
    app = FastAPI()

    @app.websocket("/ws")
    async def socket(socket: WebSocket) -> None:
        raise AssertionError("a WebSocket over WSGI")

    upgrade = {"HTTP_CONNECTION": "Upgrade", "HTTP_UPGRADE": "websocket"}
    with bridged(app) as bridge:
        assert call(bridge, "/ws", **upgrade).status == 404


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="policies are deprecated")
def test_another_event_loop_policy_is_not_asked() -> None:
    class Policy(asyncio.DefaultEventLoopPolicy):
        def new_event_loop(self) -> asyncio.AbstractEventLoop:
            raise AssertionError("asked for a loop")

    async def page(request: Any) -> Response:
        return PlainTextResponse(type(asyncio.get_running_loop()).__module__)

    before = asyncio.get_event_loop_policy()
    asyncio.set_event_loop_policy(Policy())
    try:
        with bridged(Starlette(routes=[Route("/", page)])) as bridge:
            assert call(bridge).text.startswith("asyncio.")
    finally:
        asyncio.set_event_loop_policy(before)


def test_endpoints_in_the_thread_pool_share_its_threads(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The pool's threads live as long as the loop's own task, not as one request."""
    names: set[int] = set()
    app = FastAPI()

    @app.get("/")
    def index(request: Request) -> str:
        names.add(threading.get_ident())
        return "done"

    caplog.set_level(logging.WARNING)
    with bridged(app) as bridge:
        for _ in range(5):
            assert call(bridge).text == '"done"'

    assert len(names) == 1
