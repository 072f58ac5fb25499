"""Servers behind a ``proxy:`` mount for its tests, and what asks through it."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

from composing import composed
from werkzeug.wrappers import Request

from gateway.config.spec import ServerSpec
from gateway.servers.waitress import WaitressServer, running

SPEC = ServerSpec(
    host="127.0.0.1",
    port=0,
    threads=4,
    max_body=1 << 24,
    drain_timeout=10.0,
    idle_timeout=120.0,
    connection_limit=100,
    backlog=64,
)


def echo(environ: Any, start_response: Any) -> Iterable[bytes]:
    """Tell in JSON what has come; the query chooses what is answered."""
    request = Request(environ)
    told = {
        "method": request.method,
        "path": environ["PATH_INFO"],
        "query": environ["QUERY_STRING"],
        "headers": list(request.headers),
        "body": request.get_data(as_text=True),
    }
    body = json.dumps(told).encode()
    status = int(request.args.get("status", "200"))
    headers = [("Content-Type", "application/json")]
    if status not in (204, 304):
        headers.append(("Content-Length", str(len(body))))
    headers += [
        (name[2:], value)
        for name, value in request.args.items(multi=True)
        if name.startswith("h-")
    ]
    start_response(f"{status} {HTTPStatus(status).phrase}", headers)
    return [] if status in (204, 304) else [body]


@contextmanager
def upstream(application: Any = echo) -> Iterator[str]:
    with running(application, SPEC) as server:
        yield server.url


@contextmanager
def raw_upstream(serve: Callable[[socket.socket], None]) -> Iterator[str]:
    """Serve each connection with *serve*, in a thread; it gets the head read."""
    with socket.create_server(("127.0.0.1", 0)) as listener, ExitStack() as stack:
        over = threading.Event()

        def one(client: socket.socket) -> None:
            with client:
                client.settimeout(10)
                head = b""
                while b"\r\n\r\n" not in head and (data := client.recv(65536)):
                    head += data
                if head:
                    serve(client)

        def accept() -> None:
            while not over.is_set():
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                thread = threading.Thread(target=one, args=(client,))
                stack.callback(thread.join)
                thread.start()

        acceptor = threading.Thread(target=accept)
        acceptor.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            over.set()
            listener.shutdown(socket.SHUT_RDWR)
            acceptor.join()


@contextmanager
def proxied(
    folder: Path, url: str, keys: str = "", prefix: str = "/old"
) -> Iterator[WaitressServer]:
    """Serve a gateway whose mount at *prefix* passes on to *url*."""
    mounts = f"legacy: {{proxy: '{url}', prefix: {prefix}{keys}}}"
    with composed(folder, mounts) as gateway, running(gateway, SPEC) as server:
        yield server


def ask(
    server: WaitressServer,
    path: str,
    method: str = "GET",
    body: Any = None,
    headers: dict[str, str] | None = None,
) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection(*server.address, timeout=10)
    try:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()


def told(server: WaitressServer, path: str, **options: Any) -> dict[str, Any]:
    response, body = ask(server, path, **options)
    assert response.status == 200, body
    seen: dict[str, Any] = json.loads(body)
    seen["headers"] = {name.lower(): value for name, value in seen["headers"]}
    return seen
