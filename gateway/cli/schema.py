"""``gateway schema``: the JSON Schema of ``gateway.yaml``, for editors."""

from __future__ import annotations

import json

import click


@click.command("schema")
def command() -> None:
    """Print the JSON Schema of gateway.yaml.

    An editor that has it completes keys and marks mistakes while you type.
    """
    from gateway.config.schema import json_schema

    click.echo(json.dumps(json_schema(), indent=2))
