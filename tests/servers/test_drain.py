"""The end of the server: what waits, runs or is being read is finished first."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from live import Client, Site, no_second_look, serving, spec, until, until_load

from gateway.config.spec import QueueSpec
from gateway.servers.waitress import Fairness, WaitressServer, running
from gateway.shares import Share

SIZE = 4 * 1024 * 1024
PIECE = bytes(range(256)) * 256


@pytest.fixture(autouse=True)
def _told(monkeypatch: pytest.MonkeyPatch) -> None:
    no_second_look(monkeypatch)


def stopping(server: WaitressServer) -> None:
    """Stop a server, and wait until it accepts no more."""
    server.stop()
    until(lambda: not any(each.accepting for each in server._listeners))


def streams(environ: Any, start_response: Any) -> Iterator[bytes]:
    start_response("200 OK", [("Content-Length", str(SIZE))])
    for _ in range(SIZE // len(PIECE)):
        yield PIECE


def test_requests_that_wait_are_served_before_the_end() -> None:
    site = Site(slow=QueueSpec(max_concurrency=1))
    with serving(site) as server, ExitStack() as stack:
        clients = [stack.enter_context(Client(server)) for _ in range(6)]
        for client in clients:
            client.send("/slow/held")
        until_load(server, "slow", running=1, queued=5)
        stopping(server)
        with pytest.raises(ConnectionRefusedError):
            Client(server)
        site.release("slow", 6)
        for client in clients:
            status, fields = client.head()
            assert (status, fields["connection"]) == (200, "close")
            assert client.read() == b"/slow/held"


def test_pipelined_requests_are_served_before_the_end() -> None:
    site = Site()
    with serving(site) as server, Client(server) as client:
        client.send("/slow/held").send("/slow/2")
        until_load(server, "slow", running=1, queued=0)
        stopping(server)
        site.release("slow")
        assert client.answer() == (200, b"/slow/held")
        status, fields = client.head()
        assert (status, fields["connection"]) == (200, "close")
        assert client.read() == b"/slow/2"


def test_what_waits_too_long_is_refused_while_the_server_drains() -> None:
    site = Site(slow=QueueSpec(max_concurrency=1, queue_timeout=0.2))
    with serving(site) as server, Client(server) as first, Client(server) as second:
        first.send("/slow/held")
        until_load(server, "slow", running=1, queued=0)
        second.send("/slow/")
        until_load(server, "slow", running=1, queued=1)
        stopping(server)
        assert second.answer()[0] == 503
        assert second.read() == b""
        site.release("slow")
        assert first.answer()[0] == 200


def test_a_stream_goes_on_to_its_end_while_the_server_drains() -> None:
    gate = threading.Event()

    def stream(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"first,"
        assert gate.wait(10)
        yield from (b"%d," % number for number in range(1000))

    with running(stream, spec()) as server, Client(server) as client:
        client.send("/")
        assert client.head()[1]["transfer-encoding"] == "chunked"
        assert client.read(3) == b"6\r\n"
        stopping(server)
        gate.set()
        rest = client.read()
        assert rest.endswith(b"4\r\n999,\r\n0\r\n\r\n")


@pytest.mark.parametrize("path", ["file", "stream", "list"])
def test_a_slow_reader_gets_every_byte_and_holds_no_thread(path: str) -> None:
    whole = PIECE * (SIZE // len(PIECE))

    def app(environ: Any, start_response: Any) -> Any:
        if path == "stream":
            return streams(environ, start_response)
        start_response("200 OK", [("Content-Length", str(SIZE))])
        if path == "list":
            return [whole]
        import io

        return environ["wsgi.file_wrapper"](io.BytesIO(whole))

    share = Share("a", QueueSpec(max_concurrency=1))
    with (
        running(app, spec(threads=1), Fairness(lambda environ: share)) as server,
        Client(server, receive_buffer=4096) as slow,
        Client(server) as fast,
    ):
        slow.send("/")
        assert slow.head()[0] == 200
        # It has not read a byte of the body, and the only thread is free again.
        until_load(server, "a", running=0, queued=0)
        assert fast.send("/").head()[0] == 200
        assert fast.read(SIZE) == whole
        stopping(server)
        assert slow.read() == whole


def test_what_outlasts_the_drain_timeout_is_counted_and_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    site = Site(slow=QueueSpec(max_concurrency=1))
    server = WaitressServer(site, spec(drain_timeout=0.3), fairness=site.fairness)
    left: list[int] = []
    thread = threading.Thread(target=lambda: left.append(server.run()))
    thread.start()
    with ExitStack() as stack:
        clients = [stack.enter_context(Client(server)) for _ in range(3)]
        clients[0].send("/slow/held", method="POST")
        until_load(server, "slow", running=1, queued=0)
        clients[1].send("/slow/%0A%22waits")
        until_load(server, "slow", running=1, queued=1)
        server.stop()
        thread.join(10)
        site.release("slow")
        until(lambda: not server._pool._threads)
    assert left == [2]
    assert "2 request(s) still running after 0.3s: cut off" in caplog.messages
    named = [line for line in caplog.messages if line.startswith("cut off: mount slow")]
    assert named[0].startswith("cut off: mount slow: POST /slow/held, running for 0.")
    assert named[1].startswith("cut off: mount slow: GET /slow/%0A%22waits, waiting")
    assert site.ran == ["/slow/held"]


def test_a_response_that_is_not_read_in_time_is_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = WaitressServer(streams, spec(drain_timeout=0.3))
    left: list[int] = []
    thread = threading.Thread(target=lambda: left.append(server.run()))
    thread.start()
    with Client(server, receive_buffer=4096) as client:
        client.send("/").head()
        until_load(server, "application", running=0, queued=0)
        server.stop()
        thread.join(10)
    assert left == [1]
    assert "1 response(s) not read to their ends after 0.3s: cut off" in caplog.messages


def test_a_client_that_stops_reading_holds_its_own_thread_only() -> None:
    """Past the output's limit (16 MiB) a worker waits, and wakes when it is read."""
    size = 24 * 1024 * 1024

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Length", str(size))])
        for _ in range(size // len(PIECE)):
            yield PIECE

    share = Share("big", QueueSpec(max_concurrency=1))
    site = Site()

    def both(environ: Any, start_response: Any) -> Any:
        big = environ["PATH_INFO"] == "/big"
        return (app if big else site)(environ, start_response)

    def share_of(environ: Any) -> Share:
        return share if environ["PATH_INFO"] == "/big" else site.share_of(environ)

    with (
        running(both, spec(threads=1), Fairness(share_of)) as server,
        Client(server, receive_buffer=4096) as slow,
        Client(server) as other,
        Client(server) as gone,
    ):
        slow.send("/big").head()
        assert other.get("/fast/") == (200, b"/fast/")
        assert server.loads()["big"].running == 1
        # Who leaves while a worker waits for him sets it free.
        gone.send("/big")
        until_load(server, "big", running=1, queued=1)
        body = slow.read(size)
        assert body == PIECE * (size // len(PIECE))
        assert gone.head()[0] == 200
        until_load(server, "big", running=1, queued=0)
        gone.close()
        until_load(server, "big", running=0, queued=0)
