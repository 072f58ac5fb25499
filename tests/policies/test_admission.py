"""Admission: as many requests of a mount as it says, and 503 for one more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from werkzeug.test import Client

from gateway.policies.admission import Admissions
from gateway.types import StartResponse, WSGIApplication, WSGIEnvironment


class Streaming:
    """An application whose bodies tell when they are closed."""

    def __init__(self) -> None:
        self.closed = 0

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        start_response("200 OK", [])
        return self._body()

    def _body(self) -> Iterator[bytes]:
        try:
            yield b"a"
            yield b"b"
        finally:
            self.closed += 1


def get(application: WSGIApplication) -> Any:
    return Client(application).get("/", buffered=False)


def test_a_mount_without_a_limit_has_nothing_around_it() -> None:
    application = Streaming()
    assert Admissions().admit("a", None, application) is application


def test_a_request_runs_until_its_body_is_closed() -> None:
    application = Streaming()
    admitted = Admissions().admit("a", 1, application)
    first = get(admitted)
    second = get(admitted)
    assert (second.status_code, second.headers["Retry-After"]) == (503, "1")
    assert first.get_data() == b"ab"
    first.close()
    first.close()
    assert application.closed == 1
    third, fourth = get(admitted), get(admitted)
    assert (third.status_code, fourth.status_code) == (200, 503)
    third.close()


def test_a_plain_body_and_an_error_free_the_slot_at_once() -> None:
    def plain(
        environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        start_response("200 OK", [])
        return [b"a"]

    def failing(
        environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        raise RuntimeError("it fails")

    admissions = Admissions()
    for _ in range(3):
        assert get(admissions.admit("a", 1, plain)).status_code == 200
        with pytest.raises(RuntimeError, match="it fails"):
            get(admissions.admit("b", 1, failing))


def test_a_reload_admits_no_more() -> None:
    admissions = Admissions()
    first = get(admissions.admit("a", 1, Streaming()))
    assert get(admissions.admit("a", 1, Streaming())).status_code == 503
    assert get(admissions.admit("b", 1, Streaming())).status_code == 200
    first.close()
    assert get(admissions.admit("a", 1, Streaming())).status_code == 200


def test_a_mount_that_waits_for_a_subrequest_is_let_in() -> None:
    admitted = Admissions().admit("a", 1, Streaming())
    first = get(admitted)
    around = {"gateway.mount_stack": ("a", "b")}
    inner = Client(admitted).get("/", environ_overrides=around, buffered=True)
    assert (inner.status_code, inner.get_data()) == (200, b"ab")
    other = Client(admitted).get("/", environ_overrides={"gateway.mount_stack": ("b",)})
    assert other.status_code == 503
    first.close()
