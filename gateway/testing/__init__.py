"""Testing applications without a server."""

from __future__ import annotations

from gateway.framework.cli_testing import CommandRunner as CommandRunner
from gateway.framework.testing import Client as Client
from gateway.framework.testing import EnvironBuilder as EnvironBuilder

# The names that a ported import line has.
FlaskClient = Client
FlaskCliRunner = CommandRunner
