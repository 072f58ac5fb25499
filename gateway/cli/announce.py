"""What ``gateway serve`` prints when it begins to serve."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from gateway.lifecycle import Gateway


def announce(loaded: Gateway, url: str, engine: str = "") -> None:
    """Print the mounts, why some of them have failed, and where they are served.

    :param engine: what serves, if that is worth a word.
    """
    from gateway.cli.render import LoadedRow, milliseconds, show_table
    from gateway.explain import explain

    show_table(
        LoadedRow(
            prefix=mount.prefix or "/",
            host=mount.host,
            mount=mount.name,
            kind=mount.kind,
            load="FAILED" if member.failure else milliseconds(mount.load_seconds),
            source=mount.source,
        )
        for member in loaded.members.values()
        for mount in [member.mount]
    )
    for member in loaded.members.values():
        if member.failure is not None:
            for line in explain(member.failure.error):
                click.echo(line, err=True)
    click.echo(f"Serving on {url}{engine} (Ctrl-C ends it)")
