"""The words of ASGI 3 that the bridge's parts share: types, version and errors."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final, TypeAlias

from gateway.errors import GatewayError

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
AsgiApplication: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

# Since 2.4 a server raises OSError from send() once the client has gone. Frameworks
# that see it need no second task that waits for the disconnect.
HTTP_SPEC: Final = "2.4"
LIFESPAN_SPEC: Final = "2.0"


class AsgiError(GatewayError, RuntimeError):
    """An ASGI application broke the protocol, or could not finish a request."""


class ClientDisconnected(AsgiError, OSError):
    """A message was sent to a client that has gone."""


class UndecodableRequest(AsgiError):
    """The request cannot be told in ASGI's terms; the answer is a 400."""
