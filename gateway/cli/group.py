"""The group of all commands; the module of each is imported when it is asked for."""

from __future__ import annotations

import os
from collections.abc import Mapping
from difflib import get_close_matches
from importlib import import_module
from typing import Any, Final

import click

from gateway._version import __version__
from gateway.cli.failures import failure
from gateway.errors import GatewayError

# The command, and the first line of its help: listing them imports none of them.
_COMMANDS: Final[Mapping[str, str]] = {
    "init": "Find the applications in folders and write a gateway.yaml.",
    "check": "Validate the configuration and load every mount.",
    "serve": "Serve every mount from this process.",
    "routes": "List what answers where.",
    "prove": "Prove that each mount has a context of its own in one shared process.",
    "doctor": "Find out what applications send out of their prefixes.",
    "reload": "Let the gateway that serves replace the mounts that have changed.",
    "status": "Show the mounts of the gateway that serves.",
    "health": "Ask the gateway that serves whether it is ready.",
    "call": "Send one request through the gateway, in process.",
    "run": "Run a script or a module in a mount's context.",
    "shell": "Open an interactive Python in a mount's context.",
    "schema": "Print the JSON Schema of gateway.yaml.",
}


class CommandGroup(click.Group):
    """Imports commands lazily, and prints deliberate errors without a traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of the commands, in the order in which one needs them."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = import_module(f"gateway.cli.{cmd_name}").command
        return command

    def format_commands(
        self, ctx: click.Context, formatter: click.HelpFormatter
    ) -> None:
        """List the commands in the help."""
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that *args* start with, or suggest one."""
        name = args[0]
        if name not in _COMMANDS and not name.startswith("-"):
            near = get_close_matches(name, _COMMANDS, 1)
            cure = f"did you mean {near[0]}?" if near else f"it is one of {_listed()}"
            ctx.fail(f"there is no command {name!r}: {cure}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command.

        :raises Failure: for every deliberate error, so that it is printed in words.
        """
        try:
            return super().invoke(ctx)
        except GatewayError as error:
            if os.environ.get("GATEWAY_DEBUG"):
                raise
            raise failure(error) from error


def _listed() -> str:
    return ", ".join(_COMMANDS)


@click.group(
    cls=CommandGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="GATEWAY_DEBUG=1 shows the traceback of an error, for bug reports.",
)
@click.version_option(__version__, prog_name="gateway", message="%(prog)s %(version)s")
def gateway() -> None:
    """Serve many independently built web applications from one process.

    One gateway.yaml says which application answers where; each runs in a context of
    its own.
    """
