"""Testing applications without a server, and gateways with and without one.

The names are imported when they are first used: pytest imports this package wherever
it is installed, also for projects that have no gateway.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.framework.cli_testing import CommandRunner as CommandRunner
    from gateway.framework.cli_testing import CommandRunner as FlaskCliRunner
    from gateway.framework.testing import Client as Client
    from gateway.framework.testing import Client as FlaskClient
    from gateway.framework.testing import EnvironBuilder as EnvironBuilder
    from gateway.testing.client import GatewayClient as GatewayClient
    from gateway.testing.client import MountClient as MountClient
    from gateway.testing.live import LiveGateway as LiveGateway
    from gateway.testing.live import serving as serving

    __all__ = ["FlaskCliRunner", "FlaskClient"]

_HOMES = {
    "Client": "gateway.framework.testing",
    "CommandRunner": "gateway.framework.cli_testing",
    "EnvironBuilder": "gateway.framework.testing",
    "GatewayClient": "gateway.testing.client",
    "LiveGateway": "gateway.testing.live",
    "MountClient": "gateway.testing.client",
    "serving": "gateway.testing.live",
}
# The names that a ported import line has.
_PORTED = {"FlaskClient": "Client", "FlaskCliRunner": "CommandRunner"}


def __getattr__(name: str) -> object:
    own = _PORTED.get(name, name)
    if own not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[own]), own)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES, *_PORTED})
