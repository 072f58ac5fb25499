"""The command line of one application, without a gateway: ``python -m ...``."""

from __future__ import annotations

import os
import platform
import traceback
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import click
from click.core import ParameterSource

from gateway._version import __version__
from gateway.context import current_app_context
from gateway.framework.commands import AppGroup, ScriptInfo
from gateway.framework.dev_commands import routes_command, run_command, shell_command
from gateway.framework.dotenv import load_dotenv
from gateway.framework.locate import NoAppException


def get_version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    """Print the versions and exit; the callback of ``--version``."""
    if not value or ctx.resilient_parsing:
        return
    from importlib.metadata import version

    click.echo(
        f"Python {platform.python_version()}\n"
        f"Gateway {__version__}\n"
        f"Werkzeug {version('werkzeug')}",
        color=ctx.color,
    )
    ctx.exit()


def _set_app(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> str | None:
    if value is not None:
        ctx.ensure_object(ScriptInfo).app_import_path = value
    return value


def _set_debug(
    ctx: click.Context, param: click.Parameter, value: bool | None
) -> bool | None:
    source = ctx.get_parameter_source(param.name or "")
    if value is None or source in (
        ParameterSource.DEFAULT,
        ParameterSource.DEFAULT_MAP,
    ):
        return None
    # In the environment, where a factory sees it too.
    os.environ["FLASK_DEBUG"] = "1" if value else "0"
    return value


def _read_env_file(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> str | None:
    if value is not None and find_spec("dotenv") is None:
        raise click.BadParameter(
            "python-dotenv must be installed to load an env file.", ctx, param
        )
    defaults = ctx.ensure_object(ScriptInfo).load_dotenv_defaults
    if value is not None or defaults:
        load_dotenv(value, load_defaults=defaults)
    return value


# Eager, and in this order: the file may name the application, which knows commands.
_ENV_FILE = click.Option(
    ["-e", "--env-file"],
    type=click.Path(exists=True, dir_okay=False),
    help="Load environment variables from this file; needs python-dotenv.",
    is_eager=True,
    expose_value=False,
    callback=_read_env_file,
)
_APP = click.Option(
    ["-A", "--app"],
    metavar="IMPORT",
    help="The application or its factory, as 'module:name' or 'module:name(args)'; "
    "the module is a dotted name or a file.",
    is_eager=True,
    expose_value=False,
    callback=_set_app,
)
_DEBUG = click.Option(
    ["--debug/--no-debug"],
    default=None,
    help="Set debug mode.",
    expose_value=False,
    callback=_set_debug,
)
_VERSION = click.Option(
    ["--version"],
    help="Show the version.",
    expose_value=False,
    callback=get_version,
    is_flag=True,
    is_eager=True,
)


class ApplicationCommands(AppGroup):
    """A group that has the commands of the application which it loads.

    :param add_default_commands: have ``run``, ``shell`` and ``routes``.
    :param create_app: returns the application.
    :param add_version_option: have ``--version``.
    :param load_dotenv: read ``.flaskenv`` and ``.env``.
    :param set_debug_flag: set the application's debug flag.
    """

    def __init__(
        self,
        add_default_commands: bool = True,
        create_app: Callable[..., Any] | None = None,
        add_version_option: bool = True,
        load_dotenv: bool = True,
        set_debug_flag: bool = True,
        **extra: Any,
    ) -> None:
        params = [*(extra.pop("params", None) or ()), _ENV_FILE, _APP, _DEBUG]
        if add_version_option:
            params.append(_VERSION)
        settings = extra.setdefault("context_settings", {})
        settings.setdefault("auto_envvar_prefix", "FLASK")
        super().__init__(params=params, **extra)
        self.create_app = create_app
        self.load_dotenv = load_dotenv
        self.set_debug_flag = set_debug_flag
        if add_default_commands:
            for command in (run_command, shell_command, routes_command):
                self.add_command(command)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command of this group, else one of the application."""
        command = super().get_command(ctx, cmd_name)
        if command is not None:
            return command
        try:
            app = ctx.ensure_object(ScriptInfo).load_app()
        except NoAppException as error:
            click.secho(f"Error: {error.format_message()}\n", err=True, fg="red")
            return None
        current = current_app_context.get(None)
        if current is None or current.app is not app:
            # Now, so that the callbacks of parameters have it too.
            ctx.with_resource(app.app_context())
        found: click.Command | None = app.cli.get_command(ctx, cmd_name)
        return found

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of both; an application that fails is reported."""
        names = set(super().list_commands(ctx))
        try:
            app = ctx.ensure_object(ScriptInfo).load_app()
            names.update(app.cli.list_commands(ctx))
        except NoAppException as error:
            click.secho(f"Error: {error.format_message()}\n", err=True, fg="red")
        except Exception:
            click.secho(f"{traceback.format_exc()}\n", err=True, fg="red")
        return sorted(names)

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """Prepare a run of the command line."""
        # An unguarded app.run() in the module to import would block the command.
        os.environ["FLASK_RUN_FROM_CLI"] = "true"
        if "obj" not in extra and "obj" not in self.context_settings:
            extra["obj"] = ScriptInfo(
                create_app=self.create_app,
                set_debug_flag=self.set_debug_flag,
                load_dotenv_defaults=self.load_dotenv,
            )
        return super().make_context(info_name, args, parent=parent, **extra)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse; for the help, the application is looked up before it is asked for."""
        asks_for_help = len(args) == 1 and args[0] in self.get_help_option_names(ctx)
        if asks_for_help or (not args and self.no_args_is_help):
            _ENV_FILE.handle_parse_result(ctx, {}, [])
            _APP.handle_parse_result(ctx, {}, [])
        try:
            return super().parse_args(ctx, args)
        except BaseException:
            # Click leaves what the help has looked up, contexts included, open.
            ctx.close()
            raise


run_command.params.insert(0, _DEBUG)

command_line = ApplicationCommands(
    name="gateway.framework",
    help="Commands for one application.\n\n"
    "Name it with '--app' or 'FLASK_APP', or have a 'wsgi.py' or 'app.py' in the "
    "current directory.",
)
