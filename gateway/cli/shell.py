"""``gateway shell``: an interactive Python, in a mount's context."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.options import config_option

if TYPE_CHECKING:
    from gateway.generation import Member


@click.command("shell")
@click.argument("mount")
@config_option
@click.option("--all", "everything", is_flag=True, help="Load every mount.")
@click.option("--plain", is_flag=True, help="Do without IPython.")
def command(config: Path, mount: str, everything: bool, plain: bool) -> None:
    """Open an interactive Python in a mount's context.

    Imports find the mount's modules; app, g, current_app and what the application's
    shell context processors return are there. IPython is used if it is installed. Only
    this mount is loaded.
    """
    from gateway.cli.offline import in_mount
    from gateway.offline.console import run_console

    def work(member: Member) -> None:
        served, wsgi = member.loaded.served, member.loaded.wsgi
        run_console(member.mount, wsgi if served is None else served, plain=plain)

    in_mount(config, mount, everything, work)
