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
heed_signals(reloaded.set)
# As granian does, when all is loaded.
signal.signal(signal.SIGTERM, lambda number, frame: told.set())
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


FORKING = """
import multiprocessing
import os
import signal
import threading
import time

from gateway.cli.worker import heed_signals

seen = []
heed_signals(lambda: seen.append("reload"))
signal.signal(signal.SIGTERM, lambda number, frame: seen.append(os.getpid()))
context = multiprocessing.get_context("fork")


def rest(begun):
    begun.set()
    time.sleep(60)


def work():
    begun = context.Event()
    child = context.Process(target=rest, args=(begun,))
    child.start()
    begun.wait()
    os.kill(child.pid, signal.SIGHUP)
    os.kill(child.pid, signal.SIGTERM)
    time.sleep(0.3)
    child.kill()
    child.join()


thread = threading.Thread(target=work)
thread.start()
thread.join()
print(seen)
"""


def test_signals_of_a_forked_process_are_not_heeded() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKING],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert done.stdout == "[]\n", done.stderr
