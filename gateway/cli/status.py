"""``gateway status``: what the gateway that serves says about itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.options import config_option
from gateway.cli.remote import PATIENCE, Remote, address_options

if TYPE_CHECKING:
    from gateway.cli.render import StatusRow


@click.command("status")
@config_option
@address_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(config: Path, host: str | None, port: int | None, as_json: bool) -> None:
    """Show the mounts of the gateway that serves, and how its last reload went."""
    from gateway.cli.render import show_table

    answer = Remote(config, host, port).ask("GET", "/status", PATIENCE)
    if answer.status != 200:
        raise answer.unexpected()
    if as_json:
        click.echo(json.dumps(answer.json(), indent=2))
        return
    head, rows, more = answer.read(_read)
    click.echo(head)
    show_table(rows)
    for line in more:
        click.echo(line)


def problem_lines(found: dict[str, Any]) -> Iterator[str]:
    """Yield why mounts do not load, and the threads that closed ones have left.

    :param found: the gateway's status.
    """
    from gateway.isolation.begun import LeftThread

    for mount in found["mounts"]:
        if mount["problem"]:
            yield f"mount {mount['name']!r} does not load: {mount['problem']}"
    for each in found["left_threads"]:
        thread = LeftThread(**each)
        yield (
            f"mount {thread.mount!r} was closed, and its thread {thread} lives on: end "
            "it in the function that 'shutdown:' names"
        )


def _read(found: dict[str, Any]) -> tuple[str, list[StatusRow], list[str]]:
    head = (
        f"gateway {found['version']}, process {found['pid']}, up for "
        f"{found['uptime']:.0f}s, {found['config']}"
    )
    rows = list(_rows(found["mounts"]))
    return head, rows, [*problem_lines(found), *_reload_lines(found["reload"])]


def _rows(mounts: list[dict[str, Any]]) -> Iterator[StatusRow]:
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


def _reload_lines(reload: dict[str, Any]) -> Iterator[str]:
    if reload["running"]:
        yield "a reload is running"
    last = reload["last"]
    if last is None:
        return
    if last["report"] is None:
        yield f"the last reload, {last['at']}, failed:"
        for line in last["problems"]:
            yield f"  {line}"
    else:
        names = ", ".join(last["report"]["replaced"]) or "nothing"
        yield f"the last reload, {last['at']}, replaced {names}"
