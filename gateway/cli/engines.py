"""``gateway serve`` with another server than the default one."""

from __future__ import annotations

import logging
import multiprocessing
import multiprocessing.util
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import sleep
from types import FrameType
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click

from gateway.cli.announce import announce
from gateway.cli.log import keep_logging, style_lines
from gateway.cli.worker import end_with_parent, heed_signals
from gateway.config.schema import keys_of
from gateway.config.spec import GatewaySpec, MountSpec, QueueSpec, ServerSpec
from gateway.errors import ConfigError, GatewayError
from gateway.explain import explain
from gateway.isolation.streams import streams_kept
from gateway.servers.listening import is_listening, url_of
from gateway.servers.memory import return_what_is_freed
from gateway.types import WSGIApplication

if TYPE_CHECKING:
    from gateway.lifecycle import Gateway

_log = logging.getLogger("gateway.serve")

# What has no effect with which engine, and why.
_ONE_PROCESS: Final = "it is one process"
_NO_QUEUE: Final = "it has a queue of its own, the same for all mounts"
_IDLE: Final = {
    "waitress": {"workers": _ONE_PROCESS, "worker_class": _ONE_PROCESS},
    "granian": {
        "worker_class": "it serves with threads",
        "max_threads": _NO_QUEUE,
    },
    "gunicorn": {
        "max_threads": _NO_QUEUE,
    },
}
_GREENLETS: Final = {
    "threads": "each connection has a greenlet, as many as 'connection_limit' says"
}

# What is entered in a process of granian's until it ends.
_for_good: Final = ExitStack()

# How soon after it did not listen yet an address is tried again, in seconds.
_SOON: Final = 0.02


def warn_of_idle_settings(spec: GatewaySpec, server: ServerSpec) -> None:
    """Tell what the file says that the engine cannot do."""
    idle = _IDLE[server.engine]
    engine: str = server.engine
    if engine == "gunicorn" and server.worker_class == "gevent":
        idle, engine = idle | _GREENLETS, "gunicorn, with gevent"
    for name, key in keys_of("server").items():
        if name in idle and getattr(server, name) != key.default_value():
            _log.warning(
                "'server.%s' has no effect with the engine %s: %s",
                name,
                engine,
                idle[name],
            )
    usual = QueueSpec()
    for mount in () if server.engine == "waitress" else spec.mounts:
        wanted = mount.queueing
        if (wanted.queue, wanted.queue_timeout) != (usual.queue, usual.queue_timeout):
            _log.warning(
                "mount %s: 'queue' and 'queue_timeout' have no effect with the engine "
                "%s: %s; past 'max_concurrency' a request is answered with 503 at once",
                mount.name,
                server.engine,
                _NO_QUEUE,
            )


@dataclass(frozen=True, slots=True)
class Served:
    """What is to be served.

    :param config: the file.
    :param server: its ``server:``, with what the command line says of it.
    :param quiet: whether there is no log line for each request.
    """

    config: Path
    server: ServerSpec
    quiet: bool


def serve_with_engine(
    served: Served,
    spec: GatewaySpec,
    loading: Callable[[str], AbstractContextManager[None]],
    has_hung_up: Callable[[], bool],
) -> None:
    """Serve with the engine that the file, or the command line, names.

    :param spec: what the file says.
    :param loading: entered while a mount is loaded in this process.
    :param has_hung_up: tells whether the terminal is gone, whose end is a SIGHUP, too.
    """
    if served.server.engine == "gunicorn":
        _gunicorn(served, spec, loading, has_hung_up)
    else:
        _granian(served, has_hung_up)


