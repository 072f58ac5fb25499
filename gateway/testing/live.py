"""A gateway on a real server, for as long as a test needs it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from gateway.lifecycle import Gateway
from gateway.servers.waitress import running


@dataclass(frozen=True, slots=True)
class LiveGateway:
    """A gateway that is being served.

    :param gateway: what is served.
    :param base_url: scheme, host and port, without a trailing slash.
    """

    gateway: Gateway
    base_url: str

    def url(self, path: str = "/") -> str:
        """Return the URL of *path*, which may do without the slash it starts with."""
        return self.base_url + ("" if path.startswith("/") else "/") + path


@contextmanager
def serving(gateway: Gateway) -> Iterator[LiveGateway]:
    """Serve *gateway* on a free port of the loopback interface, for ``with``.

    It is the server of ``gateway serve``, with the settings of the file's ``server:``
    but for the address. The gateway is not closed at the end.
    """
    spec = replace(gateway.spec.server, host="127.0.0.1", port=0)
    with running(gateway, spec) as server:
        host, port = server.address[:2]
        yield LiveGateway(gateway, f"http://{host}:{port}")
