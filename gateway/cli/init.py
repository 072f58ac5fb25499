"""``gateway init``: from folders of applications to a ``gateway.yaml``."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from gateway.cli.options import DEFAULT_FILE

if TYPE_CHECKING:
    from gateway.cli.discover.find import Discovery
    from gateway.cli.discover.plan import Planned


@click.command("init")
@click.argument(
    "folders",
    metavar="[FOLDER]...",
    nargs=-1,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
)
@click.option(
    "-o",
    "--output",
    "-c",
    "--config",
    type=click.Path(path_type=Path, allow_dash=True),
    envvar="GATEWAY_CONFIG",
    show_envvar=True,
    default=DEFAULT_FILE,
    show_default=True,
    help="The file to write; - is standard output.",
)
@click.option("--force", is_flag=True, help="Overwrite the file if it exists.")
@click.pass_context
def command(
    ctx: click.Context, folders: tuple[Path, ...], output: Path, force: bool
) -> None:
    """Find the applications in folders and write a gateway.yaml.

    Without a FOLDER, the current one and those below it are searched. Source is read
    and never run: Flask, Django, Bottle, FastAPI, Starlette, Falcon, Pyramid, Dash,
    native and plain WSGI or ASGI applications are found, factories too, and folders of
    static pages. Where one folder has several, the others are named in comments.
    """
    to_stdout = os.fspath(output) == "-"
    if not to_stdout and not force and os.path.lexists(output):
        raise click.UsageError(
            f"{output} exists already: --force overwrites it, -o FILE writes another, "
            "-o - prints"
        )
    from gateway.cli.discover.find import discover
    from gateway.cli.discover.plan import plan
    from gateway.cli.write_yaml import gateway_yaml

    discovery = discover(folders or (Path(),))
    mounts = plan(discovery)
    _report(mounts, discovery, err=to_stdout)
    if not mounts:
        click.echo(
            "error: no application was found in "
            + ", ".join(map(os.fspath, folders or (Path.cwd(),)))
            + ": name the folder of one",
            err=True,
        )
        ctx.exit(1)
    home = Path.cwd() if to_stdout else Path(os.path.abspath(output)).parent
    text = gateway_yaml(mounts, home)
    if to_stdout:
        click.echo(text, nl=False)
        return
    _write(output, text, force)
    named = ctx.get_parameter_source("output") is ParameterSource.COMMANDLINE
    which = f" -c {shlex.quote(os.fspath(output))}" if named else ""
    click.echo(f"Wrote {output}. Next: gateway check{which}; gateway serve{which}")


def _report(mounts: Sequence[Planned], discovery: Discovery, *, err: bool) -> None:
    from gateway.cli.render import FoundRow, show_table
    from gateway.cli.write_yaml import describe, shown_path

    here = Path.cwd()
    show_table(
        (
            FoundRow(
                prefix="not mounted" if mount.obstacle else mount.prefix,
                mount=mount.name,
                kind=describe(mount.found.app) if mount.found.app else "static files",
                source=shown_path(mount.found.shown, here),
            )
            for mount in mounts
        ),
        err=err,
    )
    for skipped in discovery.skipped:
        click.echo(
            f"skipped {shown_path(skipped.path, here)}: {skipped.reason}", err=True
        )


def _write(path: Path, text: str, force: bool) -> None:
    """Write the file.

    :raises click.FileError: it cannot be written.
    """
    try:
        # "x" once more refuses a file that has appeared meanwhile.
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise click.FileError(os.fspath(path), error.strerror or str(error)) from error
