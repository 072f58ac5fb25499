"""granian: an HTTP server in Rust, in front of the same threads of Python."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from math import ceil
from typing import Any, Final

from gateway.config.spec import ServerSpec
from gateway.types import WSGIApplication

# It takes no fewer (seconds).
_LEAST: Final = 1


def start_method() -> str:
    """Return how granian starts its processes: ``fork`` or ``spawn``."""
    method = multiprocessing.get_start_method()
    return method if method in ("fork", "spawn") else "spawn"


def serve_granian(
    address: tuple[str, int],
    spec: ServerSpec,
    load: Callable[[], WSGIApplication],
    has_hung_up: Callable[[], bool],
) -> None:
    """Serve until a SIGTERM or SIGINT; a SIGHUP is passed on to the processes.

    :param address: an IP address and a port.
    :param spec: the ``server:`` section.
    :param load: returns the application; called in each process that serves, where it
        has to be found by its name if processes are not forked.
    :param has_hung_up: tells whether a SIGHUP is the end of the terminal.
    :raises SystemExit: a process has ended by itself.
    """
    from granian import Granian
    from granian.constants import HTTPModes, Interfaces
    from granian.http import HTTP1Settings
    from granian.log import LogLevels

    class Server(Granian):  # type: ignore[misc, valid-type]
        def signal_handler_interrupt(self, number: int = 0, *rest: Any) -> None:
            if self.interrupt_signal and number:
                # The second signal means it.
                for worker in self.wrks:
                    worker.kill()
                os._exit(128 + number)
            super().signal_handler_interrupt(number, *rest)

        def signal_handler_reload(self, *_: Any) -> None:
            if has_hung_up():
                self.signal_handler_interrupt()
            # They reload in place, so that no connection is lost.
            for worker in self.wrks:
                os.kill(worker.inner.pid, signal.SIGHUP)

    Server(
        "gateway",
        address=address[0],
        port=address[1],
        interface=Interfaces.WSGI,
        workers=spec.workers,
        blocking_threads=spec.threads,
        backlog=spec.backlog,
        backpressure=max(spec.connection_limit, spec.threads),
        # A request of HTTP/2 has no Host header, and virtual hosts need it.
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(
            header_read_timeout=max(round(spec.idle_timeout * 1000), 1000)
        ),
        websockets=False,
        workers_kill_timeout=max(ceil(spec.drain_timeout), _LEAST),
        log_level=LogLevels.error,
        log_dictconfig=_to_stderr(),
    ).serve(target_loader=load, wrap_loader=False)


def _to_stderr() -> dict[str, Any]:
    """Return a logging configuration that leaves standard output alone."""
    from granian.log import LOGGING_CONFIG

    found: Any = LOGGING_CONFIG["handlers"]
    to = {"stream": "ext://sys.stderr"}
    return {"handlers": {name: {**handler, **to} for name, handler in found.items()}}
