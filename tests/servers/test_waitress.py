"""The default server over real sockets: it serves, it drains, it ends."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.config.spec import ServerSpec
from gateway.errors import ServeError
from gateway.servers.waitress import WaitressServer, running

SIZE = 4 * 1024 * 1024


def spec(**changes: Any) -> ServerSpec:
    values: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": 0,
        "threads": 4,
        "max_body": 1 << 20,
        "drain_timeout": 10.0,
        "idle_timeout": 120.0,
        "connection_limit": 100,
        "backlog": 64,
    }
    return ServerSpec(**{**values, **changes})


def hello(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5")])
    return [b"hello"]


def large(environ: Any, start_response: Any) -> Iterator[bytes]:
    start_response("200 OK", [("Content-Length", str(SIZE))])
    for _ in range(SIZE // 65536):
        yield b"x" * 65536


def get(server: WaitressServer, path: str = "/") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(*server.address, timeout=10)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def ask(server: WaitressServer) -> socket.socket:
    client = socket.create_connection(server.address, timeout=10)
    client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    return client


def read_answer(client: socket.socket) -> bytes:
    """Read a response whose body is ``hello``; the connection stays open."""
    data = b""
    while not data.endswith(b"hello"):
        chunk = client.recv(1024)
        assert chunk, data
        data += chunk
    return data


def read_all(client: socket.socket) -> bytes:
    data = b""
    while chunk := client.recv(65536):
        data += chunk
    return data


def test_it_serves_and_says_where() -> None:
    with running(hello, spec()) as server:
        host, port = server.address
        assert server.url == f"http://{host}:{port}"
        assert get(server) == (200, b"hello")


def test_it_names_no_software() -> None:
    with running(hello, spec()) as server:
        connection = http.client.HTTPConnection(*server.address, timeout=10)
        connection.request("GET", "/")
        response = connection.getresponse()
        response.read()
        assert response.getheader("Server") is None
        connection.close()


def test_a_larger_body_than_allowed_is_refused() -> None:
    with running(hello, spec(max_body=10)) as server:
        connection = http.client.HTTPConnection(*server.address, timeout=10)
        connection.request("POST", "/", body=b"x" * 11)
        assert connection.getresponse().status == 413
        connection.close()


def test_an_idle_connection_is_closed_in_time() -> None:
    with running(hello, spec(idle_timeout=1.0)) as server:
        client = ask(server)
        read_answer(client)
        started = time.monotonic()
        client.settimeout(10)
        assert client.recv(1024) == b""
        assert time.monotonic() - started < 8
        client.close()


def test_ipv6_is_served_where_the_machine_has_it() -> None:
    try:
        probe = socket.socket(socket.AF_INET6)
        probe.bind(("::1", 0))
        probe.close()
    except OSError:
        pytest.skip("component not installed: an IPv6 loopback")
    with running(hello, spec(host="::1")) as server:
        assert server.url.startswith("http://[::1]:")
        assert get(server) == (200, b"hello")


def test_a_taken_address_is_said_with_the_cure() -> None:
    with (
        running(hello, spec()) as server,
        pytest.raises(ServeError, match=r"cannot listen on .*in use.*--port"),
    ):
        WaitressServer(hello, spec(port=server.address[1]))


def test_an_unknown_host_is_said_with_the_cure() -> None:
    with pytest.raises(ServeError, match="host is not known"):
        WaitressServer(hello, spec(host="no-such-host.invalid"))


def test_stopping_finishes_what_is_in_flight() -> None:
    entered, released = threading.Event(), threading.Event()

    def slow(environ: Any, start_response: Any) -> list[bytes]:
        entered.set()
        assert released.wait(10)
        return hello(environ, start_response)

    with running(slow, spec()) as server:
        client = ask(server)
        assert entered.wait(10)
        server.stop()
        time.sleep(0.2)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(server.address, timeout=2)
        released.set()
        assert read_all(client).endswith(b"hello")
        client.close()


def test_a_slow_reader_gets_every_byte_while_the_server_stops() -> None:
    with running(large, spec()) as server:
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(20)
        client.connect(server.address)
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        data = client.recv(1024)
        server.stop()
        turns = 0
        while chunk := client.recv(65536):
            data += chunk
            turns += 1
            if turns < 100:
                time.sleep(0.005)
        client.close()
    head, _, body = data.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert len(body) == SIZE


def test_a_request_that_has_just_been_sent_is_still_answered() -> None:
    with running(hello, spec()) as server:
        clients = [ask(server) for _ in range(20)]
        server.stop()
        assert [read_all(client)[-5:] for client in clients] == [b"hello"] * 20
        for client in clients:
            client.close()


def test_idle_connections_do_not_hold_the_stop() -> None:
    with running(hello, spec(drain_timeout=30.0)) as server:
        client = ask(server)
        read_answer(client)
        silent = socket.create_connection(server.address, timeout=10)
        started = time.monotonic()
        server.stop()
        assert client.recv(1024) == b""
        assert silent.recv(1024) == b""
        assert time.monotonic() - started < 5
        client.close()
        silent.close()


def test_the_drain_timeout_ends_what_hangs(caplog: pytest.LogCaptureFixture) -> None:
    entered, released = threading.Event(), threading.Event()

    def hangs(environ: Any, start_response: Any) -> list[bytes]:
        entered.set()
        released.wait(30)
        return hello(environ, start_response)

    server = WaitressServer(hangs, spec(drain_timeout=0.3))
    stragglers: list[int] = []
    thread = threading.Thread(target=lambda: stragglers.append(server.run()))
    thread.start()
    client = ask(server)
    assert entered.wait(10)
    server.stop()
    thread.join(10)
    released.set()
    client.close()
    assert stragglers == [1]
    assert "1 request(s) still running after 0.3s" in caplog.text


@pytest.mark.parametrize("path", ["/list", "/length", "/stream"])
def test_a_head_request_leaves_the_connection_in_order(path: str) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        headers = [("Content-Type", "text/plain")]
        if environ["PATH_INFO"] == "/length":
            headers.append(("Content-Length", "5"))
        start_response("200 OK", headers)
        return iter([b"he", b"llo"]) if environ["PATH_INFO"] != "/list" else [b"hello"]

    with running(app, spec()) as server:
        client = socket.create_connection(server.address, timeout=10)
        head = f"HEAD {path} HTTP/1.1\r\nHost: x\r\n\r\n"
        client.sendall(head.encode())
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += client.recv(1)
        length = b"Content-Length: 5\r\n" if path != "/stream" else b"chunked\r\n"
        assert length in answer
        client.sendall(b"GET /length HTTP/1.1\r\nHost: x\r\n\r\n")
        assert read_answer(client).startswith(b"HTTP/1.1 200")
        client.close()


def delimited(environ: Any, start_response: Any) -> Any:
    """Answer with the status that the path says, without a length."""
    start_response(environ["PATH_INFO"][1:], [("X-Test", "a")])
    return iter([b"he", b"llo"]) if environ["PATH_INFO"] == "/200 OK" else []


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified", "200 OK"])
def test_what_tells_its_own_end_keeps_the_connection(status: str) -> None:
    with running(delimited, spec()) as server:
        client = http.client.HTTPConnection(*server.address, timeout=10)
        for _ in range(3):
            client.request("GET", f"/{status.replace(' ', '%20')}")
            socket_before = client.sock
            answer = client.getresponse()
            assert answer.status == int(status[:3])
            assert answer.read() == (b"hello" if status == "200 OK" else b"")
            assert answer.getheader("Connection") is None
            assert answer.getheader("Content-Length") is None
            assert client.sock is socket_before is not None
        client.request("GET", "/204%20No%20Content", headers={"Connection": "close"})
        assert client.getresponse().getheader("Connection") == "close"
        client.close()


def test_an_old_client_finds_the_end_by_the_end_of_the_connection() -> None:
    with running(delimited, spec()) as server:
        client = socket.create_connection(server.address, timeout=10)
        client.sendall(b"GET /200%20OK HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        with client, client.makefile("rb") as answer:
            assert answer.read().endswith(b"\r\n\r\nhello")


def test_names_of_headers_are_sent_as_they_are_written() -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("ETag", '"a"'), ("x-lower", "b"), ("Server", "c")])
        return [b"hello"]

    with running(app, spec()) as server:
        client = socket.create_connection(server.address, timeout=10)
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = read_answer(client)
        client.close()
    assert b'\r\nETag: "a"\r\nx-lower: b\r\nServer: c\r\n' in answer
    assert b"Via" not in answer


def test_busy_keep_alive_clients_do_not_hold_the_stop() -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        time.sleep(0.02)
        return hello(environ, start_response)

    ends: list[bytes] = []

    def browse(address: tuple[str, int]) -> None:
        client = socket.create_connection(address, timeout=10)
        answer = b""
        while b"Connection: close" not in answer:
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            answer = read_answer(client)
        ends.append(client.recv(1024))
        client.close()

    with running(app, spec(drain_timeout=30.0)) as server:
        threads = [
            threading.Thread(target=browse, args=(server.address,)) for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        time.sleep(0.3)
        started = time.monotonic()
        server.stop()
        for thread in threads:
            thread.join(10)
    assert time.monotonic() - started < 5
    assert ends == [b""] * 4


def test_a_request_that_never_arrives_does_not_hold_the_stop() -> None:
    with running(hello, spec(drain_timeout=30.0)) as server:
        client = socket.create_connection(server.address, timeout=10)
        client.sendall(b"GET / HT")
        time.sleep(0.2)
        started = time.monotonic()
        server.stop()
        assert client.recv(1024) == b""
        client.close()
    assert time.monotonic() - started < 5


def test_a_client_that_left_its_request_is_waited_for_no_longer_than_others() -> None:
    entered, released = threading.Event(), threading.Event()

    def hangs(environ: Any, start_response: Any) -> list[bytes]:
        entered.set()
        released.wait(30)
        return hello(environ, start_response)

    server = WaitressServer(hangs, spec(drain_timeout=0.5))
    stragglers: list[int] = []
    thread = threading.Thread(target=lambda: stragglers.append(server.run()))
    thread.start()
    try:
        client = ask(server)
        assert entered.wait(10)
        client.close()
        started = time.monotonic()
        server.stop()
        thread.join(10)
        assert time.monotonic() - started < 4
        assert stragglers == [1]
    finally:
        released.set()
        thread.join(10)


def test_a_connection_limit_of_one_serves_one_connection_at_a_time() -> None:
    with running(hello, spec(connection_limit=1)) as server:
        assert get(server) == (200, b"hello")
        assert get(server) == (200, b"hello")


SCRIPT = """
import sys, time
from gateway.config.spec import ServerSpec
from gateway.servers.waitress import WaitressServer
def app(environ, start_response):
    start_response("200 OK", [("Content-Length", "5")])
    def body():
        print("in", flush=True)
        time.sleep(float(sys.argv[1]))
        yield b"hello"
    return body()
