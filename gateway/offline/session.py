"""What happens in a mount's context, and how it ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextvars import copy_context
from itertools import pairwise
from types import TracebackType
from typing import Final

from gateway.mount import Mount
from gateway.tracebacks import is_machinery

# What shells say of a process that Ctrl-C has ended: 128 + SIGINT.
INTERRUPTED: Final = 130


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
    """Print what has ended a script, as Python does; return the exit code.

    Frames of the gateway are left out, unless ``GATEWAY_DEBUG`` asks for them: every
    import of a script goes through it.
    """
    if not os.environ.get("GATEWAY_DEBUG"):
        _leave_out_ours(error)
    sys.excepthook(type(error), error, error.__traceback__)
    return INTERRUPTED if isinstance(error, KeyboardInterrupt) else 1


def _leave_out_ours(error: BaseException) -> None:
    """Take the gateway's frames out of the traceback of *error* and of its causes.

    The errors of a group are shown with theirs, too.
    """
    pending, seen = [error], {id(error)}
    while pending:
        each = pending.pop()
        each.__traceback__ = _users(each.__traceback__)
        parts = each.exceptions if isinstance(each, BaseExceptionGroup) else ()
        for cause in (each.__cause__, each.__context__, *parts):
            if cause is not None and id(cause) not in seen:
                seen.add(id(cause))
                pending.append(cause)


def _users(frames: TracebackType | None) -> TracebackType | None:
    kept: list[TracebackType] = []
    while frames is not None:
        if not is_machinery(frames.tb_frame.f_code.co_filename):
            kept.append(frames)
        frames = frames.tb_next
    if not kept:
        return None
    for frame, following in pairwise(kept):
        frame.tb_next = following
    kept[-1].tb_next = None
    return kept[0]
