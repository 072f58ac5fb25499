"""``python -m gateway.framework``: the commands of one application."""

from __future__ import annotations

from gateway.framework.command_line import command_line

if __name__ == "__main__":
    command_line.main(prog_name="python -m gateway.framework")