def reload():
    print("reload", flush=True)
    time.sleep(0.3)
spec = ServerSpec("127.0.0.1", 0, 2, 1024, 10.0, 60.0, 100, 64)
server = WaitressServer(app, spec, reload if len(sys.argv) > 2 else None)
print(server.address[1], flush=True)
code = server.run()
print("ended", code, flush=True)
"""


@pytest.fixture
def process(request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[str]]:
    started = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, *str(request.param).split()],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    with started:
        yield started
        if started.poll() is None:
            started.kill()


def ask_process(process: subprocess.Popen[str]) -> socket.socket:
    assert process.stdout is not None
    port = int(process.stdout.readline())
    client = socket.create_connection(("127.0.0.1", port), timeout=10)
    client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert process.stdout.readline() == "in\n"
    return client


@pytest.mark.parametrize("process", [0.5], indirect=True)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_drains_and_ends_with_zero(
    process: subprocess.Popen[str], number: signal.Signals
) -> None:
    client = ask_process(process)
    process.send_signal(number)
    assert read_all(client).endswith(b"hello")
    client.close()
    assert process.wait(10) == 0
    assert process.stdout is not None
    assert process.stdout.read() == "ended 0\n"


@pytest.mark.parametrize("process", [30], indirect=True)
def test_the_second_signal_ends_at_once(process: subprocess.Popen[str]) -> None:
    client = ask_process(process)
    process.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert process.wait(5) == 128 + signal.SIGTERM
    client.close()


@pytest.mark.parametrize("process", ["3 reload"], indirect=True)
def test_a_hang_up_reloads_where_there_is_a_reload(
    process: subprocess.Popen[str],
) -> None:
    client = ask_process(process)
    assert process.stdout is not None
    process.send_signal(signal.SIGHUP)
    assert process.stdout.readline() == "reload\n"
    # Those that come while it runs are one more.
    for _ in range(3):
        process.send_signal(signal.SIGHUP)
        time.sleep(0.02)
    assert process.stdout.readline() == "reload\n"
    process.terminate()
    time.sleep(0.1)
    process.send_signal(signal.SIGHUP)  # While it drains it is ignored.
    assert read_all(client).endswith(b"hello")
    client.close()
    assert process.wait(10) == 0
    assert process.stdout.read() == "ended 0\n"


@pytest.mark.parametrize(("limit", "accepted"), [(100, 20), (5, 5)])
def test_clients_are_accepted_together_up_to_the_limit(
    limit: int, accepted: int
) -> None:
    server = WaitressServer(hello, spec(connection_limit=limit))
    clients = [socket.create_connection(server.address, timeout=10) for _ in range(20)]
    server._turn(10)
    assert len(server._channels()) == accepted
    server.stop()
    server.run()
    for client in clients:
        client.close()
