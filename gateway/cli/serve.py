"""``gateway serve``: every mount, from this process, until a signal."""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from gateway.cli.options import config_option

if TYPE_CHECKING:
    from gateway.lifecycle import Gateway


@click.command("serve")
@config_option
@click.option("--host", help="The address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), help="0 takes a free port.")
@click.option("--threads", type=click.IntRange(1, 4096), help="Requests at a time.")
@click.option("-q", "--quiet", is_flag=True, help="No log line for each request.")
@click.pass_context
def command(
    ctx: click.Context,
    config: Path,
    host: str | None,
    port: int | None,
    threads: int | None,
    quiet: bool,
) -> None:
    """Serve every mount from this process.

    SIGTERM and SIGINT end it in good order: requests in flight are finished, then the
    applications are shut down. Exit code 1: requests outlasted the drain timeout.
    """
    with _interruptible(), _log_to_stderr(quiet):
        from gateway.config.load import load_config
        from gateway.lifecycle import Gateway
        from gateway.servers.waitress import WaitressServer

        spec = load_config(config)
        server_spec = replace(
            spec.server,
            host=spec.server.host if host is None else host,
            port=spec.server.port if port is None else port,
            threads=spec.server.threads if threads is None else threads,
        )
        with Gateway(spec) as loaded:
            server = WaitressServer(loaded, server_spec)
            _announce(loaded, server.url)
            stragglers = server.run()
    ctx.exit(1 if stragglers else 0)


def _announce(loaded: Gateway, url: str) -> None:
    from gateway.cli.render import LoadedRow, milliseconds, show_table

    show_table(
        LoadedRow(
            prefix=mount.prefix or "/",
            host=mount.host,
            mount=mount.name,
            kind=mount.kind,
            load=milliseconds(mount.load_seconds),
            source=mount.source,
        )
        for mount in loaded.mounts.values()
    )
    click.echo(f"Serving on {url} (Ctrl-C ends it)")


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let SIGTERM, like SIGINT, end the loading of the mounts in good order.

    While it serves, the server has handlers of its own. Without this, a container's
    first process would not even notice a SIGTERM before.
    """
    received: list[int] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        received.append(number)
        raise KeyboardInterrupt

    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, interrupt) for number in numbers]
    try:
        yield
    except KeyboardInterrupt:
        # As a shell reports a process that a signal ended.
        sys.exit(128 + received[0] if received else 1)
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


@contextmanager
def _log_to_stderr(quiet: bool) -> Iterator[None]:
    """Send the gateway's own log to standard error; the applications' is theirs."""
    logger = logging.getLogger("gateway")
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    before = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.WARNING if quiet else logging.INFO)
    # An application may configure the root logger; each line is still written once.
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before[0])
        logger.propagate = before[1]
