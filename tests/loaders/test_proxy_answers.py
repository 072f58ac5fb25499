"""What ``proxy:`` mounts take for an answer, and where it ends: over real sockets."""

from __future__ import annotations

import logging
import socket
import threading
from pathlib import Path

import pytest
from proxy_support import ask, proxied, raw_upstream, told, upstream
from werkzeug.test import create_environ

from gateway.config.spec import ProxyTarget
from gateway.loaders.proxy import Proxy
from gateway.loaders.proxy_headers import address_of, response_headers

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def read_head(client: socket.socket) -> bytes:
    head = b""
    while b"\r\n\r\n" not in head and (data := client.recv(65536)):
        head += data
    return head


@pytest.mark.parametrize("interim", [(103,), (100, 102, 103), (103,) * 20])
def test_interim_answers_are_not_the_answer(
    tmp_path: Path, interim: tuple[int, ...]
) -> None:
    def serve(client: socket.socket) -> None:
        for status in interim:
            client.sendall(b"HTTP/1.1 %d Wait\r\nLink: </a.css>\r\n\r\n" % status)
        client.sendall(OK)
        if read_head(client):
            client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext")

    with raw_upstream(serve) as url, proxied(tmp_path, url) as server:
        response, body = ask(server, "/old/")
        assert (response.status, body) == (200, b"ok")
        assert "Link" not in response.headers
        # On the same connection: nothing of the first answer is left there.
        assert ask(server, "/old/")[1] == b"next"


def test_an_answer_that_comes_late_is_not_the_next_clients(tmp_path: Path) -> None:
    """After 103 (Early Hints), which ends nothing, the connection is in use."""
    second = threading.Event()

    def serve(client: socket.socket) -> None:
        client.sendall(b"HTTP/1.1 103 Early Hints\r\n\r\n")
        second.wait(10)
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret")

    answers: list[bytes] = []
    with raw_upstream(serve) as url, proxied(tmp_path, url) as server:
        threads = [
            threading.Thread(target=lambda: answers.append(ask(server, "/old/")[1]))
            for _ in range(2)
        ]
        for thread in threads:
            thread.start()
        second.set()
        for thread in threads:
            thread.join()
    assert answers == [b"secret", b"secret"]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\n\r\n" * 30,
        b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0_2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked"
        b"\r\n\r\n0\r\n\r\n",
    ],
)
def test_nobody_can_tell_where_it_ends(tmp_path: Path, answer: bytes) -> None:
    with (
        raw_upstream(lambda client: client.sendall(answer)) as url,
        proxied(tmp_path, url) as server,
    ):
        assert ask(server, "/old/")[0].status == 502


