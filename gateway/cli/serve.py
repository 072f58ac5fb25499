"""``gateway serve``: every mount, from this process, until a signal."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from gateway.cli.options import config_option

if TYPE_CHECKING:
    from gateway.lifecycle import Gateway


def _listen_address(
    ctx: click.Context, parameter: click.Parameter, value: str | None
) -> str | None:
    """Check ``--host`` as the file's ``host:`` is."""
    if value is None:
        return None
    from gateway.config.address import parse_listen_address
    from gateway.config.values import InvalidValue

    if not value:
        raise click.BadParameter("it is empty: write an address such as 127.0.0.1")
    try:
        return parse_listen_address(value)
    except InvalidValue as error:
        raise click.BadParameter(f"{value!r} {error.message}") from None


@click.command("serve")
@config_option
@click.option("--host", callback=_listen_address, help="The address to listen on.")
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

    SIGTERM, SIGINT and SIGHUP end it in good order: requests in flight are finished,
    then the applications are shut down. Exit code 1: requests, or an application's
    shutdown, outlasted the drain timeout.
    """
    with _interruptible() as stop_if_told, _log_to_stderr(quiet) as keep_logging:
        from gateway.cli.loading import telling_slow
        from gateway.cli.server import Late, listening
        from gateway.config.load import load_config
        from gateway.lifecycle import Gateway

        @contextmanager
        def loading(mount: str) -> Iterator[None]:
            try:
                with telling_slow(mount):
                    yield
            finally:
                # What an application does when it is imported may undo both.
                keep_logging()
                stop_if_told()

        spec = load_config(config)
        server_spec = replace(
            spec.server,
            host=spec.server.host if host is None else host,
            port=spec.server.port if port is None else port,
            threads=spec.server.threads if threads is None else threads,
        )
        application = Late()
        with listening(application, server_spec) as server:
            loaded = Gateway(spec, loading=loading)
            try:
                application.loaded = loaded
                _announce(loaded, server.url)
                stragglers = server.run()
            finally:
                late = loaded.close(server.time_left())
    ctx.exit(1 if stragglers or late else 0)


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
def _interruptible() -> Iterator[Callable[[], None]]:
    """Let SIGTERM and SIGHUP, like SIGINT, end the loading of the mounts in good order.

    While it serves, the server has handlers of its own. Without this, a container's
    first process would not even notice a SIGTERM before.

    :returns: what ends it if there was a signal that an application has swallowed.
    """
    received: list[int] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        received.append(number)
        if len(received) > 1:
            os._exit(128 + number)  # The second signal means it.
        raise KeyboardInterrupt

    def stop_if_told() -> None:
        if received:
            raise KeyboardInterrupt

    numbers = [signal.SIGTERM, signal.SIGINT]
    # Under nohup it is ignored, and is to stay so.
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    before = [signal.signal(number, interrupt) for number in numbers]
    try:
        yield stop_if_told
    except KeyboardInterrupt:
        # As a shell reports a process that a signal ended.
        sys.exit(128 + received[0] if received else 1)
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


@contextmanager
def _log_to_stderr(quiet: bool) -> Iterator[Callable[[], None]]:
    """Send the gateway's own log to standard error; the applications' is theirs.

    :returns: what sees to it again, after an application has configured logging.
    """
    logger = logging.getLogger("gateway")
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    before = logger.level, logger.propagate

    def keep() -> None:
        logger.addHandler(handler)
        logger.setLevel(logging.WARNING if quiet else logging.INFO)
        # An application may configure the root logger; each line is still written once.
        logger.propagate = False

    keep()
    try:
        yield keep
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before[0])
        logger.propagate = before[1]
