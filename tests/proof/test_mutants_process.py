"""Gateways that take turns, or that are not one process, caught by that claim."""

from __future__ import annotations

import os
import pickle
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Any

import pytest
from proof_site import (
    Breaks,
    break_mount,
    break_outside,
    evidence,
    found,
    plain_gateway,
    quick_proof,
    statuses,
)

from gateway.mount import Mount
from gateway.types import WSGIApplication


def locked(lock: Lock) -> Breaks:
    """Break a mount: none of its calls begins before *lock* is free."""

    def breaks(mount: Mount, wsgi: WSGIApplication) -> WSGIApplication:
        def call(environ: Any, start_response: Any) -> Iterable[bytes]:
            with lock:
                body = wsgi(environ, start_response)
                try:
                    return list(body)
                finally:
                    if hasattr(body, "close"):
                        body.close()

        return call

    return breaks


def test_all_mounts_take_turns(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    break_outside(monkeypatch, locked(Lock()), "one", "broken", "two")
    report = quick_proof(plain_gateway(tmp_path, ["one", "broken", "two"]), meeting=0.5)
    assert found(report) == {
        (name, "process", "overlap") for name in ("one", "broken", "two")
    }
    assert report.overlaps == report.mount_pairs == 0


def test_two_mounts_take_turns(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    break_outside(monkeypatch, locked(Lock()), "one", "broken")
    report = quick_proof(plain_gateway(tmp_path, ["one", "broken", "two"]), meeting=0.5)
    assert {mount for mount, _, _ in found(report)} == {"one", "broken"}
    assert {check for _, _, check in found(report)} == {"overlap"}


def test_the_calls_of_one_mount_take_turns(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    break_outside(monkeypatch, locked(Lock()))
    report = quick_proof(plain_gateway(tmp_path, ["one", "broken", "two"]), meeting=0.5)
    assert found(report) == {("broken", "process", "overlap")}
    assert evidence(report, "broken", "overlap").startswith("no two of its own calls")


def test_a_single_mount_whose_calls_take_turns(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    break_outside(monkeypatch, locked(Lock()))
    report = quick_proof(plain_gateway(tmp_path, ["broken"]), meeting=0.5)
    assert found(report) == {("broken", "process", "overlap")}


class Elsewhere(Mount):
    """A mount that is served by another process, one request after the other."""

    connections: list[tuple[int, socket.socket]]

    def _compose(self, wsgi: WSGIApplication, native: bool) -> WSGIApplication:
        near, far = socket.socketpair()
        child = os.fork()
        if child == 0:
            with suppress(BaseException):
                near.close()
                _work(far, super()._compose(wsgi, native))
            os._exit(0)
        far.close()
        self.connections.append((child, near))
        files = near.makefile("rwb")
        lock = Lock()

        def call(environ: Any, start_response: Any) -> Iterable[bytes]:
            plain = {key: each for key, each in environ.items() if type(each) is str}
            with lock:
                pickle.dump(plain, files)
                files.flush()
                status, headers, body = pickle.load(files)
            start_response(status, headers)
            return [body]

        return call


def _work(far: socket.socket, serve: Callable[..., Any]) -> None:
    files = far.makefile("rwb")
    while True:
        answer: list[Any] = []
        body = serve(
            pickle.load(files), lambda *start, answer=answer: answer.extend(start)
        )
        whole = b"".join(body)
        if hasattr(body, "close"):
            body.close()
        pickle.dump((*answer[:2], whole), files)
        files.flush()


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[int, Any]]]:
    connections: list[tuple[int, Any]] = []
    monkeypatch.setattr(Elsewhere, "connections", connections, raising=False)
    break_mount(monkeypatch, Elsewhere)
    yield connections
    for child, connection in connections:
        connection.shutdown(socket.SHUT_RDWR)
        connection.close()
        os.waitpid(child, 0)


def test_a_mount_served_by_another_process(
    elsewhere: list[tuple[int, Any]], tmp_path: Path
) -> None:
    report = quick_proof(plain_gateway(tmp_path, ["one", "broken", "two"]), meeting=0.5)
    ((child, _),) = elsewhere
    assert found(report) == {
        ("broken", "process", "pid"),
        ("broken", "process", "overlap"),
    }
    assert evidence(report, "broken", "pid") == (
        f"its application ran in process {child}, the server in {os.getpid()}"
    )
    # Of what nobody could see, nothing is said.
    said = statuses(report, "broken")
    assert said.pop("process") == "violated"
    assert said.pop("modules") == "proven"
    assert set(said.values()) == {"not applicable"}
