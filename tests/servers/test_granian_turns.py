"""What granian is told of a response; over sockets in cli/test_cli_engines.py."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from granian.server import mp

from gateway.servers.granian_turns import InTurns, take_turns
from gateway.shares import NOBODY
from gateway.types import StartResponse, WSGIApplication, WSGIEnvironment


class Sent:
    """Takes a response as granian does: only the first counts."""

    def __init__(self) -> None:
        self.response: tuple[int, Any, bytes] | None = None

    def response_bytes(self, status: int, headers: Any, body: bytes) -> None:
        if self.response is None:
            self.response = (status, headers, body)

    def response_iter(self, status: int, headers: Any, body: Iterable[bytes]) -> None:
        self.response_bytes(status, headers, b"".join(body))


def in_turns(application: WSGIApplication) -> InTurns:
    return InTurns(application, False, lambda environ: NOBODY)


def answered(application: WSGIApplication, **environ: str) -> Any:
    in_turns(application).answer(sent := Sent(), dict(environ))
    return sent.response


def test_a_body_that_is_there_and_one_that_is_made() -> None:
    def application(
        environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        start_response("201 Created", [("X-Kind", environ["KIND"])])
        parts = [b"a", b"", b"b"]
        return parts if environ["KIND"] == "list" else iter(parts)

    for kind in ("list", "iterator"):
        assert answered(application, KIND=kind) == (201, [("X-Kind", kind)], b"ab")


@pytest.mark.parametrize("name", ["CONTENT_LENGTH", "HTTP_TRANSFER_ENCODING"])
def test_only_a_request_that_says_so_has_a_body(name: str) -> None:
    def application(
        environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        start_response("200 OK", [])
        return [str(type(environ["wsgi.input"])).encode()]

    assert b"BytesIO" in answered(application, **{"wsgi.input": "granian's"})[2]
    told = {"wsgi.input": "granian's", name: "1"}
    assert b"str" in answered(application, **told)[2]


def test_what_is_not_answered_is_500(caplog: pytest.LogCaptureFixture) -> None:
    def silent(
        environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        return [b"who has seen it?"]

    def leaving(
        environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterator[bytes]:
        yield b""
        raise SystemExit("not this thread")

    assert answered(silent) == (500, [], b"")
    assert "has not called start_response()" in caplog.text
    assert answered(leaving) == (500, [], b"")
    assert "not this thread" in caplog.text


def test_granian_wraps_what_is_no_application_of_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wrapped: list[object] = []
    monkeypatch.setattr(mp, "_wsgi_call_wrap", lambda *given: wrapped.append(given))
    take_turns()

    def plain(
        environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        return []

    taken = in_turns(plain)
    wrap = mp._wsgi_call_wrap
    assert wrap(taken, {}, None) == taken.answer
    assert not wrapped
    wrap(plain, {}, None)
    assert wrapped == [(plain, {}, None)]


def test_another_granian_calls_it_as_any_application(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(mp, "_wsgi_call_wrap")
    take_turns()
    assert not hasattr(mp, "_wsgi_call_wrap")
