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

# Where the names are that applications import from Flask's module of this name.
_COMMANDS = ("AppGroup", "ScriptInfo", "pass_script_info", "with_appcontext")
_LINE = ("run_command", "shell_command", "routes_command")
_LOCATE = (
    *("NoAppException", "find_best_app", "find_app_by_string"),
    *("locate_app", "prepare_import"),
)
_HOMES = {
    **dict.fromkeys(_COMMANDS, "gateway.framework.commands"),
    **dict.fromkeys(_LINE, "gateway.framework.dev_commands"),
    **dict.fromkeys(_LOCATE, "gateway.framework.locate"),
    "load_dotenv": "gateway.framework.dotenv",
}


def __getattr__(name: str) -> object:
    if name == "FlaskGroup":
        line = import_module("gateway.framework.command_line")
        return line.ApplicationCommands
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
