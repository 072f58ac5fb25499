"""``gateway health``: whether the gateway that serves is well, for health checks."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import click

from gateway.cli.options import config_option
from gateway.cli.remote import Answer, NothingThereError, Remote, address_options
from gateway.site import UnknownMountError

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
    if live:
        answer = remote.ask("GET", "/livez", remote.admin.probe_timeout + _MORE)
        lines = [answer.text.strip()]
    else:
        answer = _readiness(remote, mount)
        if answer.status not in (200, 503):
            raise answer.unexpected()
        lines = answer.read(_lines)
    if not quiet:
        for line in lines:
            click.echo(line)
    click.get_current_context().exit(0 if answer.status == 200 else 1)


def _readiness(remote: Remote, mount: str | None) -> Answer:
    patience = remote.admin.probe_timeout + _MORE
    if mount is None:
        return remote.ask("GET", "/readyz", patience)
    try:
        return remote.ask("GET", f"/readyz/{quote(mount, '')}", patience)
    except NothingThereError:
        # If it is a gateway, it is the mount that is not there.
        known = remote.ask("GET", "/readyz", patience).read(_names)
        raise UnknownMountError(mount, known) from None


def _names(found: dict[str, Any]) -> list[str]:
    return [mount["name"] for mount in found["mounts"]]


def _lines(found: dict[str, Any]) -> list[str]:
    mounts = found.get("mounts", [found])
    problems = [
        f"mount {mount['name']!r}: {mount['problem']}"
        for mount in mounts
        if not mount["ready"]
    ]
    state = found.get("state", "ready" if found["ready"] else "unready")
    return [state, *problems]
