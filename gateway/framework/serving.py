"""The development server."""

from __future__ import annotations

import os
from typing import Any

from gateway.framework.flags import get_debug_flag, get_load_dotenv


def show_server_banner(debug: bool | None, app_import_path: str | None) -> None:
    """Say what is served, once: not again in each child of the reloader."""
    import click
    from werkzeug.serving import is_running_from_reloader

    if is_running_from_reloader():
        return
    if app_import_path is not None:
        click.echo(f" * Serving app '{app_import_path}'")
    if debug is not None:
        click.echo(f" * Debug mode: {'on' if debug else 'off'}")


def _is_ignored() -> bool:
    """Tell whether a command line is importing the module that calls ``run``."""
    if os.environ.get("FLASK_RUN_FROM_CLI") != "true":
        return False
    import click
    from werkzeug.serving import is_running_from_reloader

    if not is_running_from_reloader():
        click.secho(
            " * Ignoring a call to 'app.run()' that would block the current command.\n"
            "   Only call 'app.run()' in an 'if __name__ == \"__main__\"' guard.",
            fg="red",
        )
    return True


def run(
    app: Any,
    host: str | None,
    port: int | None,
    debug: bool | None,
    load_dotenv: bool,
    options: dict[str, Any],
) -> None:
    """Serve *app* with Werkzeug's server, its reloader and its debugger."""
    if _is_ignored():
        return
    if get_load_dotenv(load_dotenv):
        from gateway.framework import dotenv

        dotenv.load_dotenv()
        if "FLASK_DEBUG" in os.environ:
            app.debug = get_debug_flag()
    if debug is not None:
        app.debug = bool(debug)
    name, _, number = (app.config.get("SERVER_NAME") or "").partition(":")
    if port is None:
        port = int(number or 5000)
    options.setdefault("use_reloader", app.debug)
    options.setdefault("use_debugger", app.debug)
    options.setdefault("threaded", True)
    show_server_banner(app.debug, app.name)
    from werkzeug.serving import run_simple

    try:
        run_simple(host or name or "127.0.0.1", int(port), app, **options)
    finally:
        # An interactive shell may set the application up further and run it again.
        app._got_first_request = False
