"""What the process shows to an application while it is loaded."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

# With it Flask, and the native App, take a call of app.run() for one that was left
# outside of 'if __name__ == "__main__":', and go on without serving.
_NO_RUN: Final = "FLASK_RUN_FROM_CLI"


@contextmanager
def surroundings(file: str) -> Iterator[None]:
    """Show the process as one that was started for the application alone.

    :param file: what stands for the script, whose arguments are none: the command line
        is the gateway's own, and no application's.
    """
    arguments, run = sys.argv, os.environ.get(_NO_RUN)
    sys.argv = [file or "gateway"]
    os.environ[_NO_RUN] = "true"
    try:
        yield
    finally:
        sys.argv = arguments
        if run is None:
            os.environ.pop(_NO_RUN, None)
        else:
            os.environ[_NO_RUN] = run
