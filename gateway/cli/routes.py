"""``gateway routes``: what answers where."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.options import config_option

if TYPE_CHECKING:
    from gateway.config.spec import GatewaySpec


@click.command("routes")
@config_option
@click.option("--deep", is_flag=True, help="List the URLs inside each mount, too.")
@click.option(
    "--table", "as_table", is_flag=True, help="With --deep: a table, no tree."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(config: Path, deep: bool, as_table: bool, as_json: bool) -> None:
    """List what answers where.

    Only the configuration is read; nothing is loaded. With --deep every mount is
    loaded and asked for its URLs; exit code 1 if one does not load. The JSON, and the
    tree of --deep, have the mounts' policies, too, in their order.
    """
    from gateway.cli.describe import route_details, route_rows
    from gateway.cli.render import show_json, show_table
    from gateway.config.load import load_config

    if as_table and not deep:
        raise click.UsageError("--table goes with --deep: without it there is no tree")
    spec = load_config(config)
    if deep:
        _deep(spec, as_table, as_json)
    elif as_json:
        show_json(route_details(spec))
    else:
        show_table(route_rows(spec))


def _deep(spec: GatewaySpec, as_table: bool, as_json: bool) -> None:
    from gateway.cli.loading import telling_slow, writing_to_stderr
    from gateway.cli.render import show_json, show_table
    from gateway.cli.urls import rows, show_tree
    from gateway.errors import LoadErrors
    from gateway.failing import Failures
    from gateway.lifecycle import Gateway
    from gateway.urlmap.mounts import url_maps

    # One that does not load keeps nobody from seeing the others.
    failures = Failures(development=True)
    with (
        writing_to_stderr(),
        Gateway(spec, loading=telling_slow, failures=failures) as gateway,
    ):
        maps = url_maps(gateway)
        failed = [
            each.failure.error for each in gateway.members.values() if each.failure
        ]
    if as_json:
        show_json(maps)
    elif as_table:
        show_table(rows(maps))
    else:
        show_tree(maps)
    if failed:
        raise LoadErrors(failed)
