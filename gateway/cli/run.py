"""``gateway run``: a script or a module, in a mount's context."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.options import config_option

if TYPE_CHECKING:
    from gateway.generation import Member
    from gateway.offline.script import Source


@click.command(
    "run",
    context_settings={"allow_interspersed_args": False},
    options_metavar="[OPTIONS]",
)
@config_option
@click.option("--all", "everything", is_flag=True, help="Load every mount.")
@click.argument("mount")
@click.argument(
    "script",
    nargs=-1,
    required=True,
    type=click.UNPROCESSED,
    metavar="SCRIPT|-m MODULE [ARGS]...",
)
def command(
    config: Path, everything: bool, mount: str, script: tuple[str, ...]
) -> None:
    """Run a script or a module in a mount's context.

    Its imports find the mount's modules, and it has the mount's environment variables,
    application and g. '-m MODULE' runs a module, '-' what standard input has. Only
    this mount is loaded. What stands behind the script is the script's own.
    """
    from gateway.cli.offline import in_mount
    from gateway.offline.script import run_source

    source, arguments = _source(script)

    def work(member: Member) -> None:
        run_source(source, arguments, member.loaded.namespace)

    in_mount(config, mount, everything, work)


def _source(given: tuple[str, ...]) -> tuple[Source, tuple[str, ...]]:
    """Take what stands behind the mount's name apart."""
    from gateway.offline.script import module_source, script_source

    first, rest = given[0], given[1:]
    if first == "-m":
        if not rest:
            raise click.UsageError("-m needs a module to run")
        return module_source(rest[0]), rest[1:]
    if first.startswith("-m"):
        return module_source(first[2:]), rest
    if first.startswith("-") and first != "-":
        raise click.UsageError(
            f"{first} stands behind the name of the mount, where the script is "
            "expected: the options of 'gateway run' stand in front of it"
        )
    return script_source(first, sys.stdin), rest
