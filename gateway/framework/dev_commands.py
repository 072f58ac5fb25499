"""The commands that every application has: ``run``, ``shell`` and ``routes``."""

from __future__ import annotations

import sys
import traceback
from operator import itemgetter
from typing import Any

import click
from werkzeug.serving import is_running_from_reloader, run_simple

from gateway.framework.certificate import CertParamType, join_key
from gateway.framework.commands import ScriptInfo, pass_script_info, with_appcontext
from gateway.framework.flags import get_debug_flag
from gateway.framework.interactive import interact, run_startup_file
from gateway.framework.serving import show_server_banner
from gateway.globals import current_app
from gateway.types import StartResponse, WSGIEnvironment


class SeparatedPathType(click.Path):
    """Several paths, separated as in ``PATH``."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Any:
        """Return the list of paths."""
        return [
            super(SeparatedPathType, self).convert(item, param, ctx)
            for item in self.split_envvar_value(value)
        ]


@click.command("run", short_help="Run a development server.")
@click.option("--host", "-h", default="127.0.0.1", help="The interface to bind to.")
@click.option("--port", "-p", default=5000, help="The port to bind to.")
@click.option(
    "--cert",
    type=CertParamType(),
    # Eager, so that it is known when the key is looked at, wherever it stands.
    is_eager=True,
    help="A certificate file, for HTTPS; or 'adhoc', or the import name of an "
    "SSLContext.",
)
@click.option(
    "--key",
    type=click.Path(exists=True, dir_okay=False, resolve_path=True),
    callback=join_key,
    expose_value=False,
    help="The certificate's key.",
)
@click.option(
    "--reload/--no-reload", default=None, help="The reloader; on while debugging."
)
@click.option(
    "--debugger/--no-debugger", default=None, help="The debugger; on while debugging."
)
@click.option(
    "--with-threads/--without-threads", default=True, help="A thread per request."
)
@click.option(
    "--extra-files",
    type=SeparatedPathType(),
    help="More files whose change reloads, separated as in PATH.",
)
@click.option(
    "--exclude-patterns",
    type=SeparatedPathType(),
    help="Patterns of files whose change does not reload, separated as in PATH.",
)
@pass_script_info
def run_command(
    info: ScriptInfo,
    host: str,
    port: int,
    reload: bool | None,
    debugger: bool | None,
    with_threads: bool,
    cert: Any,
    extra_files: list[str] | None,
    exclude_patterns: list[str] | None,
) -> None:
    """Run a development server; never in production.

    With --debug it reloads changed code and shows errors in a debugger.
    """
    app = _load_or_answer_with_the_error(info)
    debug = get_debug_flag()
    show_server_banner(debug, info.app_import_path)
    run_simple(
        host,
        port,
        app,
        use_reloader=debug if reload is None else reload,
        use_debugger=debug if debugger is None else debugger,
        threaded=with_threads,
        ssl_context=cert,
        extra_files=extra_files,
        exclude_patterns=exclude_patterns,
    )


def _load_or_answer_with_the_error(info: ScriptInfo) -> Any:
    """Load the application; after a reload, one that fails must not end the server."""
    try:
        return info.load_app()
    except Exception as error:
        if not is_running_from_reloader():
            raise
        traceback.print_exc()
        failure = error

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        raise failure from None

    return app


@click.command("shell", short_help="Run a shell in the app context.")
@with_appcontext
def shell_command() -> None:
    """Run an interactive Python shell within the application's context."""
    names: dict[str, Any] = {}
    run_startup_file(names)
    names.update(current_app.make_shell_context())
    interact(
        names,
        f"Python {sys.version} on {sys.platform}\n"
        f"App: {current_app.import_name}\n"
        f"Instance: {current_app.instance_path}",
    )


@click.command("routes", short_help="Show the routes for the app.")
@click.option(
    "--sort",
    "-s",
    type=click.Choice(("endpoint", "methods", "domain", "rule", "match")),
    default="endpoint",
    help="The order; 'match' is that in which routes are tried.",
)
@click.option("--all-methods", is_flag=True, help="Show HEAD and OPTIONS methods.")
@with_appcontext
def routes_command(sort: str, all_methods: bool) -> None:
    """Show all routes with their endpoints and methods."""
    rules = list(current_app.url_map.iter_rules())
    if not rules:
        click.echo("No routes were registered.")
        return
    hidden = set() if all_methods else {"HEAD", "OPTIONS"}
    by_host = current_app.url_map.host_matching
    columns = {
        "Endpoint": [rule.endpoint for rule in rules],
        "Methods": [
            ", ".join(sorted((rule.methods or set()) - hidden)) for rule in rules
        ],
        "Domain": [(rule.host if by_host else rule.subdomain) or "" for rule in rules],
        "Rule": [rule.rule for rule in rules],
    }
    if not any(columns["Domain"]):
        del columns["Domain"]
    rows = list(zip(*columns.values(), strict=True))
    keys = [name.lower() for name in columns]
    if sort in keys:
        rows.sort(key=itemgetter(keys.index(sort)))
    titles = [
        {"Domain": "Host" if by_host else "Subdomain"}.get(name, name)
        for name in columns
    ]
    _print_table(titles, rows)


def _print_table(titles: list[str], rows: list[tuple[str, ...]]) -> None:
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
    for row in (titles, ["-" * width for width in widths], *rows):
        cells = zip(row, widths, strict=True)
        click.echo("  ".join(f"{cell:<{width}}" for cell, width in cells))
