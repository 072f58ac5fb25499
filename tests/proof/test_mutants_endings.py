"""Gateways that go wrong only where calls end, nest or are overtaken by a reload."""

from __future__ import annotations

from collections.abc import Iterable
from contextvars import copy_context
from pathlib import Path
from threading import get_ident
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
    outside,
    plain_gateway,
    quick_proof,
)

from gateway import generation
from gateway.context import AppContext, current_app_context
from gateway.isolation import environ_threads
from gateway.lifecycle import Gateway
from gateway.loaders.foreign import ForeignApplication
from gateway.mount import Mount
from gateway.subrequests import call as subrequests
from gateway.types import WSGIApplication

NAMES = ["one", "broken", "two"]


def test_an_error_that_teardown_is_not_told_of(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Silent(Mount):
        def _finish(self, context: AppContext, error: BaseException | None) -> None:
            super()._finish(context, None)

    break_mount(monkeypatch, Silent)
    report = broken_proof(tmp_path)
    assert found(report) == {("broken", "teardown", "error")}
    assert evidence(report, "broken", "error") == (
        "the call ended with DeliberateError, teardown was handed no error"
    )


def test_a_body_that_is_closed_only_when_it_was_read_to_its_end(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Left(Stepping):
        def close(self) -> None:
            if self.ended:
                super().close()

    break_outside(monkeypatch, around_body(Left))
    report = broken_proof(tmp_path)
    assert found(report) == {
        ("broken", "teardown", "closed"),
        ("broken", "teardown", "once"),
    }


def test_a_context_restored_only_when_all_went_well(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Careless(Mount):
        def _failed(self, environ: Any, start_response: Any) -> list[bytes]:
            raised.add(get_ident())
            return super()._failed(environ, start_response)

        def _compose(self, wsgi: WSGIApplication, native: bool) -> WSGIApplication:
            serve = super()._compose(wsgi, native)

            def call(environ: Any, start_response: Any) -> Iterable[bytes]:
                raised.discard(get_ident())
                body = serve(environ, start_response)
                if get_ident() in raised and current_app_context.get(None) is None:
                    current_app_context.set(AppContext(self.application))
                return body

            return call

    raised: set[int] = set()  # The threads: several calls run at a time.
    break_mount(monkeypatch, Careless)
    report = quick_proof(plain_gateway(tmp_path, NAMES))
    assert ("broken", "stack", "restored") in found(report)
    assert {claim for _, claim, _ in found(report)} == {"stack"}


def test_a_context_popped_twice(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def twice(mount: Mount, wsgi: WSGIApplication) -> WSGIApplication:
        def call(environ: Any, start_response: Any) -> Iterable[bytes]:
            body = wsgi(environ, start_response)
            if current_app_context.get(None) is not None:
                # Its own has been popped; this is the context of the caller.
                current_app_context.set(AppContext(below))
            return body

        return call

    class Same:
        """No execution context of its own: a subrequest runs in its caller's."""

        def run(self, function: Any, *args: Any) -> Any:
            return function(*args)

    below = ForeignApplication("below", {})
    monkeypatch.setattr(subrequests, "_fresh_context", Same)
    break_outside(monkeypatch, twice)
    report = quick_proof(plain_gateway(tmp_path, NAMES))
    assert found(report) == {
        ("broken", "stack", "restored"),
        ("one", "stack", "unwound"),
        ("two", "stack", "unwound"),
    }
    assert evidence(report, "one", "unwound") == (
        "after a subrequest another AppContext was on top"
    )


def test_the_wrong_application_at_close(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Wrong(Stepping):
        def close(self) -> None:
            token = current_app_context.set(AppContext(stranger))
            try:
                getattr(self.body, "close", list)()
            finally:
                current_app_context.reset(token)

    stranger = ForeignApplication("stranger", {})
    break_inside(monkeypatch, around_body(Wrong))
    report = broken_proof(tmp_path)
    assert found(report) == {("broken", "context", "current")}
    assert evidence(report, "broken", "current") == (
        "at close another AppContext was on top, of 'stranger'"
    )


def test_threads_that_begin_in_the_request_that_started_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def partial(run_as: Any, overlay: Any, function: Any) -> Any:
        execution = copy_context()
        return lambda *args, **kwargs: execution.run(function, *args, **kwargs)

    monkeypatch.setattr(environ_threads, "partial", partial)
    report = quick_proof(plain_gateway(tmp_path, NAMES))
    assert found(report) == {(name, "stack", "unwound") for name in NAMES}
    assert evidence(report, "one", "unwound") == (
        "in a thread that it had started there was an AppContext on top"
    )


def test_a_reload_that_goes_on_with_the_old_mounts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def take_over(self: Any, spec: Any, members: Any) -> None:
        table = self._dispatcher.table
        right(self, spec, members)
        self._dispatcher.table = table

    right = Gateway._take_over
    monkeypatch.setattr(Gateway, "_take_over", take_over)
    report = quick_proof(plain_gateway(tmp_path, NAMES))
    assert found(report) == {(name, "reload", "replaced") for name in NAMES}


def test_a_reload_that_breaks_off_what_is_in_flight(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class BrokenOff(Stepping):
        steps = 0

        def __next__(self) -> bytes:
            self.steps += 1
            if reloaded and self.steps > 1:
                raise ConnectionError("closed")
            return super().__next__()

    def take_over(self: Any, spec: Any, members: Any) -> None:
        right(self, spec, members)
        reloaded.append(True)

    def make(*args: Any, **options: Any) -> Mount:
        # The mount that is replaced; not the one that takes over.
        made.append(args[0])
        cut = made.count("broken") == 1 and args[0] == "broken"
        made_of = outside(around_body(BrokenOff)) if cut else Mount
        return made_of(*args, **options)

    reloaded: list[bool] = []
    made: list[str] = []
    right = Gateway._take_over
    monkeypatch.setattr(Gateway, "_take_over", take_over)
    monkeypatch.setattr(generation, "Mount", make)
    report = quick_proof(plain_gateway(tmp_path, NAMES))
    assert found(report) == {("broken", "reload", "finished")}
    assert evidence(report, "broken", "finished") == (
        "it was inside during the reload: the response was cut off in the middle"
    )
