"""A connection between its worker and the loop: nothing is lost, nobody spins."""

from __future__ import annotations

import gc
import os
import random
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from live import Client, no_second_look, spec, until, until_load
from waitress import wasyncore

from gateway.servers.loop import Loop
from gateway.servers.waitress import WaitressServer, running


@pytest.fixture(autouse=True)
def _told(monkeypatch: pytest.MonkeyPatch) -> None:
    no_second_look(monkeypatch)


def pieces_of(seed: int) -> list[bytes]:
    """Return the pieces of a body; some are larger than what a socket takes."""
    chance = random.Random(seed)
    sizes = [chance.choice([1, 100, 3000, 70_000, 600_000]) for _ in range(40)]
    return [chance.randbytes(size) for size in sizes]


def bodies(environ: Any, start_response: Any) -> Iterator[bytes]:
    pieces = pieces_of(int(environ["PATH_INFO"].strip("/")))
    start_response("200 OK", [("Content-Length", str(sum(map(len, pieces))))])
    chance = random.Random(environ["PATH_INFO"])
    for piece in pieces:
        yield piece
        if chance.random() < 0.2:
            time.sleep(0.002)  # The loop gets a turn with the output half sent.


def test_slow_readers_of_large_streams_get_every_byte() -> None:
    wrong: list[object] = []

    def read(server: WaitressServer, seed: int) -> None:
        chance = random.Random(seed)
        try:
            with Client(server, receive_buffer=32768) as client:
                for number in (seed, seed + 100):
                    client.send(f"/{number}")
                for number in (seed, seed + 100):
                    left = int(client.head()[1]["content-length"])
                    body = bytearray()
                    while left:
                        data = client.read(min(left, chance.randrange(1, 300_000)))
                        body += data
                        left -= len(data)
                        if chance.random() < 0.1:
                            time.sleep(0.003)
                    if body != b"".join(pieces_of(number)):
                        wrong.append(number)
        except (OSError, IndexError) as error:
            wrong.append((seed, error))

    with running(bodies, spec(threads=3)) as server:
        threads = [
            threading.Thread(target=read, args=(server, seed)) for seed in range(6)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not wrong


def turns_of(server: WaitressServer, seconds: float) -> int:
    """Count the loop's turns for a while."""
    count = 0
    turn = server._loop.turn

    def counted(timeout: float) -> None:
        nonlocal count
        count += 1
        turn(timeout)

    server._loop.turn = counted  # type: ignore[method-assign]
    server._loop.wake()
    time.sleep(seconds)
    return count


def test_the_loop_waits_while_a_worker_holds_the_output() -> None:
    held, go_on = threading.Event(), threading.Event()

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Length", "8")])
        yield b"half"
        held.set()
        assert go_on.wait(10)
        yield b"half"

    with running(app, spec()) as server, Client(server) as client:
        client.send("/")
        assert held.wait(10)
        channel = server._channels()[0]
        with channel.outbuf_lock:
            # As in the middle of a worker's write: there is output, and it is held.
            channel.total_outbufs_len += 1
            try:
                assert turns_of(server, 0.2) <= 4
            finally:
                channel.total_outbufs_len -= 1
        go_on.set()
        assert client.answer() == (200, b"halfhalf")


def test_a_full_pipe_wakes_the_loop_all_the_same() -> None:
    loop = Loop()
    try:
        os.write(loop.wakeup_fd, b"x" * 65536)
        with pytest.raises(BlockingIOError):
            os.write(loop.wakeup_fd, b"x" * 65536)
        loop.wake()
        loop.turn(10)
        for _ in range(16):
            loop.turn(0)
        loop.wake()
        started = time.monotonic()
        loop.turn(10)
        assert time.monotonic() - started < 5
    finally:
        loop.close()


def test_a_loop_that_is_woken_while_it_wakes_can_be_woken_again() -> None:
    loop = Loop()
    waker = loop._waker
    recv = waker.recv

    def recv_amid_others(size: int) -> bytes:
        loop.wake()
        data: bytes = recv(size)
        loop.wake()
        return data

    waker.recv = recv_amid_others
    try:
        for _ in range(3):
            loop.wake()
            started = time.monotonic()
            loop.turn(10)
            assert time.monotonic() - started < 5
    finally:
        loop.close()


def test_after_its_end_a_loop_is_woken_no_more() -> None:
    loop = Loop()
    number = loop.wakeup_fd
    loop.close()
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    try:
        if writer != number:
            os.dup2(writer, number)
        loop.wake()
        with pytest.raises(BlockingIOError):
            os.read(reader, 1)
    finally:
        for each in {reader, writer, number}:
            os.close(each)


def test_without_epoll_it_serves_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.servers.loop._SYSTEM_HAS_EPOLL", False)
    turns: list[float] = []
    loop = wasyncore.loop

    def counted(**options: Any) -> None:
        turns.append(options["timeout"])
        loop(**options)

    monkeypatch.setattr(wasyncore, "loop", counted)
    monkeypatch.setattr("gateway.servers.waitress._TURN", 1.0)
    with running(bodies, spec()) as server, Client(server) as client:
        assert client.get("/1") == (200, b"".join(pieces_of(1)))
        assert client.get("/2") == (200, b"".join(pieces_of(2)))
        until_load(server, "application", running=0, queued=0)
    assert turns


def test_a_client_that_leaves_in_the_middle_ends_the_body(
    caplog: pytest.LogCaptureFixture,
) -> None:
    closed = threading.Event()

    class Endless:
        def __iter__(self) -> Iterator[bytes]:
            while True:
                yield b"x" * 65536

        def close(self) -> None:
            closed.set()

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        return Endless()

    with running(app, spec()) as server:
        with Client(server, receive_buffer=4096) as client:
            client.send("/").head()
        assert closed.wait(10)
        until_load(server, "application", running=0, queued=0)
        until(lambda: not server._channels())
    assert not caplog.records


@pytest.mark.parametrize("body", [["text"], iter(["text"]), [3]])
def test_a_body_of_anything_but_bytes_is_a_500(
    body: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Length", "4")])
        return body

    with running(app, spec()) as server, Client(server) as client:
        assert client.send("/").head()[0] == 500
    assert "serving GET / failed" in caplog.text


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_a_body_of_any_bytes_is_sent(kind: Any) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Length", "8")])
        return [kind(b"half"), kind(b"half")]

    with running(app, spec()) as server, Client(server) as client:
        assert client.get("/") == (200, b"halfhalf")


def test_large_uploads_that_wait_at_the_end_are_closed() -> None:
    held = threading.Event()

    def app(environ: Any, start_response: Any) -> list[bytes]:
        assert held.wait(10)
        start_response("200 OK", [("Content-Length", "0")])
        return []

    server = WaitressServer(app, spec(threads=1, max_threads=1, drain_timeout=0.2))
    thread = threading.Thread(target=server.run)
    thread.start()
    size = 1 << 20  # What is so large is kept in a file.
    with Client(server) as first, Client(server) as second:
        first.send("/")
        until_load(server, "application", running=1, queued=0)
        second.send("/", f"Content-Length: {size}").socket.sendall(b"x" * size)
        until_load(server, "application", running=1, queued=1)
        server.stop()
        thread.join(10)
        held.set()
        until(lambda: not server._pool._threads)
    gc.collect()
