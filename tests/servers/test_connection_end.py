"""How connections end: clients that send no more, too much, nothing, or too late."""

from __future__ import annotations

import logging
import os
import resource
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from live import Client, Site, serving, spec, until, until_load
from test_channel import turns_of

from gateway.config.spec import QueueSpec
from gateway.servers.waitress import WaitressServer, running

MIDDLE = 6 << 20


def middle(environ: Any, start_response: Any) -> list[bytes]:
    """Answer with more than a socket takes, and less than a worker has to wait for."""
    start_response("200 OK", [("Content-Length", str(MIDDLE))])
    return [b"m" * MIDDLE]


def test_a_client_that_only_shuts_its_own_direction_is_answered() -> None:
    site = Site()
    with serving(site) as server, Client(server) as client:
        client.send("/a/").send("/a/held").send("/b/")
        client.socket.shutdown(socket.SHUT_WR)
        assert client.answer() == (200, b"/a/")
        site.release("a")
        assert client.answer() == (200, b"/a/held")
        assert client.answer() == (200, b"/b/")
        assert client.read() == b""
        until(lambda: not server._channels())


def test_an_end_without_a_request_or_with_half_of_one_ends_the_connection() -> None:
    with serving(Site()) as server:
        for half in (
            b"",
            b"GET / HT",
            b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nx",
        ):
            with Client(server) as client:
                client.socket.sendall(half)
                client.socket.shutdown(socket.SHUT_WR)
                assert client.read() == b""


def test_who_waits_for_its_share_and_may_have_left_is_not_served() -> None:
    site = Site(slow=QueueSpec(1))
    with serving(site) as server, Client(server) as first, Client(server) as second:
        first.send("/slow/held")
        until_load(server, "slow", running=1, queued=0)
        second.send("/slow/")
        until_load(server, "slow", running=1, queued=1)
        second.socket.shutdown(socket.SHUT_WR)
        assert second.read() == b""
        site.release("slow")
        assert first.answer()[0] == 200
    assert site.ran == ["/slow/held"]


def test_an_application_can_see_that_its_client_may_have_left() -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        until(environ["waitress.client_disconnected"])
        start_response("200 OK", [("Content-Length", "4")])
        return [b"seen"]

    with running(app, spec()) as server, Client(server) as client:
        client.send("/").socket.shutdown(socket.SHUT_WR)
        assert client.answer() == (200, b"seen")


@pytest.mark.parametrize(
    ("length", "status"), [(None, 200), (0, 200), (1 << 30, 413), ("x", 400)]
)
def test_an_expectation_without_a_body_that_is_wanted_is_answered_at_once(
    length: object, status: int
) -> None:
    lines = ["Expect: 100-continue"]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    with serving(Site()) as server, Client(server) as client:
        assert client.send("/a/", *lines, method="POST").answer()[0] == status


@pytest.mark.parametrize("late", [b"\r\n", b"GET /late HTTP/1.1\r\nHost: x\r\n\r\n"])
@pytest.mark.parametrize("draining", [False, True])
def test_what_comes_late_cuts_no_response(late: bytes, draining: bool) -> None:
    with (
        running(middle, spec()) as server,
        Client(server, receive_buffer=4096) as client,
    ):
        client.send("/", "Connection: keep-alive" if draining else "X: y")
        if not draining:
            client.send("/", "Connection: close")
        until(lambda: any(each.total_outbufs_len for each in server._channels()))
        if draining:
            server.stop()
            until(lambda: not server._listeners[0].accepting)
        client.socket.sendall(late)
        for _ in range(1 if draining else 2):
            length = int(client.head()[1]["content-length"])
            assert client.read(length) == b"m" * MIDDLE
        # In time, it is one more request; too late, it is none.
        assert client.read() == b"" or draining


def test_a_client_that_still_uploads_reads_why_it_was_refused() -> None:
    with serving(Site(), max_body=100) as server, Client(server) as client:
        client.send("/a/", f"Content-Length: {MIDDLE}", method="POST")
        client.socket.sendall(b"b" * MIDDLE)
        assert client.answer()[0] == 413


