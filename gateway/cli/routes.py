"""``gateway routes``: what answers where, from the configuration alone."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.cli.options import config_option


@click.command("routes")
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(config: Path, as_json: bool) -> None:
    """List what answers where.

    Only the configuration is read; nothing is loaded.
    """
    from gateway.cli.describe import route_rows
    from gateway.cli.render import show_json, show_table
    from gateway.config.load import load_config

    rows = route_rows(load_config(config))
    if as_json:
        show_json(rows)
    else:
        show_table(rows)
