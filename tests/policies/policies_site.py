"""Serves gateways with policies over real sockets."""

from __future__ import annotations

import http.client
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from composing import configured

from gateway.admin.application import administer
from gateway.config.load import load_config
from gateway.lifecycle import Gateway
from gateway.servers.waitress import running

SHOW = """
NAMES = (
    "REMOTE_ADDR", "REMOTE_USER", "AUTH_TYPE", "HTTP_AUTHORIZATION", "HTTP_HOST",
    "SCRIPT_NAME", "PATH_INFO", "SERVER_NAME", "SERVER_PORT", "wsgi.url_scheme",
)


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    left = [name for name in environ if "FORWARDED" in name or "REAL_IP" in name]
    lines = [f"{name}={environ.get(name)}" for name in NAMES]
    return ["\\n".join([*lines, f"forwarded={sorted(left)}"]).encode()]
"""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    text: str

    @property
    def shown(self) -> dict[str, str]:
        """What the application of SHOW has found in its environ."""
        return dict(line.split("=", 1) for line in self.text.splitlines())


@dataclass(frozen=True, slots=True)
class Served:
    """A gateway that listens."""

    gateway: Gateway
    address: tuple[str, int]

    def ask(
        self, path: str, method: str = "GET", body: Any = None, **headers: str
    ) -> Answer:
        """Send one request, with underscores in the names of *headers* as hyphens."""
        connection = http.client.HTTPConnection(*self.address, timeout=10)
        with closing(connection):
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, named)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read().decode())


def built(
    folder: Path,
    mounts: str,
    files: Mapping[str, str] | None = None,
    top: str = "",
    server: str = "threads: 2",
) -> Gateway:
    """Load a gateway; *top* is what stands above its mounts."""
    config = configured(folder, mounts, {"a/app.py": SHOW, **(files or {})})
    config.write_text(f"server: {{port: 0, {server}}}\n{top}\n{config.read_text()}")
    return Gateway(load_config(config), front=administer)


@contextmanager
def serving(
    folder: Path,
    mounts: str,
    files: Mapping[str, str] | None = None,
    top: str = "",
    server: str = "threads: 2",
) -> Iterator[Served]:
    """Serve a gateway, and close it at the end."""
    with (
        built(folder, mounts, files, top, server) as gateway,
        running(gateway, gateway.spec.server) as server,
    ):
        yield Served(gateway, server.address)
