"""How deliberate errors are printed, and the exit code each leads to."""

from __future__ import annotations

from typing import IO, Any

import click

from gateway.errors import ConfigError, GatewayError
from gateway.explain import counted as counted
from gateway.explain import explain as explain


class Failure(click.ClickException):
    """A deliberate error on its way to the terminal.

    :param error: what went wrong.
    """

    exit_code = 1

    def __init__(self, error: GatewayError) -> None:
        super().__init__(str(error))
        self.error = error

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the error to standard error."""
        for line in explain(self.error):
            click.echo(line, file, err=True)


class ConfigFailure(Failure):
    """A configuration that cannot be used."""

    exit_code = 2


def failure(error: GatewayError) -> Failure:
    """Return *error* as what click prints, with its exit code."""
    return ConfigFailure(error) if isinstance(error, ConfigError) else Failure(error)
