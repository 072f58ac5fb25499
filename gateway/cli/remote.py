"""Asks the gateway that serves, over HTTP, at its ``admin:`` address."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote

import click

from gateway.cli.server_option import server_option
from gateway.config.load import load_admin
from gateway.config.nodes import shortened
from gateway.config.spec import AdminSpec
from gateway.errors import GatewayError
from gateway.servers.listening import authority, connectable

_Command = TypeVar("_Command", bound=Callable[..., Any])
_Read = TypeVar("_Read")

# How long connecting, and an answer that needs no work, may take, in seconds.
PATIENCE: Final = 10.0


class RemoteError(GatewayError):
    """The gateway that serves cannot be asked, or refuses."""


class NothingThereError(RemoteError):
    """What answers has nothing at the address that it was asked for."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server has answered.

    :param where: its host and port.
    """

    where: str
    status: int
    text: str

    def json(self) -> dict[str, Any]:
        """Return the JSON object that this is.

        :raises RemoteError: it is none.
        """
        try:
            found = json.loads(self.text)
        except (ValueError, RecursionError):
            found = None
        if isinstance(found, dict):
            return found
        if self.status == 503:
            raise RemoteError(
                f"{self.where} answers 503 and tells nothing of itself: it could not "
                "load its mounts, or has too much to do; its log tells which"
            )
        raise RemoteError(
            f"{self.where} answers, but not as a gateway does (status {self.status}): "
            "name the gateway's address with --host and --port"
        )

    def read(self, reading: Callable[[dict[str, Any]], _Read]) -> _Read:
        """Return what *reading* makes of the JSON object that this is.

        :raises RemoteError: it is none, or has not what is read.
        """
        found = self.json()
        try:
            return reading(found)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise RemoteError(
                f"{self.where} answers as another version of the gateway does: restart "
                "it, or use the command that it was installed with"
            ) from error

    def unexpected(self) -> RemoteError:
        """Return what tells that this status should not have come."""
        return RemoteError(
            f"an answer of status {self.status}: {shortened(self.text)!r}"
        )


def address_options(command: _Command) -> _Command:
    """Add ``--host`` and ``--port``, for servers that were started with them."""
    host = server_option("host", "Where it listens, if not where the file says.")
    port = click.option("--port", type=click.IntRange(1, 65535))
    return host(port(command))


class Remote:
    """A gateway that serves.

    :param config: its file.
    :param host: where it listens; what the file says by default.
    :raises ConfigError: ``server:`` or ``admin:`` of the file cannot be used.
    :raises RemoteError: the file does not tell where to ask.
    """

    def __init__(self, config: Path, host: str | None, port: int | None) -> None:
        server, admin = load_admin(config)
        if admin is None:
            raise RemoteError(
                f"{config} has no 'admin:' section, and only with one does a gateway "
                "answer about itself: add one, and restart it"
            )
        self.admin: AdminSpec = admin
        host = server.host if host is None else host
        self._host = connectable(host)
        self._port = server.port if port is None else port
        if not self._port:
            raise RemoteError(
                "'server:' has port 0, any free one: name it with --port, as 'gateway "
                "serve' has printed it"
            )

    def ask(self, method: str, path: str, patience: float | None) -> Answer:
        """Send one request to the ``admin:`` address.

        :param patience: how long the answer may take, in seconds; ``None`` for ever.
        :raises NothingThereError: the answer is 404.
        :raises RemoteError: there is none.
        """
        connection = HTTPConnection(self._host, self._port, timeout=PATIENCE)
        where = authority(self._host, self._port)
        headers = {}
        # What only reads needs none, and whoever listens there need not learn it.
        if self.admin.token is not None and method == "POST":
            headers["Authorization"] = f"Bearer {self.admin.token}"
        try:
            connection.connect()
            connection.sock.settimeout(patience)
            connection.request(method, quote(self.admin.prefix) + path, headers=headers)
            response = connection.getresponse()
            status, text = response.status, response.read().decode(errors="replace")
        except ConnectionRefusedError:
            raise RemoteError(
                f"nothing listens on {where}: start 'gateway serve', or name the "
                "address that it has printed with --host and --port"
            ) from None
        except (OSError, HTTPException) as error:
            raise RemoteError(f"{where} does not answer: {error!r}") from error
        finally:
            connection.close()
        if status == 404:
            raise NothingThereError(
                f"the server on {where} has nothing at {self.admin.prefix}{path}: it "
                "is no gateway, or was started before 'admin:' was in its file, or "
                "'admin.allow' has not the address that it is asked from"
            )
        return Answer(where, status, text)
