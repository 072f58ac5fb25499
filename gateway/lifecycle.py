"""The gateway: its mounts loaded, composed, served, replaced and closed."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path
from threading import Lock, Thread
from time import monotonic, perf_counter, sleep
from types import MappingProxyType, TracebackType
from typing import Final

from gateway.config.load import load_config
from gateway.config.spec import AppTarget, AsgiTarget, GatewaySpec
from gateway.dispatch.dispatcher import Dispatcher
from gateway.dispatch.table import Route, Table
from gateway.generation import (
    Around,
    Loader,
    Members,
    Wrap,
    close_all,
    close_within,
    point_of,
)
from gateway.mount import Mount
from gateway.paths import from_text
from gateway.policies.access_log import AccessLog
from gateway.policies.cookies import CookiePolicy
from gateway.policies.cookies_plan import plan_cookies
from gateway.site import Site
from gateway.types import StartResponse, WSGIApplication, WSGIEnvironment

_log = logging.getLogger("gateway.lifecycle")

# How long a request may take from the table to its mount, in seconds: until then a
# mount that was replaced may still be entered.
_GRACE: Final = 0.1

# How often a mount that was replaced is asked whether it is done, in seconds.
_TICK: Final = 0.02


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What a reload has done, by the names of the mounts.

    :param restart: they have changed, and go on as they were: their modules are the
        process's, so only a restart can replace them.
    :param seconds: how long it took until the new mounts served.
    """

    added: tuple[str, ...]
    replaced: tuple[str, ...]
    removed: tuple[str, ...]
    kept: tuple[str, ...]
    restart: tuple[str, ...]
    seconds: float


