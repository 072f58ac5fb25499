"""The default server: waitress, with fair queues and an orderly end."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from time import monotonic, time
from typing import Final

from waitress.channel import HTTPChannel
from waitress.server import BaseWSGIServer, create_server

from gateway.config.spec import QueueSpec, ServerSpec
from gateway.servers.accepting import accept_several, pause_without_room
from gateway.servers.channel import Channel
from gateway.servers.forwarded import DropForwarded
from gateway.servers.listening import cannot_listen, url_of
from gateway.servers.loop import Loop
from gateway.servers.pool import Pool, Unfinished
from gateway.servers.signals import handling
from gateway.shares import Load, Share, refuse
from gateway.types import WSGIApplication, WSGIEnvironment

_log = logging.getLogger("gateway.server")

# How long the loop waits at most, in seconds: waitress closes silent connections when
# its listeners are asked what they wait for.
_TURN: Final = 1.0

# How often the loop looks again while draining, in seconds: a worker that finishes
# wakes the loop, but a client that goes away may not.
_DRAIN_TICK: Final = 0.05

# How long a draining server waits for the rest of a request's head, in seconds.
_STALLED: Final = 1.0

# How many of the requests that are cut off the log names.
_NAMED: Final = 20


@dataclass(frozen=True, slots=True)
class Fairness:
    """How a server tells the mounts' requests apart.

    :param share_of: returns whose a request is, by its environ.
    :param refuse: answers a request that its share has no room for.
    """

    share_of: Callable[[WSGIEnvironment], Share]
    refuse: WSGIApplication = refuse


def _one_for_all(threads: int) -> Fairness:
    """Return the share of an application that is served alone: whatever there is."""
    share = Share("application", QueueSpec(threads, 65535, inf))
    return Fairness(lambda environ: share)


class WaitressServer:
    """Serves one WSGI application until it is told to stop.

    Stopping means: no new connection is accepted, requests in flight are finished, the
    waiting ones too, and their responses sent to the last byte, idle connections are
    closed; all within the drain timeout.

    :param application: what serves the requests.
    :param spec: the ``server:`` section; port 0 takes a free port.
    :param reload: what a SIGHUP asks for; called in a thread of its own, one at a
        time. Without it a SIGHUP stops the server.
    :param fairness: what keeps mounts from starving each other; without it, all
        requests are one mount's.
    :raises ServeError: the address cannot be listened on.
    """

    def __init__(
        self,
        application: WSGIApplication,
        spec: ServerSpec,
        reload: Callable[[], None] | None = None,
        fairness: Fairness | None = None,
    ) -> None:
        self._spec = spec
        self._reload = reload
        self._reload_wanted = False
        self._reloading: threading.Thread | None = None
        self._stopping = False
        self._loop = Loop()
        self._pool = Pool(spec.threads, spec.max_threads, self._loop.wake)
        try:
            create_server(
                self._trusting(application),
                map=self._loop.map,
                _dispatcher=self._pool,
                host=spec.host,
                port=spec.port,
                # Waitress refuses the size that it is given, too.
                max_request_body_size=spec.max_body + 1,
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
            raise cannot_listen(spec, error) from error
        self._listeners = [
            listener
            for listener in self._loop.map.values()
            if isinstance(listener, BaseWSGIServer)
        ]
        self._equip(fairness or _one_for_all(spec.threads))

    def _equip(self, fairness: Fairness) -> None:
        # waitress counts whatever it watches: itself, its triggers, and ours.
        others = len(self._loop.map)
        for listener in self._listeners:
            listener.adj.connection_limit = self._spec.connection_limit + others
            listener.channel_class = Channel
            listener.loop = self._loop
            listener.pull_trigger = self._loop.wake
            listener.shares = fairness.share_of
            listener.refuse = self._trusting(fairness.refuse)
            pause_without_room(listener)
            accept_several(listener)

    def _trusting(self, application: WSGIApplication) -> WSGIApplication:
        # Where proxies are trusted, the gateway takes their headers away.
        return application if self._spec.trusted_hops else DropForwarded(application)

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
        return url_of(*self.address)

    def loads(self) -> Mapping[str, Load]:
        """Return what each mount has running and waiting, by name; from any thread.

        Mounts that were not asked yet are not in it.
        """
        return self._pool.loads()

    def run(self) -> int:
        """Serve until :meth:`stop`, or in the main thread a SIGTERM or SIGINT; drain.

        :returns: how many requests were not done when the drain timeout ended, those
            included whose clients had not sent all of the request, or had not read all
            of the response.
        """
        reload = None if self._reload is None else self.ask_reload
        self._pool.loop_thread = threading.get_ident()
        with handling(self.stop, reload, self._loop.wakeup_fd):
            while not self._stopping:
                self._turn(_TURN)
                self._reload_if_wanted()
            stragglers = self._drain()
        self._close(0.1 if stragglers else 5)
        return stragglers

    def stop(self) -> None:
        """Tell :meth:`run` to drain and return; from any thread."""
        if not self._stopping:
            self._stopping = True
            self._loop.wake()

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
        expiry = self._pool.seconds_to_next_expiry()
        self._loop.turn(timeout if expiry is None else min(timeout, expiry))
        self._pool.start()
        for job in self._pool.refused():
            job.refuse()

    def _drain(self) -> int:
        deadline = monotonic() + self._spec.drain_timeout
        self._stop_accepting()
        while monotonic() < deadline:
            # First a turn, so that a request which is already here is read, then a
            # look at who is idle.
            self._turn(_DRAIN_TICK)
            self._close_idle()
            if not self._channels() and not self._pool.unfinished:
                return 0
        return self._tell_stragglers()

    def _tell_stragglers(self) -> int:
        """Log, and count, what the drain timeout cuts off."""
        unfinished = self._pool.list_unfinished()
        unread = [
            channel
            for channel in self._channels()
            if channel.total_outbufs_len and not channel.requests
        ]
        unsent = [
            channel for channel in self._channels() if channel.request is not None
        ]
        for what, found in (
            ("request(s) still running", unfinished),
            ("response(s) not read to their ends", unread),
            ("request(s) not sent to their ends", unsent),
        ):
            if found:
                after = self._spec.drain_timeout
                _log.warning("%d %s after %gs: cut off", len(found), what, after)
        for each in unfinished[:_NAMED]:
            _log.warning("cut off: %s", _described(each))
        return len(unfinished) + len(unread) + len(unsent)

    def _close(self, timeout: float = 5) -> None:
        self._pool.shutdown(timeout)
        for channel in self._channels():
            channel.handle_close()  # It closes the buffers too, some of them files.
        self._loop.close()

    def _channels(self) -> list[HTTPChannel]:
        return [
            channel
            for channel in list(self._loop.map.values())
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
            if channel.close_when_flushed:
                self._loop.touch(channel)  # It ends by itself, and knows when.
            # The order matters: when no request is left, all output is in the buffers.
            elif (
                not channel.requests
                and not channel.total_outbufs_len
                and (channel.request is None or _is_stalled(channel))
            ):
                if _is_quiet(channel):
                    channel.will_close = True
                else:
                    # Its last response may still be on the way.
                    channel.close_when_flushed = True
                self._loop.touch(channel)


def _is_quiet(channel: HTTPChannel) -> bool:
    """Tell whether nothing has come or gone for a while."""
    quiet: float = time() - channel.last_activity
    return quiet > _STALLED


def _is_stalled(channel: HTTPChannel) -> bool:
    """Tell whether a request's head has begun to arrive, and then no more of it."""
    return _is_quiet(channel) and not channel.request.headers_finished


def _described(each: Unfinished) -> str:
    return (
        f"mount {each.share}: {each.job.describe()}, {each.state} for "
        f"{each.seconds:.1f}s"
    )


@contextmanager
def running(
    application: WSGIApplication, spec: ServerSpec, fairness: Fairness | None = None
) -> Iterator[WaitressServer]:
    """Serve *application* in a thread for as long as the ``with`` block lasts."""
    server = WaitressServer(application, spec, fairness=fairness)
    thread = threading.Thread(target=server.run, name="gateway-server")
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join()
