"""The logger of an application; imported when it is first asked for."""

from __future__ import annotations

import logging
import sys
from typing import Any, TextIO, cast

from werkzeug.local import LocalProxy

from gateway.context import top_request_context


def _errors_stream() -> TextIO:
    context = top_request_context()
    if context is None:
        return sys.stderr
    stream: TextIO = context.environ["wsgi.errors"]
    return stream


#: The current request's ``wsgi.errors``, or standard error outside of one.
wsgi_errors_stream = cast("TextIO", LocalProxy(_errors_stream))
default_handler = logging.StreamHandler(wsgi_errors_stream)
default_handler.setFormatter(
    logging.Formatter("[%(asctime)s] %(levelname)s in %(module)s: %(message)s")
)


def has_level_handler(logger: logging.Logger) -> bool:
    """Tell whether some handler writes what *logger* lets through."""
    level = logger.getEffectiveLevel()
    current: logging.Logger | None = logger
    while current is not None:
        if any(handler.level <= level for handler in current.handlers):
            return True
        current = current.parent if current.propagate else None
    return False


def create_logger(app: Any) -> logging.Logger:
    """Return the logger with the application's name, with a handler if it lacks one."""
    logger = logging.getLogger(app.name)
    if app.debug and not logger.level:
        logger.setLevel(logging.DEBUG)
    if not has_level_handler(logger):
        logger.addHandler(default_handler)
    return logger
