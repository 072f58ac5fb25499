"""What happens in a mount's context, and how it ends."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextvars import copy_context
from pathlib import Path
from types import TracebackType
from typing import Final

import gateway.errors
from gateway.mount import Mount

# What shells say of a process that Ctrl-C has ended: 128 + SIGINT.
INTERRUPTED: Final = 130

_OURS: Final = (str(Path(gateway.errors.__file__).parent), "<frozen ")


def within(mount: Mount, work: Callable[[], None]) -> BaseException | None:
    """Do *work* in the context of *mount*, whose teardown functions see its error.

    :returns: what has ended it early. An end by ``sys.exit()`` without a code, or with
        0, is no error to the teardown functions.
    """
    end: BaseException | None = None
    context = mount.app_context()
    try:
        context.push()
        try:
            # A copy: a script may leave contexts that it has pushed to its end.
            copy_context().run(work)
        except BaseException as raised:
            end = raised
        context.pop(None if _is_success(end) else end)
    except BaseException as raised:
        end = raised
    return end


def _is_success(end: BaseException | None) -> bool:
    return end is None or (isinstance(end, SystemExit) and not end.code)


def show(error: BaseException) -> int:
    """Print what has ended a script, as Python does; return the exit code."""
    frames = _users(error.__traceback__)
    sys.excepthook(type(error), error.with_traceback(frames), frames)
    return INTERRUPTED if isinstance(error, KeyboardInterrupt) else 1


def _users(frames: TracebackType | None) -> TracebackType | None:
    """Leave out the frames that lead to the user's code."""
    while frames is not None and frames.tb_frame.f_code.co_filename.startswith(_OURS):
        frames = frames.tb_next
    return frames
