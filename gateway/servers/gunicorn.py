"""gunicorn: mounts are loaded once, and processes forked from that serve."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from math import ceil
from socket import socket
from typing import Any, Final, NoReturn

from gateway.config.spec import ServerSpec
from gateway.errors import GatewayError
from gateway.forking import PreforkGateway
from gateway.types import WSGIApplication

# How many seconds a process may be silent before it is ended: gunicorn's own default.
_SILENCE: Final = 30


def serve_gunicorn(
    gateway: PreforkGateway,
    application: WSGIApplication,
    spec: ServerSpec,
    sockets: Iterable[socket],
    *,
    reload: Callable[[], bool],
    failed: Callable[[GatewayError], None],
    quiet: bool = False,
) -> NoReturn:
    """Serve until a SIGTERM, SIGINT or SIGQUIT; raises ``SystemExit`` then.

    :param application: what serves the requests, *gateway* in the end.
    :param spec: the ``server:`` section.
    :param sockets: what to listen on; they are gunicorn's from now on.
    :param reload: what a SIGHUP asks for, before the processes are replaced; returns
        whether to go on serving.
    :param failed: tells of a process that could not go on after it was forked.
    """
    from gunicorn.app.base import BaseApplication
    from gunicorn.arbiter import Arbiter
    from gunicorn.errors import HaltServer

    class Master(Arbiter):  # type: ignore[misc]
        def spawn_worker(self) -> Any:
            with gateway.still():
                return super().spawn_worker()

    class Application(BaseApplication):  # type: ignore[misc]
        def load_config(self) -> None:
            for name, value in settings.items():
                # Some are younger than others.
                if name in self.cfg.settings:
                    self.cfg.set(name, value)

        def load(self) -> WSGIApplication:
            return application

        def reload(self) -> None:
            if not reload():
                raise KeyboardInterrupt

    def begin(worker: Any) -> None:
        try:
            gateway.begin()
        except GatewayError as error:
            failed(error)
            os._exit(Arbiter.WORKER_BOOT_ERROR)

    def end(master: Any, worker: Any) -> None:
        gateway.close(spec.drain_timeout)

    settings = {
        **_settings(spec, quiet),
        "bind": [f"fd://{each.detach()}" for each in sockets],
        "post_worker_init": begin,
        "worker_exit": end,
        "child_exit": _forget,
    }
    try:
        Master(Application()).run()
    except HaltServer as halt:
        # A second process that could not begin, while it ended for the first one.
        raise SystemExit(halt.exit_status) from None
    raise SystemExit


def _forget(master: Any, worker: Any) -> None:
    """Have the gauges of a process that has died count no more."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return
    with suppress(ImportError, OSError):
        from prometheus_client.multiprocess import mark_process_dead

        mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def _settings(spec: ServerSpec, quiet: bool) -> dict[str, Any]:
    return {
        "workers": spec.workers,
        "worker_class": spec.worker_class,
        "threads": spec.threads,
        "worker_connections": spec.connection_limit,
        "backlog": spec.backlog,
        "timeout": _SILENCE,
        "graceful_timeout": max(ceil(spec.drain_timeout), 1),
        "keepalive": max(round(spec.idle_timeout), 1),
        "preload_app": True,
        "proc_name": "gateway",
        "loglevel": "warning" if quiet else "info",
        # Who a client is, the gateway finds out by itself.
        "forwarded_allow_ips": "",
        "secure_scheme_headers": {},
        "forwarder_headers": "",
        "control_socket_disable": True,
    }
