"""``gateway status``: what the gateway that serves says about itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from gateway.cli.options import config_option
from gateway.cli.remote import PATIENCE, Remote, RemoteError, address_options


@click.command("status")
@config_option
@address_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(config: Path, host: str | None, port: int | None, as_json: bool) -> None:
    """Show the mounts of the gateway that serves, and how its last reload went."""
    from gateway.cli.render import show_table

    status, text = Remote(config, host, port).ask("GET", "/status", PATIENCE)
    if status != 200:
        raise RemoteError(f"an answer of status {status}: {text!r}")
    found = json.loads(text)
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    click.echo(
        f"gateway {found['version']}, process {found['pid']}, up for "
        f"{found['uptime']:.0f}s, {found['config']}"
    )
    show_table(_rows(found["mounts"]))
    show_problems(found)
    _show_reload(found["reload"])


def show_problems(found: dict[str, Any]) -> None:
    """Print why mounts do not load, and the threads that closed ones have left."""
    from gateway.isolation.begun import LeftThread

    for mount in found["mounts"]:
        if mount["problem"]:
            click.echo(f"mount {mount['name']!r} does not load: {mount['problem']}")
    for each in found["left_threads"]:
        thread = LeftThread(**each)
        click.echo(
            f"mount {thread.mount!r} was closed, and its thread {thread} lives on: end "
            "it in the function that 'shutdown:' names"
        )


def _rows(mounts: list[dict[str, Any]]) -> Any:
    from gateway.cli.render import StatusRow, milliseconds

    for mount in mounts:
        yield StatusRow(
            state=mount["state"],
            prefix=mount["prefix"],
            host=mount["host"],
            mount=mount["name"],
            kind=mount["kind"],
            running=mount["in_flight"],
            queued=mount["queued"],
            rejected=mount["rejected"],
            generation=mount["generation"],
            load=milliseconds(mount["load_seconds"]),
            source=mount["source"],
        )


def _show_reload(reload: dict[str, Any]) -> None:
    if reload["running"]:
        click.echo("a reload is running")
    last = reload["last"]
    if last is None:
        return
    if last["report"] is None:
        click.echo(f"the last reload, {last['at']}, failed:")
        for line in last["problems"]:
            click.echo(f"  {line}")
    else:
        names = ", ".join(last["report"]["replaced"]) or "nothing"
        click.echo(f"the last reload, {last['at']}, replaced {names}")
