"""The standard streams, which all mounts share: one that closes them harms no other."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any


@contextmanager
def streams_kept() -> Iterator[None]:
    """Keep the standard streams open, for ``with``, and logging to them harmless.

    A closed stream's descriptor would go to the next connection, and whatever another
    mount, or a worker of the server, wanted to log would raise an error there. So
    ``close()`` does nothing, and a log record that cannot be written is lost.
    """
    with ExitStack() as restoring:
        for stream in (sys.stdin, sys.stdout, sys.stderr):
            for each in (stream, getattr(stream, "buffer", None)):
                _keep_open(each, restoring)
        _keep_quiet(restoring)
        yield


def _keep_open(stream: Any, restoring: ExitStack) -> None:
    try:
        stream.close = lambda: None
    except AttributeError:
        return  # There is none, or it is another kind of object.
    restoring.callback(vars(stream).pop, "close", None)


def _keep_quiet(restoring: ExitStack) -> None:
    """Let logging not raise when what it could not write cannot be reported either."""
    usual = logging.Handler.handleError

    def handle_error(self: logging.Handler, record: logging.LogRecord) -> None:
        # OSError is caught there; a stream that was put in its place raises others.
        with suppress(Exception):
            usual(self, record)

    logging.Handler.handleError = handle_error  # type: ignore[method-assign]
    restoring.callback(setattr, logging.Handler, "handleError", usual)
