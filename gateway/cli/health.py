"""``gateway health``: whether the gateway that serves is well, for health checks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final
from urllib.parse import quote

import click

from gateway.cli.options import config_option
from gateway.cli.remote import Remote, RemoteError, address_options

# How long the answer may take beyond the probes' own timeout, in seconds.
_MORE: Final = 3.0


@click.command("health")
@config_option
@address_options
@click.option("--live", is_flag=True, help="Ask only whether it answers at all.")
@click.option("--mount", metavar="NAME", help="Ask about one mount.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing; the exit code tells.")
def command(
    config: Path,
    host: str | None,
    port: int | None,
    live: bool,
    mount: str | None,
    quiet: bool,
) -> None:
    """Ask the gateway that serves whether it is ready.

    Exit code 0: it is. Exit code 1: it is not, or it does not answer.
    """
    if live and mount is not None:
        raise click.UsageError("--live is about the gateway, --mount about one mount")
    remote = Remote(config, host, port)
    path = "/livez" if live else "/readyz"
    if mount is not None:
        path += f"/{quote(mount, '')}"
    status, text = remote.ask("GET", path, remote.admin.probe_timeout + _MORE)
    if not live and status not in (200, 503):
        raise RemoteError(f"an answer of status {status}: {text!r}")
    if not quiet:
        for line in [text.strip()] if live else _lines(text):
            click.echo(line)
    click.get_current_context().exit(0 if status == 200 else 1)


def _lines(text: str) -> list[str]:
    found = json.loads(text)
    mounts = found.get("mounts", [found])
    problems = [
        f"mount {mount['name']!r}: {mount['problem']}"
        for mount in mounts
        if not mount["ready"]
    ]
    state = found.get("state", "ready" if found["ready"] else "unready")
    return [state, *problems]
