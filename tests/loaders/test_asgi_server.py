"""The bridge under a real server, driven through raw sockets."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from asgi_support import bridged, http_only, served
from fastapi import FastAPI, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse


@contextmanager
def connected(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        yield connection


def ask(connection: socket.socket, target: str, method: str = "GET") -> None:
    head = f"{method} {target} HTTP/1.1\r\nHost: localhost\r\n\r\n"
    connection.sendall(head.encode("latin-1"))


def read_until(connection: socket.socket, mark: bytes, received: bytes = b"") -> bytes:
    while mark not in received:
        part = connection.recv(65_536)
        assert part, f"the connection was closed before {mark!r}: {received!r}"
        received += part
    return received


def read_to_the_end(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65_536), b""))


class Site:
    """An application whose streams are led by the test, and tell when they ended."""

    def __init__(self) -> None:
        self.step = threading.Event()
        self.ended = threading.Event()
        self.app = FastAPI()
        self.app.get("/hello")(self.hello)
        self.app.head("/hello")(self.hello)
        self.app.post("/echo")(self.echo)
        self.app.get("/steps")(self.steps)
        self.app.get("/endless")(self.endless)
        self.app.get("/silent")(self.silent)

    async def hello(self) -> PlainTextResponse:
        return PlainTextResponse("hello")

    async def echo(self, request: Request) -> Response:
        return Response(await request.body(), media_type="application/octet-stream")

    async def steps(self) -> StreamingResponse:
        async def lines() -> AsyncIterator[str]:
            yield "first\n"
            while not self.step.is_set():
                await asyncio.sleep(0.005)
            yield "second\n"

        return StreamingResponse(lines(), media_type="text/plain")

    async def endless(self) -> StreamingResponse:
        async def chunks() -> AsyncIterator[bytes]:
            try:
                while True:
                    yield bytes(10_000)
                    await asyncio.sleep(0.001)
            finally:
                self.ended.set()

        return StreamingResponse(chunks(), media_type="text/plain")

    async def silent(self) -> str:
        try:
            self.step.set()
            await asyncio.sleep(60)
        finally:
            self.ended.set()
        return "never"


def test_a_connection_is_kept_alive_between_whole_responses() -> None:
    with (
        bridged(Site().app) as bridge,
        served(bridge) as port,
        connected(port) as client,
    ):
        for _ in range(3):
            ask(client, "/hello")
            answer = read_until(client, b"\r\n\r\nhello")
            assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
            assert b"Content-Length: 5\r\n" in answer
        ask(client, "/hello", "HEAD")
        head = read_until(client, b"\r\n\r\n")
        assert b"Content-Length: 5\r\n" in head
        assert head.endswith(b"\r\n\r\n")
        ask(client, "/hello")
        assert read_until(client, b"hello").startswith(b"HTTP/1.1 200 OK\r\n")


def test_chunks_reach_the_client_as_they_are_sent() -> None:
    site = Site()
    with bridged(site.app) as bridge, served(bridge) as port, connected(port) as client:
        ask(client, "/steps")
        received = read_until(client, b"first\n")
        assert b"Transfer-Encoding: chunked" in received
        assert b"second" not in received
        site.step.set()
        rest = read_to_the_end(client)

    assert b"second\n" in rest
    assert rest.endswith(b"0\r\n\r\n")


@pytest.mark.parametrize("rudely", [False, True], ids=["closed", "reset"])
def test_a_client_that_vanishes_ends_the_stream(rudely: bool) -> None:
    site = Site()
    with bridged(site.app) as bridge, served(bridge) as port:
        with connected(port) as client:
            ask(client, "/endless")
            read_until(client, bytes(10_000))
            if rudely:
                linger = struct.pack("ii", 1, 0)
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        assert site.ended.wait(5)
        with connected(port) as client:
            ask(client, "/hello")
            read_until(client, b"hello")


def test_a_client_that_vanishes_from_a_silent_endpoint_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gateway.loaders.asgi_response._POLL", 0.05)
    site = Site()
    with (
        bridged(site.app) as bridge,
        served(bridge, channel_request_lookahead=1) as port,
    ):
        with connected(port) as client:
            ask(client, "/silent")
            assert site.step.wait(5)
        assert site.ended.wait(5)


def test_a_large_body_goes_there_and_back() -> None:
    sent = bytes(range(256)) * 8192
    with (
        bridged(Site().app) as bridge,
        served(bridge) as port,
        connected(port) as client,
    ):
        head = f"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: {len(sent)}\r\n\r\n"
        client.sendall(head.encode() + sent)
        answer = read_until(client, b"\r\n\r\n")
        received = answer.partition(b"\r\n\r\n")[2]
        while len(received) < len(sent):
            received += client.recv(65_536)

    assert received == sent


def test_a_chunked_request_body() -> None:
    with (
        bridged(Site().app) as bridge,
        served(bridge) as port,
        connected(port) as client,
    ):
        client.sendall(
            b"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"4\r\none \r\n3\r\ntwo\r\n0\r\n\r\n"
        )
        assert b"Content-Length: 7\r\n" in read_until(client, b"one two")


def test_a_path_that_is_not_utf8_gets_400_and_nothing_else_breaks() -> None:
    with bridged(Site().app) as bridge, served(bridge) as port:
        for target in ("/%ff", "/%c3%28", "/caf\xe9"):
            with connected(port) as client:
                ask(client, target)
                assert client.recv(65_536).startswith(b"HTTP/1.1 400 Bad Request\r\n")
        with connected(port) as client:
            ask(client, "/hello")
            read_until(client, b"hello")


def test_the_raw_path_is_as_sent() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        response = PlainTextResponse(scope["raw_path"] + b" " + scope["path"].encode())
        await response(scope, receive, send)

    with (
        bridged(http_only(app)) as bridge,
        served(bridge) as port,
        connected(port) as client,
    ):
        ask(client, "/a%2Fb%C3%A9?q=1")
        read_until(client, "\r\n\r\n/a%2Fb%C3%A9 /a/b\u00e9".encode())


def test_an_error_half_way_cuts_the_connection() -> None:
    app = FastAPI()

    @app.get("/")
    async def index() -> StreamingResponse:
        async def lines() -> AsyncIterator[str]:
            yield "first"
            raise LookupError("half way")

        return StreamingResponse(lines(), media_type="text/plain")

    with bridged(app) as bridge, served(bridge) as port, connected(port) as client:
        ask(client, "/")
        answer = read_to_the_end(client)

    assert b"first" in answer
    assert not answer.endswith(b"0\r\n\r\n")