def test_a_client_that_does_not_close_is_not_waited_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gateway.servers.channel._SILENT", 0.05)
    monkeypatch.setattr("gateway.servers.loop._SWEEP", 0.05)
    monkeypatch.setattr("gateway.servers.waitress._TURN", 0.05)
    with serving(Site()) as server, Client(server) as client:
        client.send("/a/", "Connection: close")
        assert client.answer() == (200, b"/a/")
        until(lambda: not server._channels())


def test_a_worker_does_not_wait_for_ever_for_a_client_that_reads_nothing() -> None:
    ended = threading.Event()

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        try:
            while True:
                yield b"x" * 1_000_000
        finally:
            ended.set()

    with (
        running(app, spec(idle_timeout=1.0)) as server,
        Client(server, receive_buffer=4096) as client,
    ):
        client.send("/")
        assert ended.wait(10)
        until(lambda: not server._channels())


def test_a_client_that_resets_what_is_left_of_its_response_is_no_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    go_on = threading.Event()

    def late(environ: Any, start_response: Any) -> list[bytes]:
        go_on.wait(10)
        return middle(environ, start_response)

    with (
        running(late, spec()) as server,
        Client(server, receive_buffer=4096) as client,
    ):
        client.send("/").socket.shutdown(socket.SHUT_WR)
        # Before there is output: then the loop does not read.
        until(lambda: any(each._has_ended for each in server._channels()))
        go_on.set()
        until(lambda: any(each.close_when_flushed for each in server._channels()))
        # It is closed with a reset.
        client.socket.setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
        client.close()
        until(lambda: not server._channels())
    assert not caplog.records


def test_urgent_data_does_not_keep_the_loop_busy() -> None:
    with serving(Site()) as server, Client(server) as client:
        assert client.get("/a/")[0] == 200
        client.socket.send(b"!", socket.MSG_OOB)
        assert turns_of(server, 0.2) <= 4


@contextmanager
def no_descriptors() -> Iterator[None]:
    """Leave the process without a free file descriptor."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with ExitStack() as stack:
        number = os.open(os.devnull, os.O_RDONLY)
        stack.callback(os.close, number)
        resource.setrlimit(resource.RLIMIT_NOFILE, (number + 1, hard))
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        while True:
            try:
                stack.callback(os.close, os.dup(number))
            except OSError:
                break
        yield


def test_without_a_file_descriptor_clients_wait_and_the_loop_does_not_spin(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING, "gateway.server")
    with serving(Site()) as server, Client(server) as other, ExitStack() as stack:
        assert other.get("/a/")[0] == 200
        waiting = stack.enter_context(socket.socket())
        waiting.settimeout(10)
        with no_descriptors():
            waiting.connect(server.address)
            waiting.sendall(b"GET /a/ HTTP/1.1\r\nHost: x\r\n\r\n")
            until(lambda: "Too many open files" in caplog.text)
            assert turns_of(server, 0.2) <= 4
            assert other.get("/a/")[0] == 200
        assert waiting.recv(100).startswith(b"HTTP/1.1 200 OK")
    assert caplog.text.count("Too many open files") == 1


def test_a_response_that_nobody_reads_is_closed_in_time() -> None:
    with (
        running(middle, spec(idle_timeout=1.0)) as server,
        Client(server, receive_buffer=4096) as client,
    ):
        client.send("/").head()
        until(lambda: not server._channels())


def test_a_request_that_was_not_sent_to_its_end_is_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = WaitressServer(Site(), spec(drain_timeout=0.2))
    left: list[int] = []
    thread = threading.Thread(target=lambda: left.append(server.run()))
    thread.start()
    with Client(server) as client:
        client.send("/a/", "Content-Length: 9", method="POST")
        until(lambda: any(each.request for each in server._channels()))
        server.stop()
        thread.join(10)
    assert left == [1]
    assert "1 request(s) not sent to their ends after 0.2s: cut off" in caplog.messages
