"""The signals of a server: what stops it, what ends it at once, what reloads it."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def handling(
    stop: Callable[[], None], reload: Callable[[], None] | None, wakeup_fd: int
) -> Iterator[None]:
    """Have signals served, for ``with``, where this is the main thread.

    SIGTERM and SIGINT stop the server, and the second of them ends the process at once.

    :param stop: called by the first one.
    :param reload: called by SIGHUP, which stops the server if there is none.
    :param wakeup_fd: where a byte wakes the loop. The system may hand a signal to a
        worker's thread, which would leave the loop waiting.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    told: list[int] = []

    def end(number: int, frame: FrameType | None) -> None:
        told.append(number)
        if len(told) > 1:
            os._exit(128 + number)  # The second signal means it.
        stop()

    def hang_up(number: int, frame: FrameType | None) -> None:
        if reload is None:
            end(number, frame)
        else:
            reload()

    handlers = {signal.SIGTERM: end, signal.SIGINT: end}
    # A closed terminal is no reason to drop requests, but with nohup one to stay.
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        handlers[signal.SIGHUP] = hang_up
    before = {
        number: signal.signal(number, handler) for number, handler in handlers.items()
    }
    former = signal.set_wakeup_fd(wakeup_fd, warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(former)
        for number, handler in before.items():
            signal.signal(number, handler)
