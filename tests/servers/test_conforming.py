"""PEP 3333 from a server that sends the head as soon as it is called."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from gateway.servers.conforming import Conforming
from gateway.types import StartResponse, WSGIEnvironment

App = Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]


def served(application: App, **environ: str) -> tuple[str, bytes]:
    """Serve one request as such a server does: the head first, then the body."""
    heads: list[str] = []

    def start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
        heads.append(status)

    body: Any = Conforming(application, False)(dict(environ), start_response)
    (head,) = heads
    try:
        return head, b"".join(body)
    finally:
        if hasattr(body, "close"):
            body.close()


def test_the_head_may_come_with_the_first_part() -> None:
    def late(
        environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterator[bytes]:
        yield b""
        start_response("202 Accepted", [])
        yield b"a"
        yield b""
        yield b"b"

    assert served(late) == ("202 Accepted", b"ab")


def test_write() -> None:
    def writing(
        environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        write = start_response("200 OK", [])
        write(b"1")
        write(b"2")

        def rest() -> Iterator[bytes]:
            write(b"3")
            yield b"4"

        return rest() if environ.get("rest") else []

    assert served(writing) == ("200 OK", b"12")
    assert served(writing, rest="yes") == ("200 OK", b"1234")


def test_an_error_takes_the_place_of_what_is_not_sent() -> None:
    def failing(
        environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterator[bytes]:
        start_response("200 OK", [])
        if environ.get("sent"):
            yield b"a"
        try:
            raise ValueError("it fails")
        except ValueError:
            start_response("500 Internal Server Error", [], sys.exc_info())
        yield b"an error"

    assert served(failing) == ("500 Internal Server Error", b"an error")
    with pytest.raises(ValueError, match="it fails"):
        served(failing, sent="yes")


def test_two_heads_and_none() -> None:
    def twice(
        environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        start_response("200 OK", [])
        start_response("200 OK", [])
        return []

    with pytest.raises(AssertionError, match="called twice"):
        served(twice)
    with pytest.raises(RuntimeError, match="has not called"):
        served(lambda environ, start_response: iter([]))


def test_a_body_that_fails_at_once_is_closed() -> None:
    closed = []

    class Body:
        def __iter__(self) -> Iterator[bytes]:
            return self

        def __next__(self) -> bytes:
            raise ValueError("it fails")

        def close(self) -> None:
            closed.append(True)

    with pytest.raises(ValueError, match="it fails"):
        served(lambda environ, start_response: Body())
    assert closed == [True]


def test_the_variables_of_the_process_are_taken_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def echo(
        environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        start_response("200 OK", [])
        return [repr(sorted(environ)).encode()]

    monkeypatch.setenv("SECRET_OF_THE_PROCESS", "1")
    monkeypatch.setenv("HTTP_PROXY", "http://the.process")
    environ = {**os.environ, "HTTP_PROXY": "a header", "PATH_INFO": "/"}
    _, body = served(echo, **environ)
    assert body == b"['HTTP_PROXY', 'PATH_INFO', 'wsgi.multiprocess']"
