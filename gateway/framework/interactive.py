"""The interactive interpreter, with names to begin with."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Any


def run_startup_file(names: dict[str, Any]) -> None:
    """Run the file of ``PYTHONSTARTUP``, as Python does, so that it adds to *names*."""
    startup = os.environ.get("PYTHONSTARTUP")
    if startup and os.path.isfile(startup):
        with open(startup, encoding="utf-8") as file:
            exec(compile(file.read(), startup, "exec"), names)


def interact(names: dict[str, Any], banner: str) -> None:
    """Ask for code and run it in *names*, until the input ends."""
    import code

    # What readline completes are the names of this shell.
    hook = getattr(sys, "__interactivehook__", None)
    if hook is not None:
        with suppress(ImportError):  # Not every Python has it.
            import readline
            from rlcompleter import Completer

            readline.set_completer(Completer(names).complete)
        hook()
    code.interact(banner=banner, local=names)
