"""What the tests of the ASGI bridge share."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

from waitress import create_server, wasyncore

from gateway.loaders.asgi import AsgiBridge


@dataclass
class Answer:
    """A response, as a WSGI server saw it."""

    status: int = 0
    reason: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    chunks: list[bytes] = field(default_factory=list)
    is_list: bool = False

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks)

    @property
    def text(self) -> str:
        return self.body.decode()

    def start_response(self, status: str, headers: Any, exc_info: Any = None) -> Any:
        self.status, self.reason = int(status[:3]), status[4:]
        self.headers = list(headers)
        return lambda data: None

    def header(self, name: str) -> str | None:
        return next((v for n, v in self.headers if n.lower() == name.lower()), None)


def make_environ(
    path: str = "/", method: str = "GET", body: bytes = b"", **extra: Any
) -> dict[str, Any]:
    environ: dict[str, Any] = {"REQUEST_METHOD": method, "PATH_INFO": path}
    setup_testing_defaults(environ)
    environ |= {"SCRIPT_NAME": "", "QUERY_STRING": "", "SERVER_PROTOCOL": "HTTP/1.1"}
    if body:
        environ["CONTENT_LENGTH"] = str(len(body))
    environ["wsgi.input"] = BytesIO(body)
    return environ | extra


def call(application: Any, path: str = "/", **options: Any) -> Answer:
    """Call *application* as the strictest of servers would, and read it to its end."""
    answer = Answer()
    body = validator(application)(make_environ(path, **options), answer.start_response)
    try:
        answer.chunks.extend(body)
    finally:
        body.close()  # type: ignore[attr-defined]
    return answer


def call_bare(application: Any, path: str = "/", **options: Any) -> Answer:
    """Call *application* with nothing between."""
    answer = Answer()
    body = application(make_environ(path, **options), answer.start_response)
    answer.is_list = isinstance(body, list)
    try:
        answer.chunks.extend(body)
    finally:
        if hasattr(body, "close"):
            body.close()
    return answer


@contextmanager
def bridged(app: Any, name: str = "api", **options: Any) -> Iterator[AsgiBridge]:
    """Serve *app* for as long as the block runs."""
    bridge = AsgiBridge(app, name=name, **options)
    bridge.startup(timeout=5)
    try:
        yield bridge
    finally:
        bridge.shutdown(2)


@contextmanager
def served(application: Any, **options: Any) -> Iterator[int]:
    """Serve *application* by a real waitress; gives the port."""
    channels: dict[int, Any] = {}
    server = create_server(
        application, map=channels, host="127.0.0.1", port=0, threads=4, **options
    )
    stop = threading.Event()

    def run() -> None:
        while not stop.is_set():
            wasyncore.loop(timeout=0.05, map=channels, count=1)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield server.effective_port
    finally:
        server.task_dispatcher.shutdown(timeout=5)
        stop.set()
        thread.join()
        for channel in list(server.active_channels.values()):
            channel.handle_close()  # it has buffers to close, too
        wasyncore.close_all(channels)


def eventually(condition: Callable[[], object], timeout: float = 5.0) -> bool:
    """Wait until *condition* holds."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def start(status: int = 200, *headers: tuple[bytes, bytes]) -> dict[str, Any]:
    fields = headers or ((b"content-type", b"text/plain"),)
    return {"type": "http.response.start", "status": status, "headers": fields}


def body(chunk: bytes = b"", more: bool = False) -> dict[str, Any]:
    return {"type": "http.response.body", "body": chunk, "more_body": more}


def http_only(app: Any) -> Any:
    """Make *app* one that takes no part in the lifespan protocol."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await app(scope, receive, send)

    return application
