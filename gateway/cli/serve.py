"""``gateway serve``: every mount, from this process, until a signal."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from threading import current_thread, main_thread
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.log import log_to_stderr, style_lines
from gateway.cli.options import config_option
from gateway.cli.server_option import server_option
from gateway.isolation.streams import streams_kept

if TYPE_CHECKING:
    from gateway.cli.debugger import Debugger
    from gateway.cli.server import Server
    from gateway.failing import Failures


@click.command("serve")
@config_option
@server_option("host", "The address to listen on.")
@server_option("port", "0 takes a free port.")
@server_option("threads", "Requests at a time.")
@server_option("engine", "The server to run in.")
@server_option("workers", "Processes of granian or gunicorn.")
@server_option("worker_class", "What a process of gunicorn serves with.")
@click.option("--reload", "develop", is_flag=True, help="Reload what is saved.")
@click.option("--debug", is_flag=True, help="Show errors in Werkzeug's debugger.")
@click.option("-q", "--quiet", is_flag=True, help="No log line for each request.")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    config: Path,
    develop: bool,
    debug: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Serve every mount from this process.

    SIGTERM and SIGINT end it in good order: requests in flight are finished, then the
    applications are shut down. SIGHUP reloads what has changed. Exit code 1: requests,
    or an application's shutdown, outlasted the drain timeout.

    --reload is for development: what is saved is served, and a mount that does not
    load shows why, if the gateway listens on a loopback address. A page that loads the
    script /_gateway/reload.js is loaded again with its mount.

    --debug is, too: an error is shown with code to try in each of its frames, after the
    PIN that is printed. It needs a loopback address.
    """
    has_hung_up = _terminal()
    servers: list[Server] = []

    def hang_up() -> bool:
        for server in servers:
            server.ask_reload()
        return not has_hung_up()

    with (
        streams_kept(),
        _interruptible(hang_up) as stop_if_told,
        log_to_stderr(quiet) as keep_logging,
    ):
        from gateway.cli.engines import Served, serve_with_engine, warn_of_idle_settings
        from gateway.cli.loading import telling_slow
        from gateway.config.load import load_config
        from gateway.servers.memory import return_what_is_freed

        @contextmanager
        def loading(mount: str) -> Iterator[None]:
            try:
                with telling_slow(mount):
                    yield
            finally:
                # What an application does when it is imported may undo both.
                keep_logging()
                # Reloads run in other threads, and are ended with the server.
                if current_thread() is main_thread():
                    stop_if_told()

        return_what_is_freed()
        if develop:
            from gateway.cli.development import require_watchfiles

            require_watchfiles()
        spec = load_config(config)
        given = {name: value for name, value in options.items() if value is not None}
        server_spec = replace(spec.server, **given)
        warn_of_idle_settings(spec, server_spec)
        if server_spec.engine != "waitress":
            if develop or debug:
                option = "--reload" if develop else "--debug"
                raise click.UsageError(
                    f"{option} needs the engine waitress, and this is "
                    f"{server_spec.engine}: add '--engine waitress'"
                )
            serve_with_engine(
                Served(spec.source, server_spec, quiet), spec, loading, has_hung_up
            )
            return
        style_lines(server_spec.access_log == "json")
        from gateway.admin.application import administer
        from gateway.cli.announce import announce
        from gateway.cli.development import reload_and_log, watching
        from gateway.cli.notices import telling_changes
        from gateway.cli.refresh import Refreshing
        from gateway.cli.server import Late, listening
        from gateway.lifecycle import Gateway

        def reload() -> None:
            if has_hung_up():
                server.stop()
            else:
                reload_and_log(loaded)

        application = Late()
        with listening(application, server_spec, reload) as server:
            servers.append(server)
            debugger = _debugger(server.hosts) if debug else None
            loaded = Gateway(
                spec,
                inside=debugger,
                loading=loading,
                failures=_failures(develop, server.hosts),
                front=administer,
            )
            try:
                loaded.shares.loads = server.loads
                application.gateway = loaded
                loaded.is_stopping = lambda: server.stopped_at is not None
                application.loaded = Refreshing(loaded) if develop else loaded
                announce(loaded, server.url)
                if debugger is not None:
                    click.echo(f"Debugger PIN: {debugger.pin or 'none is asked for'}")
                with (
                    watching(loaded) if develop else nullcontext(),
                    telling_changes(loaded),
                ):
                    stragglers = server.run()
            finally:
                late = loaded.close(server.time_left())
    ctx.exit(1 if stragglers or late else 0)


def _debugger(hosts: tuple[str, ...]) -> Debugger:
    from gateway.cli.debugger import Debugger, require_loopback

    require_loopback(hosts)
    return Debugger()


def _failures(develop: bool, hosts: tuple[str, ...]) -> Failures:
    """Return who may fail to load; only a developer on this machine sees why."""
    from gateway.cli.development import error_page
    from gateway.failing import Failures
    from gateway.servers.listening import is_loopback

    if not develop:
        return Failures(degrade=True)
    page = error_page if all(map(is_loopback, hosts)) else None
    return Failures(degrade=True, development=True, page=page)


def _terminal() -> Callable[[], bool]:
    """Return what tells whether the terminal that this was started on is gone.

    Its end is a SIGHUP, too, and no wish to reload.
    """

    def on_terminal() -> bool:
        try:
            return os.isatty(sys.__stdin__.fileno()) if sys.__stdin__ else False
        except (OSError, ValueError):
            return False

    started = on_terminal()
    return lambda: started and not on_terminal()


@contextmanager
def _interruptible(hang_up: Callable[[], bool]) -> Iterator[Callable[[], None]]:
    """Let SIGTERM, like SIGINT, end the loading of the mounts in good order.

    While it serves, the server has handlers of its own. Without this, a container's
    first process would not even notice a SIGTERM before.

    :param hang_up: called for a SIGHUP; returns whether it has dealt with it. If not,
        it ends the loading, too.
    :returns: what ends it if there was a signal that an application has swallowed.
    """
    received: list[int] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        if number == signal.SIGHUP and hang_up():
            return
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
