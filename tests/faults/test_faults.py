"""The fault matrix: whatever one application does, its neighbour answers.

One server process with all of the faulty mounts. What each client gets is in
:mod:`fault_table`.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from fault_server import Answer, Served
from fault_table import AT_LOAD, CUT, ENDLESS, FAULTS, HANGING, PROCESS

APART = (*HANGING, *ENDLESS, "deadlocks", "header_of_16_megabytes")
ORDINARY = [name for name in FAULTS if name not in APART]


@pytest.fixture(scope="module")
def before(served: Served) -> dict[str, Any]:
    return served.healthy("/healthy/census")


@pytest.fixture(autouse=True)
def _neighbour(served: Served, before: dict[str, Any]) -> Iterator[None]:
    """Ask the healthy mount often enough to be served by each thread."""
    yield
    for _ in range(8):
        assert served.healthy() == unspoilt(before)


def unspoilt(before: dict[str, Any]) -> dict[str, Any]:
    counts = ("contexts", "threads", "descriptors")
    return {name: value for name, value in before.items() if name not in counts}


def eventually(condition: Callable[[], bool], seconds: float = 8) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@pytest.mark.parametrize("name", AT_LOAD)
def test_a_mount_that_does_not_load_is_away_alone(served: Served, name: str) -> None:
    answer = served.ask(f"/{name}/")
    assert answer.status == 503
    assert b"4711" not in answer.body


@pytest.mark.parametrize("name", ORDINARY)
def test_a_fault_is_its_own_mounts(served: Served, name: str) -> None:
    check(served, name, FAULTS[name])


def check(served: Served, name: str, expected: int | str) -> None:
    answer = served.ask(f"/{name}/", body=b"some content")
    assert (answer.status, answer.cut) == (
        (200, True) if expected == CUT else (expected, False)
    )
    assert b"4711" not in answer.body
    assert not any("evil" in name.lower() for name, _ in answer.headers)


@contextmanager
def asking(served: Served, *paths: str) -> Iterator[list[Answer]]:
    """Ask for *paths* at a time; their answers are there after the end."""
    answers: list[Answer] = []
    threads = [
        threading.Thread(target=lambda path=path: answers.append(served.ask(path)))  # type: ignore[misc]
        for path in paths
    ]
    for thread in threads:
        thread.start()
    yield answers
    for thread in threads:
        thread.join()


def in_flight(served: Served, name: str) -> int:
    mounts = served.admin("/status")["mounts"]
    return next(int(each["in_flight"]) for each in mounts if each["name"] == name)


@pytest.mark.parametrize("name", HANGING)
def test_one_that_hangs_holds_nobody_else(served: Served, name: str) -> None:
    with asking(served, f"/{name}/", f"/{name}/") as answers:
        assert eventually(lambda: in_flight(served, name) == 2)
        for _ in range(8):
            assert served.healthy()["app"] == "healthy"
        assert served.ask(f"/{name}/release").body == b"released"
    assert [answer.status for answer in answers] == [200, 200]


def test_a_deadlock_holds_nobody_else(served: Served) -> None:
    with asking(served, "/deadlocks/one", "/deadlocks/other") as answers:
        assert eventually(lambda: in_flight(served, "deadlocks") == 2)
        for _ in range(8):
            assert served.healthy()["app"] == "healthy"
        served.ask("/deadlocks/release")
    assert b"deadlocked" in [answer.body for answer in answers]


@pytest.mark.parametrize("name", ENDLESS)
def test_an_endless_body_ends_with_its_client(served: Served, name: str) -> None:
    with served.connect() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        client.sendall(f"GET /{name}/ HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        received = 0
        while received < 4 << 20:
            received += len(client.recv(65536))
        assert served.healthy()["app"] == "healthy"
        assert in_flight(served, name) == 1
    assert eventually(lambda: in_flight(served, name) == 0)


def test_a_header_as_large_as_memory_is_sent(served: Served) -> None:
    """16 MiB stand for the gigabyte that not every machine has."""
    with served.connect() as client:
        client.sendall(b"GET /header_of_16_megabytes/ HTTP/1.0\r\nHost: x\r\n\r\n")
        received = b"".join(iter(lambda: client.recv(1 << 20), b""))
    assert received.startswith(b"HTTP/1.0 200 OK\r\n")
    assert received.count(b"x") == 16 << 20
    assert received.endswith(b"\r\n\r\nanswered")


def test_what_is_written_late_reaches_no_other_response(served: Served) -> None:
    with served.connect() as client:
        for _ in range(20):
            client.sendall(b"GET /writes_late/ HTTP/1.1\r\nHost: x\r\n\r\n")
            client.sendall(b"GET /healthy/ HTTP/1.1\r\nHost: x\r\n\r\n")
            time.sleep(0.02)
        client.shutdown(socket.SHUT_WR)
        received = b""
        while chunk := client.recv(65536):
            received += chunk
    assert b"evil" not in received


@pytest.mark.parametrize("name", PROCESS)
def test_a_change_of_the_process_leaves_the_others_serving(
    served: Served, name: str
) -> None:
    check(served, name, PROCESS[name])


def test_nothing_is_left_behind(served: Served, before: dict[str, Any]) -> None:
    served.ask("/spawns_threads/release")
    after: dict[str, Any] = {}

    def settled() -> bool:
        after.update(served.healthy("/healthy/census"))
        # A retry of the mounts that did not load may be about.
        threads = [name for name in after["threads"] if name != "gateway-retry"]
        usual = [name for name in before["threads"] if name != "gateway-retry"]
        return (
            threads == usual
            and after["contexts"] == before["contexts"]
            and after["descriptors"] <= before["descriptors"]
        )

    assert eventually(settled), {
        name: (before[name], after[name])
        for name in before
        if before[name] != after[name]
    }
    for mount in served.admin("/status")["mounts"]:
        assert mount["in_flight"] == (mount["name"] == "_gateway"), mount


def test_every_fault_is_in_the_log_with_its_mount(served: Served) -> None:
    log = served.log.read_text()
    raising = [name for name in FAULTS if name.startswith("raises_")]
    missing = [name for name in raising if f"mount {name}: " not in log]
    assert not [name for name in missing if name != "raises_in_close"]
