"""What a process of granian's sees to beside its requests: signals, and its parent."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from time import sleep
from typing import Any, Final

# How often a process looks whether its parent is still there, in seconds.
_LOOK: Final = 0.5

# How long the main thread is given to heed a signal by itself, in seconds. Granian asks
# for what its handlers have told soon after they are set.
_MOMENT: Final = 0.1


def heed_signals(reload: Callable[[], None]) -> None:
    """Reload at a SIGHUP, and have SIGTERM and SIGINT heeded; in the main thread.

    The system may hand a signal to a thread of granian's. Then the main thread sleeps
    on, and only there Python calls handlers. What is written to the wakeup descriptor
    is read at once.

    :param reload: called in a thread of its own.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    # Without a handler the signal would end the process.
    signal.signal(signal.SIGHUP, lambda number, frame: None)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    # A process that an application forks has it, too, and signals of its own.
    os.register_at_fork(after_in_child=lambda: signal.set_wakeup_fd(-1))
    main = threading.get_ident()
    # While the mounts are being loaded, the main thread heeds signals by itself.
    loading: dict[int, Any] = {
        each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)
    }

    def watch() -> None:
        while True:
            for number in os.read(reader, 64):
                if number == signal.SIGHUP:
                    # It may take long, and another signal is to be heeded meanwhile.
                    threading.Thread(
                        target=reload, name="gateway-reload", daemon=True
                    ).start()
                elif number in loading and signal.getsignal(number) != loading[number]:
                    # Once: it comes back here.
                    loading.clear()
                    sleep(_MOMENT)
                    signal.pthread_kill(main, number)

    threading.Thread(target=watch, name="gateway-signals", daemon=True).start()


def end_with_parent() -> None:
    """End this process when its parent is gone, which may have been killed."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            sleep(_LOOK)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="gateway-parent", daemon=True).start()
