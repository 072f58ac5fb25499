"""How far something has come, on a terminal only."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import IO, Any, Protocol

_WIDTH = 24


class Shown(Protocol):
    """Shows how far it has come."""

    def __call__(self, scene: str, done: int, total: int) -> None:
        """Show that *done* of *total* are done, and what is being done."""


@contextmanager
def showing_progress(what: str) -> Iterator[Shown]:
    """Show a bar on standard error while the block lasts, and take it away again.

    With rich installed that draws it; where standard error is no terminal there is
    none.
    """
    stream = sys.stderr
    if not stream.isatty():
        yield _nowhere
        return
    try:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn
    except ImportError:
        with _plain(what, stream) as shown:
            yield shown
        return
    columns = [TextColumn(what), BarColumn(), TextColumn("{task.fields[scene]}")]
    with Progress(*columns, console=Console(file=stream), transient=True) as bar:
        task = bar.add_task(what, scene="")

        def show(scene: str, done: int, total: int) -> None:
            bar.update(task, completed=done, total=total, scene=scene)

        yield show


def _nowhere(scene: str, done: int, total: int) -> None:
    pass


@contextmanager
def _plain(what: str, stream: IO[Any]) -> Iterator[Shown]:
    lock, shown = Lock(), [""]

    def show(scene: str, done: int, total: int) -> None:
        filled = min(_WIDTH, _WIDTH * done // max(total, 1))
        line = f"{what} [{'#' * filled}{'.' * (_WIDTH - filled)}] {scene}"
        with lock:
            if line != shown[0]:
                stream.write("\r" + line.ljust(len(shown[0])))
                stream.flush()
                shown[0] = line

    try:
        yield show
    finally:
        stream.write("\r" + " " * len(shown[0]) + "\r")
        stream.flush()
