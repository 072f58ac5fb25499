"""How deliberate errors are printed, and the exit code each leads to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any

import click

from gateway.errors import AppCrashedError, ConfigError, GatewayError, LoadErrors


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


def explain(error: GatewayError) -> Iterator[str]:
    """Yield the lines that tell a person what went wrong, one problem after another."""
    if isinstance(error, ConfigError):
        yield from map(str, error.problems)
        yield counted(len(error.problems), "problem")
        return
    parts: tuple[GatewayError, ...] = (error,)
    if isinstance(error, LoadErrors):
        parts = error.errors
    for part in parts:
        yield f"error: {part}"
        if isinstance(part, AppCrashedError):
            yield from (f"    {line}" for line in part.frames.rstrip().splitlines())
    if len(parts) > 1:
        yield f"{counted(len(parts), 'mount')} could not be loaded"


def counted(number: int, noun: str) -> str:
    """Return *number* and *noun*, in the plural if need be."""
    return f"{number} {noun}" + ("" if number == 1 else "s")
