"""Signals that the system hands to a thread other than the main one."""

from __future__ import annotations

import subprocess
import sys

from processes import environment

SLEEPER = """
import signal
import threading

from gateway.cli.worker import heed_signals

told, reloaded = threading.Event(), threading.Event()
signal.signal(signal.SIGTERM, lambda number, frame: told.set())
heed_signals(reloaded.set)
other = threading.Thread(target=threading.Event().wait, daemon=True)
other.start()


def send():
    signal.pthread_kill(other.ident, signal.SIGHUP)
    reloaded.wait()
    signal.pthread_kill(other.ident, signal.SIGTERM)


threading.Thread(target=send).start()
told.wait()
print("heeded")
"""


def test_signals_are_heeded_while_the_main_thread_sleeps() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SLEEPER],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert done.stdout == "heeded\n", done.stderr
    assert done.returncode == 0
