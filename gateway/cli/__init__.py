"""The command line, ``gateway``: click commands and how they print.

Exit codes: 0 is success; 1 means that something asked for failed (an application does
not load, the address is taken); 2 means that the configuration or the command line
cannot be used.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from io import TextIOWrapper
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.framework.certificate import CertParamType as CertParamType
    from gateway.framework.command_line import ApplicationCommands as FlaskGroup
    from gateway.framework.command_line import command_line as cli
    from gateway.framework.command_line import get_version as get_version
    from gateway.framework.commands import AppGroup as AppGroup
    from gateway.framework.commands import ScriptInfo as ScriptInfo
    from gateway.framework.commands import pass_script_info as pass_script_info
    from gateway.framework.commands import with_appcontext as with_appcontext
    from gateway.framework.dev_commands import SeparatedPathType as SeparatedPathType
    from gateway.framework.dev_commands import routes_command as routes_command
    from gateway.framework.dev_commands import run_command as run_command
    from gateway.framework.dev_commands import shell_command as shell_command
    from gateway.framework.dotenv import load_dotenv as load_dotenv
    from gateway.framework.flags import get_debug_flag as get_debug_flag
    from gateway.framework.flags import get_load_dotenv as get_load_dotenv
    from gateway.framework.locate import NoAppException as NoAppException
    from gateway.framework.locate import find_app_by_string as find_app_by_string
    from gateway.framework.locate import find_best_app as find_best_app
    from gateway.framework.locate import locate_app as locate_app
    from gateway.framework.locate import prepare_import as prepare_import
    from gateway.framework.serving import show_server_banner as show_server_banner

    __all__ = ["FlaskGroup", "cli", "main"]

# Where the names are that applications import from Flask's module of this name.
_COMMANDS = ("AppGroup", "ScriptInfo", "pass_script_info", "with_appcontext")
_DEVELOPMENT = ("run_command", "shell_command", "routes_command", "SeparatedPathType")
_LOCATE = (
    *("NoAppException", "find_best_app", "find_app_by_string"),
    *("locate_app", "prepare_import"),
)
_HOMES = {
    **dict.fromkeys(_COMMANDS, "gateway.framework.commands"),
    **dict.fromkeys(_DEVELOPMENT, "gateway.framework.dev_commands"),
    **dict.fromkeys(_LOCATE, "gateway.framework.locate"),
    "CertParamType": "gateway.framework.certificate",
    "get_debug_flag": "gateway.framework.flags",
    "get_load_dotenv": "gateway.framework.flags",
    "get_version": "gateway.framework.command_line",
    "load_dotenv": "gateway.framework.dotenv",
    "show_server_banner": "gateway.framework.serving",
}
_RENAMED = {"FlaskGroup": "ApplicationCommands", "cli": "command_line"}


def __getattr__(name: str) -> object:
    if name in _RENAMED:
        line = import_module("gateway.framework.command_line")
        return getattr(line, _RENAMED[name])
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def main() -> None:
    """Run the command line of this process, and exit."""
    # Streams that are closed (">&-") are None.
    sys.stdin = sys.stdin or open(os.devnull)  # noqa: SIM115
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115
    if isinstance(sys.stdout, TextIOWrapper):
        # A prefix may hold what the terminal's encoding lacks; show it escaped.
        sys.stdout.reconfigure(errors="backslashreplace")
    from gateway.cli.ending import end_in_time, exit_code

    try:
        _run()
    except BaseException as error:
        end_in_time(exit_code(error))
        raise


def _run() -> None:
    from gateway.cli.group import gateway

    try:
        gateway(prog_name="gateway")
    except OSError as error:
        # A full disk, a working directory that is gone: no defect of the gateway's.
        if os.environ.get("GATEWAY_DEBUG"):
            raise
        sys.exit(f"error: {error}")
