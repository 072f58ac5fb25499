"""Mounts to be held and released at will, and clients that read byte by byte."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from gateway.config.spec import QueueSpec, ServerSpec
from gateway.servers.waitress import Fairness, WaitressServer, running
from gateway.shares import NOBODY, Load, Share

PATIENCE = 10


def spec(**changes: Any) -> ServerSpec:
    values: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": 0,
        "threads": 2,
        "max_body": 1 << 24,
        "drain_timeout": 10.0,
        "idle_timeout": 120.0,
        "connection_limit": 200,
        "backlog": 64,
        "max_threads": 8,
    }
    return ServerSpec(**{**values, **changes})


class Site:
    """A WSGI application: ``/NAME/...`` is a mount that has a share of its own.

    ``/NAME/held`` is answered when :meth:`release` was called for NAME, anything else
    at once. What was run is noted in :attr:`ran`.
    """

    def __init__(self, **limits: QueueSpec) -> None:
        self.limits = limits
        self.ran: list[str] = []
        self._gates: dict[str, threading.Semaphore] = {}
        self.threads: set[str] = set()

    def share_of(self, environ: Any) -> Share:
        name = environ["PATH_INFO"].split("/")[1]
        if name == "admin":
            return Share(name, vital=True)
        return Share(name, self.limits.get(name, QueueSpec())) if name else NOBODY

    @property
    def fairness(self) -> Fairness:
        return Fairness(self.share_of)

    def gate(self, name: str) -> threading.Semaphore:
        return self._gates.setdefault(name, threading.Semaphore(0))

    def release(self, name: str, times: int = 1) -> None:
        self.gate(name).release(times)

    def __call__(self, environ: Any, start_response: Any) -> list[bytes]:
        path = environ["PATH_INFO"]
        self.ran.append(path)
        self.threads.add(threading.current_thread().name)
        if path.endswith("/held"):
            assert self.gate(path.split("/")[1]).acquire(timeout=2 * PATIENCE)
        body = environ["wsgi.input"].read() or path.encode()
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body]


class Client:
    """One connection, and its responses one by one."""

    def __init__(self, server: WaitressServer, receive_buffer: int = 0) -> None:
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(PATIENCE)
        try:
            self.socket.connect(server.address)
        except OSError:
            self.socket.close()
            raise
        self._file = self.socket.makefile("rb")

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()
        self.socket.close()

    def send(self, path: str, *more: str, method: str = "GET") -> Client:
        lines = [f"{method} {path} HTTP/1.1", "Host: x", *more, "", ""]
        self.socket.sendall("\r\n".join(lines).encode())
        return self

    def head(self) -> tuple[int, dict[str, str]]:
        """Read the head of a response: its status and its fields."""
        status = int(self._file.readline().split()[1])
        fields = {}
        while (line := self._file.readline()) not in (b"\r\n", b""):
            name, _, value = line.decode().partition(":")
            fields[name.lower()] = value.strip()
        return status, fields

    def answer(self) -> tuple[int, bytes]:
        """Read a whole response that says its length."""
        status, fields = self.head()
        return status, self._file.read(int(fields["content-length"]))

    def get(self, path: str) -> tuple[int, bytes]:
        return self.send(path).answer()

    def read(self, size: int = -1) -> bytes:
        return self._file.read(size)


def no_second_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep loops from looking at what nobody has told them of, as they do at times.

    What is missed then is missed for good, and the test that waits for it fails.
    """
    monkeypatch.setattr("gateway.servers.loop._SWEEP", 3600.0)
    monkeypatch.setattr("gateway.servers.waitress._TURN", 3600.0)


@contextmanager
def serving(site: Site, **changes: Any) -> Iterator[WaitressServer]:
    with running(site, spec(**changes), site.fairness) as server:
        yield server


def until(true: Callable[[], bool]) -> None:
    """Wait for what a server's thread is about to do."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.002)


def until_load(server: WaitressServer, name: str, running: int, queued: int) -> None:
    """Wait until so many requests of a mount have a thread, and so many wait."""

    def has_come() -> bool:
        load = server.loads().get(name, Load(0, 0, 0))
        return (load.running, load.queued) == (running, queued)

    until(has_come)
