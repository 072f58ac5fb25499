"""The development server."""

from __future__ import annotations

from typing import Any


def run(
    app: Any,
    host: str | None,
    port: int | None,
    debug: bool | None,
    load_dotenv: bool,
    options: dict[str, Any],
) -> None:
    """Serve *app* with Werkzeug's server, its reloader and its debugger."""
    if debug is not None:
        app.debug = bool(debug)
    name, _, number = (app.config.get("SERVER_NAME") or "").partition(":")
    if port is None:
        port = int(number or 5000)
    options.setdefault("use_reloader", app.debug)
    options.setdefault("use_debugger", app.debug)
    options.setdefault("threaded", True)
    from werkzeug.serving import run_simple

    try:
        run_simple(host or name or "127.0.0.1", int(port), app, **options)
    finally:
        # An interactive shell may set the application up further and run it again.
        app._got_first_request = False
