"""Gateways whose contexts are broken on purpose, each caught by the check it breaks."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from contextvars import ContextVar, copy_context
from pathlib import Path
from typing import Any

import pytest
from proof_site import (
    Stepping,
    around_body,
    break_inside,
    break_mount,
    break_outside,
    broken_proof,
    evidence,
    found,
    plain_gateway,
    quick_proof,
)

from gateway import lifecycle
from gateway.context import AppContext, current_app_context
from gateway.dispatch.table import Table
from gateway.loaders.foreign import ForeignApplication
from gateway.mount import Mount
from gateway.types import WSGIApplication

other: ContextVar[str] = ContextVar("other")


def pushing(make: Any) -> Any:
    """Break a mount: another context than its own is on top when it calls."""

    def breaks(mount: Mount, wsgi: WSGIApplication) -> WSGIApplication:
        def call(environ: Any, start_response: Any) -> Iterable[bytes]:
            current_app_context.set(make(mount))
            return wsgi(environ, start_response)

        return call

    return breaks


def test_the_context_of_another_application(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stranger = ForeignApplication("stranger", {})
    break_inside(monkeypatch, pushing(lambda mount: AppContext(stranger)))
    report = broken_proof(tmp_path)
    assert found(report) == {("broken", "context", "pushed")}
    assert "that of 'stranger'" in evidence(report, "broken", "pushed")


def test_one_context_for_all_requests(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    kept: dict[int, AppContext] = {}

    def make(mount: Mount) -> AppContext:
        return kept.setdefault(id(mount), AppContext(mount.application))

    break_inside(monkeypatch, pushing(make))
    report = broken_proof(tmp_path)
    assert found(report) == {("broken", "context", "pushed")}
    assert "was not fresh" in evidence(report, "broken", "pushed")


def test_no_context(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Bare(Mount):
        def _compose(self, wsgi: WSGIApplication, native: bool) -> WSGIApplication:
            return wsgi

    spec = plain_gateway(tmp_path, ["one", "broken"])
    break_mount(monkeypatch, Bare)
    report = quick_proof(spec)
    assert found(report) == {("broken", "context", "pushed")}
    assert evidence(report, "broken", "pushed") == "at entry no AppContext was on top"


def test_another_context_while_the_body_is_sent(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Wrong(Stepping):
        def __next__(self) -> bytes:
            stranger = ForeignApplication("stranger", {})
            token = current_app_context.set(AppContext(stranger))
            try:
                return super().__next__()
            finally:
                current_app_context.reset(token)

    break_inside(monkeypatch, around_body(Wrong))
    report = broken_proof(tmp_path)
    assert found(report) == {("broken", "context", "current")}
    assert evidence(report, "broken", "current").endswith(
        "another AppContext was on top, of 'stranger'"
    )


def test_no_context_while_the_body_is_sent(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Without(Stepping):
        def __next__(self) -> bytes:
            # As the server's thread would step through it.
            return outer.copy().run(super().__next__)

    outer = copy_context()
    break_inside(monkeypatch, around_body(Without))
    report = broken_proof(tmp_path)
    assert found(report) == {("broken", "context", "current")}
    assert evidence(report, "broken", "current").endswith("no AppContext was on top")


def test_another_application_in_the_same_context(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Exchanging(Stepping):
        def __next__(self) -> bytes:
            context = current_app_context.get()
            own, context.app = context.app, ForeignApplication("stranger", {})
            try:
                return super().__next__()
            finally:
                context.app = own

    break_inside(monkeypatch, around_body(Exchanging))
    report = broken_proof(tmp_path)
    assert found(report) == {("broken", "context", "current")}
    assert evidence(report, "broken", "current") == (
        "at a body step current_app was 'stranger'"
    )


def test_a_context_left_on_top(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def breaks(mount: Mount, wsgi: WSGIApplication) -> WSGIApplication:
        def call(environ: Any, start_response: Any) -> Iterable[bytes]:
            current_app_context.set(AppContext(mount.application))
            return wsgi(environ, start_response)

        return call

    break_outside(monkeypatch, breaks)
    report = broken_proof(tmp_path)
    assert found(report) == {("broken", "stack", "restored")}
    assert "gateway.app_context is <AppContext 'broken'" in (
        evidence(report, "broken", "restored")
    )


def test_another_context_variable_left_set(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Setting(Stepping):
        def close(self) -> None:
            super().close()
            other.set("a secret")

    break_outside(monkeypatch, around_body(Setting))
    report = broken_proof(tmp_path)
    assert found(report) == {("broken", "stack", "restored")}
    words = evidence(report, "broken", "restored")
    assert words == "after the mount had closed, other is a str and was not set"


def finishing(times: int) -> type[Mount]:
    class Finishing(Mount):
        def _finish(self, context: AppContext, error: BaseException | None) -> None:
            for _ in range(times):
                super()._finish(context, error)

    return Finishing


def test_teardown_skipped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    break_mount(monkeypatch, finishing(0))
    report = broken_proof(tmp_path)
    assert found(report) == {("broken", "teardown", "once")}
    assert evidence(report, "broken", "once").endswith("never ran")


def test_teardown_twice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    break_mount(monkeypatch, finishing(2))
    report = broken_proof(tmp_path)
    assert found(report) == {("broken", "teardown", "once")}
    assert evidence(report, "broken", "once").endswith("ran 2 times")


def test_teardown_before_the_body_is_closed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Early(Mount):
        def _compose(self, wsgi: WSGIApplication, native: bool) -> WSGIApplication:
            finish = super()._finish

            def call(environ: Any, start_response: Any) -> Iterable[bytes]:
                try:
                    return wsgi(environ, start_response)
                finally:
                    finish(current_app_context.get(), sys.exc_info()[1])

            return super()._compose(call, native)

        def _finish(self, context: AppContext, error: BaseException | None) -> None:
            pass

    break_mount(monkeypatch, Early)
    report = broken_proof(tmp_path)
    assert found(report) == {("broken", "teardown", "last")}
    assert evidence(report, "broken", "last").endswith("still in use after close")


def test_a_body_that_is_never_closed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Open(Stepping):
        def close(self) -> None:
            pass

    break_inside(monkeypatch, around_body(Open))
    report = broken_proof(tmp_path)
    assert found(report) == {("broken", "teardown", "closed")}


def test_an_answer_from_the_gateway_instead_of_the_application(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def breaks(mount: Mount, wsgi: WSGIApplication) -> WSGIApplication:
        def call(environ: Any, start_response: Any) -> Iterable[bytes]:
            start_response("503 Service Unavailable", [("Content-Length", "0")])
            return []

        return call

    break_outside(monkeypatch, breaks)
    report = quick_proof(plain_gateway(tmp_path, ["one", "broken", "two"]))
    assert ("broken", "context", "served") in found(report)
    assert {mount for mount, _, _ in found(report)} == {"broken"}


def test_an_error_page_for_an_application_that_did_well(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def breaks(mount: Mount, wsgi: WSGIApplication) -> WSGIApplication:
        def call(environ: Any, start_response: Any) -> Iterable[bytes]:
            def start(status: str, headers: Any, *rest: Any) -> Any:
                return start_response("500 Internal Server Error", headers)

            return wsgi(environ, start)

        return call

    break_outside(monkeypatch, breaks)
    report = broken_proof(tmp_path)
    assert found(report) == {("broken", "context", "served")}
    assert "the gateway answered 500" in evidence(report, "broken", "served")


def test_an_error_of_the_gateway_itself(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def breaks(mount: Mount, wsgi: WSGIApplication) -> WSGIApplication:
        def call(environ: Any, start_response: Any) -> Iterable[bytes]:
            for part in wsgi(environ, start_response):
                raise RuntimeError(f"after {part!r}")
            return []

        return call

    break_outside(monkeypatch, breaks)
    report = quick_proof(plain_gateway(tmp_path, ["one", "broken", "two"]))
    assert ("broken", "context", "served") in found(report)
    assert {mount for mount, _, _ in found(report)} == {"broken"}


def test_a_request_that_reaches_no_mount(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Forgetting(Table[Any]):
        def __init__(self, routes: Any) -> None:
            super().__init__(route for route in routes if route.prefix != "/broken")

    monkeypatch.setattr(lifecycle, "Table", Forgetting)
    report = quick_proof(plain_gateway(tmp_path, ["one", "broken", "two"]))
    assert ("broken", "context", "served") in found(report)
    assert {mount for mount, _, _ in found(report)} == {"broken"}
    assert evidence(report, "broken", "served") == (
        "the request reached no mount: 404 came back"
    )


def test_a_request_that_is_led_to_another_mount(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Misleading(Table[Any]):
        def __init__(self, routes: Any) -> None:
            super().__init__(routes)
            right = self.find
            self.find = lambda host, path: right(host, path.replace("broken", "one"))

    monkeypatch.setattr(lifecycle, "Table", Misleading)
    report = quick_proof(plain_gateway(tmp_path, ["one", "broken"]))
    assert ("broken", "context", "served") in found(report)
    assert evidence(report, "broken", "served").endswith("served by mount 'one'")
