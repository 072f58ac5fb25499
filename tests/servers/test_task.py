"""Responses whose length is told twice, or by what is not sent: none is misread."""

from __future__ import annotations

import http.client
import logging
import sys
from typing import Any

import pytest
from live import Client, spec

from gateway.servers.waitress import running


def told(environ: Any, start_response: Any) -> list[bytes]:
    """Tell lengths in ways that are easily got wrong."""
    path = environ["PATH_INFO"]
    if path == "/unchanged":
        start_response("304 Not Modified", [("Content-Length", "500")])
        return []
    if path == "/written":
        write = start_response("200 OK", [])
        write(b"one ")
        write(b"two ")
        return [b"three"]
    if path == "/short":
        start_response("200 OK", [("Content-Length", "500")])
        return []
    fields = [("X-Wrong", "\x01")] if path == "/refused" else [("Content-Length", "99")]
    write = start_response("200 OK", fields)
    try:
        if path == "/refused":
            write(b"never sent")
        raise ValueError
    except Exception:
        start_response("500 Oops", [], sys.exc_info())
    return [b"oops"]


@pytest.mark.parametrize("path", ["/unchanged", "/written", "/refused", "/replaced"])
def test_what_was_told_does_not_end_the_connection(
    path: str, caplog: pytest.LogCaptureFixture
) -> None:
    with running(told, spec()) as server:
        client = http.client.HTTPConnection(*server.address, timeout=10)
        for method in ("GET", "HEAD", "GET"):
            client.request(method, path)
            socket_before = client.sock
            answer = client.getresponse()
            body = {"/unchanged": b"", "/written": b"one two three"}.get(path, b"oops")
            assert answer.read() == (body if method == "GET" else b"")
            assert answer.getheader("Connection") is None
            assert answer.getheader("Content-Length") not in ("99", "500")
            assert client.sock is socket_before is not None
        client.close()
    assert not [each for each in caplog.records if each.levelno >= logging.WARNING]


def test_a_connection_that_ends_is_not_said_to_be_kept() -> None:
    with running(told, spec()) as server, Client(server) as client:
        client.socket.sendall(b"GET /short HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        head = client.read()
    assert head.count(b"Connection: close\r\n") == head.count(b"Connection:") == 1
