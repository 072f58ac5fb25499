"""The end of the process, also where an application's threads would keep it alive."""

from __future__ import annotations

import atexit
import logging
import os
import sys
import threading
from contextlib import suppress
from typing import Final

import click

# How long threads may take to end by themselves, in seconds.
GRACE: Final = 1.0


def end_in_time(code: int) -> None:
    """See to it that the process, which is about to end, does so with *code*.

    Python waits for every thread that is not a daemon, and for the workers of each
    ``ThreadPoolExecutor``; only then come the functions of ``atexit``. Idle workers end
    by themselves in that wait, so how long it takes is watched from beside it.
    """
    if threading.active_count() == 1:
        return
    waited = threading.Event()
    atexit.register(waited.set)
    threading.Thread(target=_watch, args=(waited, code), daemon=True).start()


def _watch(waited: threading.Event, code: int) -> None:
    if waited.wait(GRACE):
        return
    names = ", ".join(sorted(repr(thread.name) for thread in _waited_for()))
    with suppress(OSError, ValueError):
        click.echo(
            f"cut off at the end of the process: {names}. Threads of an application "
            "should be daemon threads, or be ended by its 'shutdown:' function.",
            err=True,
        )
    # os._exit() does not do it.
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def _waited_for() -> list[threading.Thread]:
    # For the message only, so it does not matter much if the name changes.
    futures = sys.modules.get("concurrent.futures.thread")
    workers = getattr(futures, "_threads_queues", ())
    main = threading.main_thread()
    return [
        thread
        for thread in threading.enumerate()
        if thread is not main and (thread in workers or not thread.daemon)
    ]


def exit_code(error: BaseException) -> int:
    """Return the code that a process ends with when *error* leaves it."""
    if not isinstance(error, SystemExit):
        return 1
    if error.code is None:
        return 0
    return error.code if isinstance(error.code, int) else 1