def test_a_line_that_is_no_field(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What follows it is lost to http.client, the length perhaps."""
    answer = OK.replace(b"Content", b"X Y: 1\r\nSet-Cookie: s=secret\r\nContent")
    with (
        raw_upstream(lambda client: client.sendall(answer)) as url,
        proxied(tmp_path, url) as server,
    ):
        assert ask(server, "/old/")[0].status == 502
    assert "no field" in caplog.text
    assert "secret" not in caplog.text


def test_blanks_around_a_length(tmp_path: Path) -> None:
    answer = OK.replace(b"Length: 2", b"Length:  2 \t")
    with (
        raw_upstream(lambda client: client.sendall(answer)) as url,
        proxied(tmp_path, url) as server,
    ):
        assert ask(server, "/old/")[1] == b"ok"


def test_no_more_is_passed_on_than_belongs_to_it() -> None:
    begun = threading.Event()

    def serve(client: socket.socket) -> None:
        client.sendall(OK[:-1])
        begun.wait(10)
        client.sendall(b"k" + OK)

    with raw_upstream(serve) as url:
        proxy = Proxy("legacy", ProxyTarget(url, 5.0, 5.0, True))
        body = proxy(create_environ("/"), lambda *_: lambda data: None)
        chunks = iter(body)
        assert next(chunks) == b"o"
        begun.set()
        assert b"".join(chunks) == b"k"
        body.close()  # type: ignore[attr-defined]
        proxy.close()


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_no_content_has_no_length(
    tmp_path: Path, status: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """With one, waitress misses the bytes."""
    answer = b"HTTP/1.1 " + status + b"\r\nContent-Length: 5\r\nETag: x\r\n\r\n"
    with (
        raw_upstream(lambda client: client.sendall(answer)) as url,
        proxied(tmp_path, url) as server,
    ):
        response, body = ask(server, "/old/")
    assert (response.status, body) == (int(status[:3]), b"")
    assert response.headers["ETag"] == "x"
    assert not [each for each in caplog.records if each.levelno >= logging.WARNING]


def test_what_servers_in_front_refuse_is_left_out(tmp_path: Path) -> None:
    answer = (
        b"HTTP/1.1 200 O\rK\r\nContent-Length: 2\r\nX-Folded: a\r\n  b\r\n"
        b"X-Controls: a\0b\x1b[1m\r\nTrailers: x\r\nX-Latin: caf\xe9\tx\r\n\r\nok"
    )
    with (
        raw_upstream(lambda client: client.sendall(answer)) as url,
        proxied(tmp_path, url) as server,
    ):
        response, body = ask(server, "/old/")
    assert (response.status, response.reason, body) == (200, "O K", b"ok")
    assert response.headers["X-Folded"].split() == ["a", "b"]
    assert response.headers["X-Controls"] == "a b [1m"
    assert response.headers["X-Latin"] == "caf\xe9\tx"
    assert "Trailers" not in response.headers


@pytest.mark.parametrize("method", ["CONNECT", "TRACE"])
def test_methods_for_the_next_server_only(tmp_path: Path, method: str) -> None:
    with upstream() as url, proxied(tmp_path, url) as server:
        assert ask(server, "/old/", method)[0].status == 501


def test_nothing_that_a_client_claims_of_itself_is_passed_on(tmp_path: Path) -> None:
    names = ["Forwarded", "X-Real-IP", "X-Forwarded-Prefix"]
    names += [f"X-Forwarded-{each}" for each in ("Ssl", "Scheme", "User", "Server")]
    with upstream() as url, proxied(tmp_path, url) as server:
        claims = dict.fromkeys(names, "claimed")
        headers = told(server, "/old/", headers=claims)["headers"]
    assert "claimed" not in headers.values()


@pytest.mark.parametrize(
    ("sent", "seen"),
    [
        ("a=%41&b=100%", "a=%41&b=100%25"),
        ("a=%4&b=%C3%A9", "a=%254&b=%C3%A9"),
        ("a=%25", "a=%25"),
        ("%", "%25"),
    ],
)
def test_a_stray_percent_sign_leaves_the_others(
    tmp_path: Path, sent: str, seen: str
) -> None:
    with upstream() as url, proxied(tmp_path, url) as server:
        assert told(server, "/old/?" + sent)["query"] == seen


@pytest.mark.parametrize(
    ("prefix", "url", "sent", "seen"),
    [
        ("", "http://up:9/app", "/app/x", "/x"),
        ("", "http://up:9/app", "/app", "/"),
        ("", "http://up:9/app", "http://up:9/app/x", "https://me.example/x"),
        # Not the host evil.example.
        ("", "http://up:9/app", "/app//evil.example", "/evil.example"),
        ("", "http://up:9", "////evil.example", "/evil.example"),
        ("", "http://up:9", "/x//y", "/x//y"),
        ("/old", "http://up:9/app", "/app//x", "/old//x"),
        ("/old", "http://up:9", "//up:9/x", "//me.example/old/x"),
        ("/old", "http://up:9", "//me.example/x", "//me.example/old/x"),
        ("/old", "http://up:9", "//up/x", "//up/x"),
    ],
)
def test_addresses(prefix: str, url: str, sent: str, seen: str) -> None:
    environ = create_environ("/", "https://me.example")
    environ["SCRIPT_NAME"] = prefix
    headers = response_headers([("Location", sent)], environ, address_of(url))
    assert headers == [("Location", seen)]
