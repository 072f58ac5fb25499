"""What signals mean to ``gateway serve`` until its server has handlers of its own."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread
from types import FrameType


class HangUp:
    """What a SIGHUP means: a wish to reload, or the end of the terminal.

    :ivar ask_reload: told of each one that comes while the mounts are being loaded.
    """

    def __init__(self) -> None:
        self._on_terminal = _on_terminal()
        self.ask_reload: Callable[[], None] = lambda: None

    def is_end(self) -> bool:
        """Tell whether the terminal that this was started on is gone."""
        return self._on_terminal and not _on_terminal()

    def __call__(self) -> bool:
        """Deal with one that comes now; return whether the loading is to go on."""
        self.ask_reload()
        return not self.is_end()


def _on_terminal() -> bool:
    try:
        return os.isatty(sys.__stdin__.fileno()) if sys.__stdin__ else False
    except (OSError, ValueError):
        return False


@contextmanager
def interruptible(hang_up: Callable[[], bool]) -> Iterator[Callable[[], None]]:
    """Let SIGTERM, like SIGINT, end the loading of the mounts in good order.

    While it serves, the server has handlers of its own. Without this, a container's
    first process would not even notice a SIGTERM before.

    :param hang_up: called for a SIGHUP; returns whether it has dealt with it. If not,
        it ends the loading, too.
    :returns: what ends it if there was a signal that an application has swallowed.
    """
    received: list[int] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        if number == signal.SIGHUP and hang_up():
            return
        received.append(number)
        if len(received) > 1:
            os._exit(128 + number)  # The second signal means it.
        raise KeyboardInterrupt

    def stop_if_told() -> None:
        # Reloads run in other threads, and are ended with the server.
        if received and current_thread() is main_thread():
            raise KeyboardInterrupt

    numbers = [signal.SIGTERM, signal.SIGINT]
    # Under nohup it is ignored, and is to stay so.
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    before = [signal.signal(number, interrupt) for number in numbers]
    try:
        yield stop_if_told
    except KeyboardInterrupt:
        # As a shell reports a process that a signal ended.
        sys.exit(128 + received[0] if received else 1)
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
