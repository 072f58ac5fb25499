"""``gateway serve``: every mount, from this process, until a signal."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from gateway.cli.log import log_to_stderr
from gateway.cli.options import config_option
from gateway.cli.server_option import server_option
from gateway.cli.signals import HangUp, interruptible
from gateway.isolation.streams import streams_kept


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
    hang_up = HangUp()
    with (
        streams_kept(),
        interruptible(hang_up) as stop_if_told,
        log_to_stderr(quiet) as keep_logging,
    ):
        from gateway.cli.engines import Served, serve_with_engine, warn_of_idle_settings
        from gateway.cli.loading import loading_then
        from gateway.config.load import load_config
        from gateway.servers.memory import return_what_is_freed

        return_what_is_freed()
        if develop:
            from gateway.cli.development import require_watchfiles

            require_watchfiles()
        spec = load_config(config)
        given = {name: value for name, value in options.items() if value is not None}
        server = replace(spec.server, **given)
        warn_of_idle_settings(spec, server)
        # What an application does when it is imported may undo both.
        loading = loading_then(keep_logging, stop_if_told)
        if server.engine != "waitress":
            if develop or debug:
                option = "--reload" if develop else "--debug"
                raise click.UsageError(
                    f"{option} needs the engine waitress, and this is "
                    f"{server.engine}: add '--engine waitress'"
                )
            served = Served(spec.source, server, quiet)
            serve_with_engine(served, spec, loading, hang_up.is_end)
            return
        from gateway.cli.waitress import serve_with_waitress

        in_time = serve_with_waitress(
            spec, server, loading, hang_up, develop=develop, debug=debug
        )
    ctx.exit(0 if in_time else 1)