def _gunicorn(
    served: Served,
    spec: GatewaySpec,
    loading: Callable[[str], AbstractContextManager[None]],
    has_hung_up: Callable[[], bool],
) -> NoReturn:
    from gateway.servers.prepare import prepare_gunicorn

    server = served.server
    # First of all: what is imported from here on may find greenlets for threads.
    prepare_gunicorn(server)
    style_lines(server.access_log == "json")
    from gateway.admin.application import administer
    from gateway.cli.development import reload_and_log
    from gateway.failing import Failures
    from gateway.forking import PreforkGateway
    from gateway.servers.front import in_front
    from gateway.servers.gunicorn import serve_gunicorn
    from gateway.servers.listening import listening_sockets

    with listening_sockets(server) as sockets:
        loaded = PreforkGateway(
            spec,
            loading=loading,
            failures=Failures(degrade=True),
            front=administer,
            outside=_admit(),
            cure="send SIGHUP to the process {}".format,
        )

        def reload() -> bool:
            if has_hung_up():
                return False
            reload_and_log(loaded)
            return True

        try:
            url = url_of(*sockets[0].getsockname()[:2])
            many = f"{server.workers} process{'es' if server.workers > 1 else ''}"
            announce(loaded, url, f" with gunicorn, {many} of {server.worker_class}")
            sys.stdout.flush()  # Else each process would print it once more.
            serve_gunicorn(
                loaded,
                in_front(loaded, server),
                server,
                sockets,
                reload=reload,
                failed=_tell,
                quiet=served.quiet,
            )
        finally:
            loaded.close(server.drain_timeout)


def _granian(served: Served, has_hung_up: Callable[[], bool]) -> None:
    from gateway.servers.granian import serve_granian, start_method
    from gateway.servers.listening import reserved_address
    from gateway.servers.prepare import prepare_granian

    prepare_granian()
    with reserved_address(served.server) as address:
        first = multiprocessing.get_context(start_method()).Lock()
        worker = _Worker(served, address, first)
        serve_granian(address, served.server, worker, has_hung_up)


@dataclass(frozen=True, slots=True)
class _Worker:
    """Loads the gateway in a process of granian's.

    :param first: whoever takes it tells what is served.
    """

    served: Served
    address: tuple[str, int]
    first: Any

    def __call__(self) -> WSGIApplication:
        """Return what serves the requests.

        :raises SystemExit: there is nothing to serve, or a signal came.
        """
        # A process that was not forked has inherited neither.
        return_what_is_freed()
        _for_good.enter_context(streams_kept())
        try:
            with _interruptible():
                return self._load()
        except GatewayError as error:
            _tell(error)
            sys.exit(2 if isinstance(error, ConfigError) else 1)

    def _load(self) -> WSGIApplication:
        from gateway.admin.application import administer
        from gateway.cli.development import reload_and_log
        from gateway.cli.loading import loading_then
        from gateway.config.load import load_config
        from gateway.failing import Failures
        from gateway.lifecycle import Gateway
        from gateway.servers.front import in_front
        from gateway.servers.granian_turns import InTurns, take_turns

        server = self.served.server
        keep = keep_logging(self.served.quiet)
        style_lines(server.access_log == "json")

        loaded = Gateway(
            load_config(self.served.config),
            loading=loading_then(keep),
            failures=Failures(degrade=True),
            front=administer,
            outside=_admit(),
        )
        # The end of a process that was forked calls no function of atexit.
        multiprocessing.util.Finalize(
            None, loaded.close, (server.drain_timeout,), exitpriority=1
        )
        # After it: the lines of the last requests have not been written yet.
        multiprocessing.util.Finalize(None, logging.shutdown, exitpriority=0)
        heed_signals(lambda: reload_and_log(loaded))
        end_with_parent()
        if self.first.acquire(block=False):
            tell = threading.Thread(target=self._announce, args=(loaded,), daemon=True)
            tell.start()
        take_turns()
        return InTurns(in_front(loaded, server), server.workers > 1, loaded.shares)

    def _announce(self, loaded: Gateway) -> None:
        """Tell what is served, once it is: granian listens when all is loaded."""
        while not is_listening(self.address):
            sleep(_SOON)
        workers = self.served.server.workers
        many = f", {workers} processes" if workers > 1 else ""
        announce(loaded, url_of(*self.address), f" with granian{many}")
        sys.stdout.flush()


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let a signal end the loading of the mounts in good order."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, interrupt)
    try:
        yield
    except KeyboardInterrupt as error:
        sys.exit(128 + (error.args[0] if error.args else signal.SIGINT))


def _admit() -> Callable[[MountSpec, WSGIApplication], WSGIApplication]:
    from gateway.policies.admission import Admissions

    admissions = Admissions()

    def admit(spec: MountSpec, application: WSGIApplication) -> WSGIApplication:
        limit = spec.queueing.max_concurrency
        return admissions.admit(spec.name, limit, application)

    return admit


def _tell(error: GatewayError) -> None:
    if os.environ.get("GATEWAY_DEBUG"):
        _log.error("", exc_info=error)
    for line in explain(error):
        click.echo(line, err=True)
