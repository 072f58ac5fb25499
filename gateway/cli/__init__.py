"""The command line, ``gateway``: click commands and how they print.

Exit codes: 0 is success; 1 means that something asked for failed (an application does
not load, the address is taken); 2 means that the configuration or the command line
cannot be used.
"""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper


def main() -> None:
    """Run the command line of this process, and exit."""
    # Streams that are closed (">&-") are None.
    sys.stdin = sys.stdin or open(os.devnull)  # noqa: SIM115
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115
    if isinstance(sys.stdout, TextIOWrapper):
        # A prefix may hold what the terminal's encoding lacks; show it escaped.
        sys.stdout.reconfigure(errors="backslashreplace")
    from gateway.cli.group import gateway

    try:
        gateway(prog_name="gateway")
    except OSError as error:
        # A full disk, a working directory that is gone: no defect of the gateway's.
        if os.environ.get("GATEWAY_DEBUG"):
            raise
        sys.exit(f"error: {error}")
