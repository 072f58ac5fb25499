"""What the commands do while applications load and run in them."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import (
    AbstractContextManager,
    contextmanager,
    redirect_stdout,
    suppress,
)
from typing import IO, Final

import click

# After so long people wonder what is going on, in seconds.
SLOW: Final = 10.0


@contextmanager
def telling_slow(mount: str) -> Iterator[None]:
    """Tell which mount is being loaded, if that takes long."""
    timer = threading.Timer(SLOW, _tell, (mount,))
    timer.name, timer.daemon = "gateway-slow", True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def loading_then(
    *after: Callable[[], object],
) -> Callable[[str], AbstractContextManager[None]]:
    """Return what is entered while a mount is loaded, and calls *after* at its end."""

    @contextmanager
    def loading(mount: str) -> Iterator[None]:
        try:
            with telling_slow(mount):
                yield
        finally:
            for each in after:
                each()

    return loading


def _tell(mount: str) -> None:
    click.echo(
        f"still loading mount {mount!r} ({SLOW:g} s): does its module run a server, or "
        "wait for something, when it is imported?",
        err=True,
    )


def printing_to_stderr() -> AbstractContextManager[IO[str]]:
    """Keep standard output for the command: what applications print goes aside."""
    return redirect_stdout(sys.stderr)


@contextmanager
def writing_to_stderr() -> Iterator[None]:
    """Keep standard output also from what writes to its descriptor, past ``print()``.

    That is what C code and the processes do that applications start; so it is for
    commands that write nothing of their own meanwhile.
    """
    with printing_to_stderr():
        if sys.__stdout__ is None or sys.__stderr__ is None:
            # Closed from the start: by now their numbers may be those of other files.
            yield
            return
        _flush()
        out = os.dup(1)
        os.dup2(2, 1)
        try:
            yield
        finally:
            try:
                with suppress(OSError, ValueError):  # Nobody reads it any more.
                    _flush()
            finally:
                os.dup2(out, 1)
                os.close(out)


def _flush() -> None:
    # What an application has written to the object goes where it was written.
    if sys.__stdout__ is not None and not sys.__stdout__.closed:
        sys.__stdout__.flush()


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the servers' own log off the terminal: a report says what it would."""
    loggers = [logging.getLogger(name) for name in ("gateway", "waitress")]
    before = [logger.propagate for logger in loggers]
    handler = logging.NullHandler()
    for logger in loggers:
        logger.addHandler(handler)
        logger.propagate = False
    try:
        yield
    finally:
        for logger, propagate in zip(loggers, before, strict=True):
            logger.propagate = propagate
            logger.removeHandler(handler)
