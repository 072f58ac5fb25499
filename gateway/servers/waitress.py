"""The default server: waitress, with an orderly end."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic, time
from types import FrameType
from typing import Any

from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.server import BaseWSGIServer, create_server
from waitress.task import ThreadedTaskDispatcher, WSGITask
from waitress.trigger import trigger

from gateway.config.spec import ServerSpec
from gateway.errors import ServeError
from gateway.servers.forwarded import DropForwarded
from gateway.types import WSGIApplication

_log = logging.getLogger("gateway.server")

# How often the loop looks again while draining, in seconds: a worker that finishes
# pulls the loop's trigger, but a client that goes away may not.
_DRAIN_TICK = 0.05

# How long a draining server waits for the rest of a request's head, in seconds.
_STALLED = 1.0


class _Task(WSGITask):  # type: ignore[misc]
    """A task that sends no content for HEAD, and says so when it is the last one."""

    def build_response_header(self) -> bytes:
        # A listener that accepts no more is draining.
        if not self.channel.server.accepting and len(self.channel.requests) == 1:
            self.request.headers["CONNECTION"] = "close"
        header: bytes = super().build_response_header()
        if self.request.command == "HEAD":
            self.chunked_response = False  # The final chunk would be content too.
        return header

    def write(self, data: bytes) -> None:
        # RFC 9110, 9.3.2. The length that would have been sent stays in the header.
        super().write(b"" if self.request.command == "HEAD" else data)


class _Channel(HTTPChannel):  # type: ignore[misc]
    task_class = _Task


class WaitressServer:
    """Serves one WSGI application until it is told to stop.

    Stopping means: no new connection is accepted, requests in flight are finished and
    their responses sent to the last byte, idle connections are closed; all within the
    drain timeout.

    :param application: what serves the requests.
    :param spec: the ``server:`` section; port 0 takes a free port.
    :param reload: what a SIGHUP asks for; called in a thread of its own, one at a
        time. Without it a SIGHUP stops the server.
    :raises ServeError: the address cannot be listened on.
    """

    def __init__(
        self,
        application: WSGIApplication,
        spec: ServerSpec,
        reload: Callable[[], None] | None = None,
    ) -> None:
        self._spec = spec
        self._reload = reload
        self._reload_wanted = False
        self._reloading: threading.Thread | None = None
        self._stopping = False
        self._map: dict[int, Any] = {}
        # Made here, so that its threads can be ended if the address cannot be had.
        self._dispatcher = ThreadedTaskDispatcher()
        self._dispatcher.set_thread_count(spec.threads)
        try:
            create_server(
                # Where proxies are trusted, the gateway takes these headers away.
                application if spec.trusted_hops else DropForwarded(application),
                map=self._map,
                _dispatcher=self._dispatcher,
                host=spec.host,
                port=spec.port,
                max_request_body_size=spec.max_body,
                channel_timeout=max(1, round(spec.idle_timeout)),
                cleanup_interval=max(1, min(30, round(spec.idle_timeout / 2))),
                backlog=spec.backlog,
                # Done by what is around the application, which remembers it.
                clear_untrusted_proxy_headers=False,
                # Read on while a request runs: else a client that leaves is noticed
                # only by the next write to it.
                channel_request_lookahead=1,
                # It tells attackers which server to look up, and users nothing.
                ident=None,
                # Clients that vanish are no news, and select() ends at 1,024 sockets.
                log_socket_errors=False,
                asyncore_use_poll=True,
            )
        except (OSError, ValueError) as error:
            self._close()
            raise _cannot_listen(spec, error) from error
        self._listeners = [
            listener
            for listener in self._map.values()
            if isinstance(listener, BaseWSGIServer)
        ]
        for listener in self._listeners:
            listener.channel_class = _Channel
            # waitress counts whatever it watches: itself, its triggers, and ours.
            listener.adj.connection_limit = spec.connection_limit + len(self._map) + 1

    @property
    def address(self) -> tuple[str, int]:
        """The host and port that are really listened on."""
        listener = self._listeners[0]
        return listener.effective_host, int(listener.effective_port)

    @property
    def hosts(self) -> tuple[str, ...]:
        """All addresses that are listened on: a name may stand for several."""
        return tuple(str(each.effective_host) for each in self._listeners)

    @property
    def url(self) -> str:
        """The server's root, for people and tests."""
        host, port = self.address
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def run(self) -> int:
        """Serve until :meth:`stop`, or in the main thread a SIGTERM or SIGINT; drain.

        :returns: how many requests were still running when the drain timeout ended.
        """
        with self._signals():
            while not self._stopping:
                self._turn(1.0)
                self._reload_if_wanted()
            stragglers = self._drain()
        self._close(0.1 if stragglers else 5)
        return stragglers

    def stop(self) -> None:
        """Tell :meth:`run` to drain and return; from any thread."""
        if not self._stopping:
            self._stopping = True
            self._listeners[0].pull_trigger()

    def ask_reload(self) -> None:
        """Tell :meth:`run` to reload, soon; from any thread and any signal handler."""
        # The loop does it: a handler must not wait for any lock.
        self._reload_wanted = True

    def _reload_if_wanted(self) -> None:
        """Start the reload that a signal has asked for, once no other is running."""
        running = self._reloading is not None and self._reloading.is_alive()
        if self._reload is None or not self._reload_wanted or running:
            return
        self._reload_wanted = False
        self._reloading = threading.Thread(
            target=self._reload, name="gateway-reload", daemon=True
        )
        self._reloading.start()

    def _turn(self, timeout: float) -> None:
        wasyncore.loop(timeout=timeout, use_poll=True, map=self._map, count=1)

    @contextmanager
    def _signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def stop(number: int, frame: FrameType | None) -> None:
            if self._stopping:
                os._exit(128 + number)  # The second signal means it.
            self.stop()

        def hang_up(number: int, frame: FrameType | None) -> None:
            if self._reload is None:
                stop(number, frame)
            else:
                self.ask_reload()

        handlers = {signal.SIGTERM: stop, signal.SIGINT: stop}
        # A closed terminal is no reason to drop requests, but with nohup one to stay.
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            handlers[signal.SIGHUP] = hang_up
        before = {
            number: signal.signal(number, handler)
            for number, handler in handlers.items()
        }
        # The system may hand a signal to a worker's thread, which leaves the loop
        # waiting; a byte in a pipe that it watches does not.
        waker = trigger(self._map)
        os.set_blocking(waker.trigger, False)
        wakeup = signal.set_wakeup_fd(waker.trigger, warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(wakeup)
            for number, former in before.items():
                signal.signal(number, former)

    def _drain(self) -> int:
        deadline = monotonic() + self._spec.drain_timeout
        self._stop_accepting()
        while monotonic() < deadline:
            # First a turn, so that a request which is already here is read, then a
            # look at who is idle.
            self._turn(_DRAIN_TICK)
            self._close_idle()
            if not self._channels() and not self._busy():
                break
        stragglers = self._busy()
        if stragglers:
            _log.warning(
                "%d request(s) still running after %gs: cut off",
                stragglers,
                self._spec.drain_timeout,
            )
        return stragglers

    def _close(self, timeout: float = 5) -> None:
        self._dispatcher.shutdown(timeout=timeout)
        for channel in self._channels():
            channel.handle_close()  # It closes the buffers too, some of them files.
        wasyncore.close_all(self._map)

    def _busy(self) -> int:
        """Count the requests that are running: a client may have left its own."""
        running: int = self._dispatcher.active_count
        return running + len(self._dispatcher.queue)

    def _channels(self) -> list[HTTPChannel]:
        return [
            channel
            for channel in list(self._map.values())
            if isinstance(channel, HTTPChannel)
        ]

    def _stop_accepting(self) -> None:
        """Accept what has connected already, then close the listening sockets.

        The listeners themselves stay: they own the triggers that wake the loop.
        """
        for listener in self._listeners:
            before = -1
            while len(listener.active_channels) > before:
                before = len(listener.active_channels)
                listener.handle_accept()
            listener.accepting = False
            listener.del_channel()
            listener.socket.close()

    def _close_idle(self) -> None:
        for channel in self._channels():
            # The order matters: when no request is left, all output is in the buffers.
            if (
                not channel.requests
                and not channel.total_outbufs_len
                and (channel.request is None or _is_stalled(channel))
            ):
                channel.will_close = True


def _is_stalled(channel: HTTPChannel) -> bool:
    """Tell whether a request's head has begun to arrive, and then no more of it."""
    quiet: float = time() - channel.last_activity
    return quiet > _STALLED and not channel.request.headers_finished


def _cannot_listen(spec: ServerSpec, error: Exception) -> ServeError:
    if isinstance(error, OSError) and not isinstance(error, socket.gaierror):
        reason = os.strerror(error.errno) if error.errno else str(error)
    else:
        reason = "the host is not known"
    return ServeError(
        f"cannot listen on {spec.host}:{spec.port}: {reason}. Choose another address "
        "with --host and --port, or in the 'server:' section."
    )


@contextmanager
def running(application: WSGIApplication, spec: ServerSpec) -> Iterator[WaitressServer]:
    """Serve *application* in a thread for as long as the ``with`` block lasts."""
    server = WaitressServer(application, spec)
    thread = threading.Thread(target=server.run, name="gateway-server")
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join()
