"""Gateways whose ``g`` is broken on purpose, and caught by the claim on ``g`` alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from proof_site import (
    Breaks,
    break_inside,
    broken_proof,
    evidence,
    found,
    plain_gateway,
    quick_proof,
    statuses,
)

from gateway.context import AppContext, AppGlobals, current_app_context
from gateway.mount import Mount
from gateway.types import WSGIApplication


def giving(namespace: Any) -> Breaks:
    """Break a mount: *namespace* makes the g of each request."""

    def breaks(mount: Mount, wsgi: WSGIApplication) -> WSGIApplication:
        def call(environ: Any, start_response: Any) -> Iterable[bytes]:
            current_app_context.get().g = namespace(mount)
            return wsgi(environ, start_response)

        return call

    return breaks


def test_one_g_for_all_requests(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shared = AppGlobals()
    break_inside(monkeypatch, giving(lambda mount: shared))
    report = broken_proof(tmp_path)
    assert found(report) == {
        ("broken", "g", "new"),
        ("broken", "g", "empty"),
        ("broken", "g", "unshared"),
    }
    assert "request" in evidence(report, "broken", "new")
    assert "of mount 'broken' had put in" in evidence(report, "broken", "unshared")


def test_a_g_with_leftovers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def stale(mount: Mount) -> AppGlobals:
        made = AppGlobals()
        made.user = "somebody else"
        return made

    break_inside(monkeypatch, giving(stale))
    report = broken_proof(tmp_path)
    assert found(report) == {("broken", "g", "empty")}
    assert evidence(report, "broken", "empty") == "at entry g held 'user'"
    assert statuses(report, "broken")["g"] == "violated"


def test_a_g_that_is_cleared_and_used_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pool: list[AppGlobals] = []

    def recycled(mount: Mount) -> AppGlobals:
        made = pool.pop() if pool else AppGlobals()
        vars(made).clear()
        return made

    def give_back(exc: BaseException | None) -> None:
        pool.append(current_app_context.get().g)

    def breaks(mount: Mount, wsgi: WSGIApplication) -> WSGIApplication:
        mount.application.teardown_appcontext_funcs.append(give_back)
        return giving(recycled)(mount, wsgi)

    break_inside(monkeypatch, breaks)
    assert found(broken_proof(tmp_path)) == {("broken", "g", "new")}


def test_different_objects_that_keep_their_values_in_one_place(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    store: dict[str, Any] = {}

    class Shared(AppGlobals):
        def __init__(self) -> None:
            object.__setattr__(self, "__dict__", store)

    break_inside(monkeypatch, giving(lambda mount: Shared()))
    assert found(broken_proof(tmp_path)) == {
        ("broken", "g", "empty"),
        ("broken", "g", "unshared"),
    }


def test_a_g_exchanged_while_the_body_is_sent(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def breaks(mount: Mount, wsgi: WSGIApplication) -> WSGIApplication:
        def call(environ: Any, start_response: Any) -> Iterable[bytes]:
            body = wsgi(environ, start_response)
            return body if isinstance(body, list) else _Exchanging(body)

        return call

    break_inside(monkeypatch, breaks)
    assert found(broken_proof(tmp_path)) == {("broken", "g", "kept")}


def test_a_g_that_two_mounts_share(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    last: list[AppContext] = []

    def breaks(mount: Mount, wsgi: WSGIApplication) -> WSGIApplication:
        def call(environ: Any, start_response: Any) -> Iterable[bytes]:
            context = current_app_context.get()
            if mount.name == "broken" and last:
                context.g = last[-1].g
            else:
                last.append(context)
            return wsgi(environ, start_response)

        return call

    break_inside(monkeypatch, breaks, "one", "broken")
    report = quick_proof(plain_gateway(tmp_path, ["one", "broken"]))
    assert ("broken", "g", "new") in found(report)
    assert {claim for _, claim, _ in found(report)} == {"g"}


class _Exchanging:
    """A body whose steps are taken with another g."""

    def __init__(self, body: Any) -> None:
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        current_app_context.get().g = AppGlobals()
        return next(self._body)  # type: ignore[no-any-return]

    def close(self) -> None:
        self._body.close()
