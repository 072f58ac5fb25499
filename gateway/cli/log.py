"""The gateway's own log on standard error, while it serves."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gateway.cli.stderr import LineHandler


def keep_logging(quiet: bool) -> Callable[[], None]:
    """Send the gateway's own log to standard error; the applications' is theirs.

    :returns: what sees to it again, after an application has configured logging.
    """
    logger = logging.getLogger("gateway")
    handler = LineHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))

    def keep() -> None:
        for other in _line_handlers(logger):
            logger.removeHandler(other)
        logger.addHandler(handler)
        logger.setLevel(logging.WARNING if quiet else logging.INFO)
        # An application may configure the root logger; each line is still written once.
        logger.propagate = False

    keep()
    return keep


def style_lines(as_json: bool) -> None:
    """Write the lines as the configuration says, once that is known."""
    # Not before: it imports what greenlets have to be known to.
    from gateway.cli.log_lines import LogLines

    lines = LogLines(as_json)
    for handler in _line_handlers(logging.getLogger("gateway")):
        handler.setFormatter(lines)


@contextmanager
def log_to_stderr(quiet: bool) -> Iterator[Callable[[], None]]:
    """Do as :func:`keep_logging`, for ``with``."""
    logger = logging.getLogger("gateway")
    before = logger.level, logger.propagate
    keep = keep_logging(quiet)
    try:
        yield keep
    finally:
        for own in _line_handlers(logger):
            logger.removeHandler(own)
            own.close()
        logger.setLevel(before[0])
        logger.propagate = before[1]


def _line_handlers(logger: logging.Logger) -> list[LineHandler]:
    return [each for each in logger.handlers if isinstance(each, LineHandler)]