class Gateway:
    """Many applications as one WSGI application (PEP 3333).

    :param spec: what to mount where.
    :param inside: wraps each mount's application where its context is pushed.
    :param outside: wraps each mount as a whole.
    :param loading: called with each mount's name; what it returns is entered while that
        mount is loaded.
    :raises LoadErrors: applications could not be loaded; every mount was tried, and
        those that did load are closed again.
    """

    def __init__(
        self,
        spec: GatewaySpec,
        *,
        inside: Wrap | None = None,
        outside: Wrap | None = None,
        loading: Around = nullcontext,
    ) -> None:
        self.spec = spec
        self.site = Site()
        self._outside = outside
        self._loader = Loader(self.site, inside, loading)
        self._reloading = Lock()
        self._retiring: list[Thread] = []
        self._members = self._loader.load(spec, {})
        with ExitStack() as on_failure:
            on_failure.callback(self.close, spec.server.drain_timeout)
            self._dispatcher = Dispatcher(self._table(spec, self._members))
            on_failure.pop_all()
        self._point_out()
        self._wsgi: WSGIApplication = AccessLog(self._dispatcher)

    @classmethod
    def from_file(cls, path: str | Path) -> Gateway:
        """Load the gateway that a ``gateway.yaml`` describes.

        :raises ConfigError: the file cannot be used.
        :raises LoadErrors: applications could not be loaded.
        """
        return cls(load_config(Path(path)))

    @property
    def mounts(self) -> Mapping[str, Mount]:
        """The mounts that serve, by name and in the order of the file."""
        return MappingProxyType(
            {name: member.mount for name, member in self._members.items()}
        )

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Serve one request."""
        return self._wsgi(environ, start_response)

    def reload(self) -> Reloaded:
        """Read the file again, and replace the mounts that have changed.

        A mount has changed if what the file says of it has, or the content of its
        sources. New mounts are loaded and probed beside the old ones, and all of them
        take over at once; an old one is closed when its last request is done, or the
        drain timeout is over. If anything fails, nothing has changed.

        :raises ConfigError: the file cannot be used.
        :raises LoadErrors: a new or changed mount could not be loaded.
        """
        with self._reloading:
            started = perf_counter()
            spec = load_config(self.spec.source)
            old = self._members
            members = self._loader.load(spec, old)
            try:
                table = self._table(spec, members)
            except BaseException:
                self._retire(_gone(members, old), spec.server.drain_timeout)
                raise
            self.spec, self._members = spec, members
            self._point_out()
            self._dispatcher.table = table
            seconds = perf_counter() - started
            self._retire(_gone(old, members), spec.server.drain_timeout)
            return _report(spec, old, members, seconds)

    def close(self, timeout: float | None = None) -> tuple[str, ...]:
        """End what the applications have running, the last mount first.

        What one of them raises is logged and does not keep the others from closing.
        With a timeout each is closed in a thread of its own, and one that takes more
        than its share of the time no longer holds up the others.

        :param timeout: how long all of it may take, in seconds; ``None`` is as long as
            needed, in the calling thread. Leaving a ``with`` block waits for the
            ``drain_timeout`` of the configuration.
        :returns: the names of the mounts that are still closing.
        """
        for thread in self._retiring:
            thread.join(timeout)
        if timeout is None:
            close_all(self.mounts.values())
            return ()
        return close_within(timeout, self.mounts.values())

    def _table(self, spec: GatewaySpec, members: Members) -> Table[WSGIApplication]:
        plans = plan_cookies(
            [
                each
                for each in spec.mounts
                if isinstance(each.target, AppTarget | AsgiTarget)
            ]
        )
        routes = []
        for name, member in members.items():
            mount, target = member.mount, member.mount.serve
            if name in plans:
                # Around the mount, not inside it: what is done to its cookies depends
                # on its neighbours, and they may change while it stays.
                target = CookiePolicy(target, plans[name])
            if self._outside is not None:
                target = self._outside(member.spec, target)
            prefix = from_text(mount.prefix)
            routes.append(Route(mount.host, prefix, target, mount.slash))
        return Table(routes)

    def _point_out(self) -> None:
        """Let the mounts know of each other."""
        self.site.mounts = MappingProxyType(
            {name: point_of(member.mount) for name, member in self._members.items()}
        )

    def _retire(self, mounts: list[Mount], timeout: float) -> None:
        """Close *mounts* in the background when their last requests are done."""
        if not mounts:
            return
        thread = Thread(
            target=_drain, args=(mounts, timeout), name="gateway-retire", daemon=True
        )
        self._retiring = [each for each in self._retiring if each.is_alive()]
        self._retiring.append(thread)
        thread.start()

    def __enter__(self) -> Gateway:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.close(self.spec.server.drain_timeout)


def _gone(old: Members, new: Members) -> list[Mount]:
    """Return the mounts of *old* that are not in *new*."""
    kept = {id(member.mount) for member in new.values()}
    return [each.mount for each in old.values() if id(each.mount) not in kept]


def _drain(mounts: list[Mount], timeout: float) -> None:
    deadline = monotonic() + timeout
    sleep(_GRACE)
    while any(mount.in_flight for mount in mounts) and monotonic() < deadline:
        sleep(_TICK)
    for mount in mounts:
        if mount.in_flight:
            _log.warning(
                "mount %s: %d request(s) still running after %gs; it is closed",
                mount.name,
                mount.in_flight,
                timeout,
            )
    close_within(timeout, mounts)


def _report(spec: GatewaySpec, old: Members, new: Members, seconds: float) -> Reloaded:
    same = [name for name in new if name in old and new[name] is old[name]]
    says = {mount.name: mount for mount in spec.mounts}
    restart = tuple(
        name
        for name in same
        if not new[name].reloadable and new[name].has_changed(says[name])
    )
    return Reloaded(
        added=tuple(name for name in new if name not in old),
        replaced=tuple(name for name in new if name in old and name not in same),
        removed=tuple(name for name in old if name not in new),
        kept=tuple(name for name in same if name not in restart),
        restart=restart,
        seconds=seconds,
    )
