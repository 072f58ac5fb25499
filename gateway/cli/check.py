"""``gateway check``: would it serve?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from gateway.cli.options import config_option


@click.command("check")
@config_option
def command(config: Path) -> None:
    """Validate the configuration and load every mount.

    Every problem is printed, and a notice for what works and may surprise: changes to
    what all mounts share, keys that several mounts sign with, modules named like
    standard ones, libraries that a mount's environment lacks, files that are looked
    for in the working directory. Exit code 1: a mount does not load; 2: the
    configuration itself has problems. Notices make no difference to it.
    """
    from gateway.cli.describe import route_rows
    from gateway.cli.failures import counted
    from gateway.cli.libraries import borrowed_by, library_notices, try_libraries
    from gateway.cli.loading import printing_to_stderr, telling_slow
    from gateway.cli.notices import notices
    from gateway.cli.render import CheckRow, show_table
    from gateway.config.load import load_config
    from gateway.config.nodes import printable
    from gateway.errors import LoadErrors
    from gateway.isolation.files import watching
    from gateway.lifecycle import Gateway

    spec = load_config(config)
    refusals = try_libraries(spec)
    failures: LoadErrors | None = None
    kinds: dict[str, str] = {}
    configs: dict[str, Mapping[str, Any]] = {}
    borrowed: dict[str, tuple[str, ...]] = {}
    try:
        with (
            printing_to_stderr(),
            watching() as files,
            Gateway(spec, loading=telling_slow) as loaded,
        ):
            kinds = {name: mount.kind for name, mount in loaded.mounts.items()}
            configs = {
                name: dict(mount.application.config)
                for name, mount in loaded.mounts.items()
            }
            borrowed = borrowed_by(loaded)
    except LoadErrors as error:
        failures = error
        kinds = dict(error.loaded)
    failed = {error.mount for error in failures.errors} if failures else set()
    show_table(
        CheckRow(
            **asdict(row) | {"kind": kinds.get(row.mount, row.kind)},
            result="FAILED" if row.mount in failed else "ok",
        )
        for row in route_rows(spec)
    )
    for line in (
        *notices(spec, configs),
        *library_notices(spec, borrowed, refusals),
        *(str(found) for found in files.findings if found.mount not in failed),
    ):
        click.echo(f"notice: {printable(line)}")
    if failures is not None:
        raise failures
    click.echo(f"{counted(len(spec.mounts), 'mount')}: everything loads.")
