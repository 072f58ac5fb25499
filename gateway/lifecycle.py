"""The gateway: its mounts loaded, composed, served, replaced and closed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack, nullcontext
from contextvars import Context
from pathlib import Path
from threading import Event, Lock, Thread
from time import monotonic, perf_counter, time
from types import MappingProxyType, TracebackType
from typing import Final, TypeAlias

from gateway.config.load import load_config
from gateway.config.spec import (
    AdminSpec,
    CodeTarget,
    GatewaySpec,
    ProxyTarget,
)
from gateway.dispatch.dispatcher import Dispatcher
from gateway.dispatch.table import Route, Table
from gateway.draining import Drain
from gateway.errors import GatewayError, LoadError
from gateway.explain import explain
from gateway.failing import ALL_MUST_LOAD, Failures
from gateway.generation import (
    Around,
    Loader,
    Members,
    Wrap,
    close_all,
    close_within,
    gone,
    outdated,
    point_of,
)
from gateway.isolation.begun import LeftThread
from gateway.mount import Mount
from gateway.paths import from_text
from gateway.policies.cookies import CookiePolicy
from gateway.policies.cookies_plan import plan_cookies
from gateway.policies.gateway_stack import GatewayStack
from gateway.policies.metrics import RequestMetrics
from gateway.reloaded import Outcome as Outcome
from gateway.reloaded import Reloaded as Reloaded
from gateway.reloaded import report_on
from gateway.shares import Admission, Share, Shares, refuse, share_table
from gateway.site import Site
from gateway.subrequests.call import Subrequests
from gateway.types import StartResponse, WSGIApplication, WSGIEnvironment

_log = logging.getLogger("gateway.lifecycle")

# How often mounts that have failed are looked at, in seconds.
_LOOK: Final = 0.25

# How long the end waits for a mount that is just being retried, in seconds.
_PATIENCE: Final = 1.0


class ReloadRunningError(GatewayError):
    """A reload was asked for while another one was running."""


Front: TypeAlias = Callable[["Gateway", AdminSpec], Mount]
"""Makes the mount that stands in front of all others."""


class Gateway:
    """Many applications as one WSGI application (PEP 3333).

    :param spec: what to mount where.
    :param inside: wraps each mount's application where its context is pushed.
    :param outside: wraps each mount as a whole.
    :param loading: called with each mount's name; what it returns is entered while that
        mount is loaded.
    :param failures: what becomes of mounts that do not load.
    :param front: makes the mount of ``admin:``, where the file has that section.
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
        failures: Failures = ALL_MUST_LOAD,
        front: Front | None = None,
    ) -> None:
        self.spec = spec
        self.site = Site()
        self.subrequest = Subrequests(self.site)
        self.started = time()
        self.last_reload: Outcome | None = None
        self.reload_counts = {"succeeded": 0, "failed": 0}
        self._server = spec.server
        self._outside = outside
        self._front = front
        self._loader = Loader(self.site, inside, loading, failures)
        # One reload at a time; whatever changes the mounts; the moment it takes effect.
        self._reloading, self._changing, self._swapping = Lock(), Lock(), Lock()
        self._closing = Event()
        self.is_stopping: Callable[[], bool] = self._closing.is_set
        """Tells whether requests had better go elsewhere; a server may know earlier."""
        self._retrying: Thread | None = None
        self._drain = Drain()
        asked = front is not None and spec.admin is not None
        self._policies = GatewayStack(spec.server, asked)
        self._members = self._loader.load(spec, {})
        with ExitStack() as on_failure:
            on_failure.callback(self.close, spec.server.drain_timeout)
            self._dispatcher = Dispatcher(self._table(spec, self._members))
            self.shares = Shares(
                self._dispatcher.host_of,
                self._share_table(spec, self._members),
                spec.server.trusted_hops,
            )
            admitted = Admission(self._dispatcher, self.shares, self._mount_of)
            self.site.serve = self._policies.around_subrequests(admitted)
            on_failure.pop_all()
        self._point_out()
        self._wsgi = self._policies.around(self._dispatcher)
        self.refuse = self._policies.around(refuse)
        with self._changing:
            self._see_to_failed()

    @classmethod
    def from_file(cls, path: str | Path) -> Gateway:
        """Load the gateway that a ``gateway.yaml`` describes.

        Mounts with ``on_load_error: degrade`` may fail to load, and are loaded later.

        :raises ConfigError: the file cannot be used.
        :raises LoadErrors: applications could not be loaded.
        """
        return cls(load_config(Path(path)), failures=Failures(degrade=True))

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

    @property
    def members(self) -> Members:
        """The mounts that serve, with what the gateway knows of each."""
        return self._members

    @property
    def slow_requests(self) -> Mapping[str, int]:
        """How many requests have outlasted their mount's ``slow_after``, by mount."""
        return MappingProxyType(self._loader.slow.counts)

    @property
    def metrics(self) -> RequestMetrics | None:
        """What counts the requests; ``None`` if nothing does."""
        return self._policies.metrics

    @property
    def draining(self) -> tuple[Mount, ...]:
        """The mounts that were replaced or removed, and are not closed yet."""
        return self._drain.mounts

    @property
    def left_threads(self) -> tuple[LeftThread, ...]:
        """The threads of mounts that were replaced or removed, which live on."""
        return self._drain.left

    @property
    def reloading(self) -> bool:
        """Whether a reload is running."""
        return self._reloading.locked()

    def reload(self, wait: bool = True, *, everything: bool = False) -> Reloaded:
        """Read the file again, and replace the mounts that have changed.

        A mount has changed if what the file says of it has, or the content of its
        sources. New mounts are loaded and probed beside the old ones, and all of them
        take over at once; an old one is closed when its last request is done, or the
        drain timeout is over. If anything fails, nothing has changed.

        :param wait: whether to wait for a reload that is running, and then to reload.
        :param everything: whether to replace also what has not changed.
        :raises ConfigError: the file cannot be used.
        :raises LoadErrors: a new or changed mount could not be loaded.
        :raises ReloadRunningError: a reload is running, and *wait* is false.
        """
        if not self._reloading.acquire(blocking=wait):
            raise ReloadRunningError("a reload is running already: wait for its end")
        try:
            # Outside every mount: who asks may be an application of a request.
            with self._changing:
                report = Context().run(self._reload, everything)
        except GatewayError as error:
            # As text: the error would keep the modules alive that have failed.
            self.last_reload = Outcome(time(), problems=tuple(explain(error)))
            self.reload_counts["failed"] += 1
            raise
        finally:
            self._reloading.release()
        self.last_reload = Outcome(time(), report)
        self.reload_counts["succeeded"] += 1
        return report

    def _reload(self, everything: bool) -> Reloaded:
        started = perf_counter()
        spec = load_config(self.spec.source)
        old = outdated(self._members) if everything else self._members
        members = self._loader.load(spec, old)
        self._take_over(spec, members)
        try:
            for name, each in old.items():
                if members.get(name) is not each and each.loaded.namespace is not None:
                    each.loaded.namespace.retire()
        finally:
            # Whatever happens: nobody else knows them any more.
            self._drain.add(gone(old, members), spec.server.drain_timeout)
        seconds = perf_counter() - started
        self._see_to_failed()
        return report_on(spec, old, members, seconds, spec.server != self._server)

    def _take_over(self, spec: GatewaySpec, members: Members) -> None:
        """Serve *members* from now on.

        :raises GatewayError: they cannot be; those that are new are closed.
        """
        try:
            table = self._table(spec, members)
            shares = self._share_table(spec, members)
            with self._swapping:
                if self._closing.is_set():
                    raise GatewayError("the gateway is being closed")
                self.spec, self._members = spec, members
                self._point_out()
                self._dispatcher.table = table
                self.shares.table = shares
        except BaseException:
            self._drain.add(gone(members, self._members), spec.server.drain_timeout)
            raise

    def _see_to_failed(self) -> None:
        """Have the mounts that failed to load retried, from a thread."""
        if self._retrying is None and _to_retry(self._members):
            self._retrying = Thread(
                target=self._retry, name="gateway-retry", daemon=True
            )
            self._retrying.start()

    def _retry(self) -> None:
        while not self._closing.wait(_LOOK):
            with self._changing:
                for name in _to_retry(self._members):
                    self._retry_one(name)
                if not _to_retry(self._members):
                    self._retrying = None
                    return

    def _retry_one(self, name: str) -> None:
        old = self._members
        failure = old[name].failure
        if failure is None or failure.due > 0 or self._closing.is_set():
            return
        try:
            members = self._loader.retry(name, self.spec, old)
            self._take_over(self.spec, members)
        except LoadError as error:
            failure.again(error)
            _log.warning(
                "%s (attempt %d; the next one in %.0fs)",
                # As text: whoever keeps the record would keep the modules alive.
                str(error),
                failure.attempts,
                failure.due,
            )
        except Exception:
            if not self._closing.is_set():
                _log.exception("mount %s: the retry failed", name)
                failure.again(failure.error)
        else:
            self._drain.add(gone(old, members), self.spec.server.drain_timeout)
            _log.info("mount %s: loaded at attempt %d", name, failure.attempts + 1)

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
        with self._swapping:
            # Whatever is being loaded does not take over any more.
            self._closing.set()
        deadline = None if timeout is None else monotonic() + timeout
        late: tuple[str, ...] = ()
        if timeout is None:
            close_all(self.mounts.values())
        else:
            late = close_within(timeout, self.mounts.values())
        self._drain.join(deadline)
        retrying = self._retrying
        if retrying is not None:
            # What it loads would be thrown away: that is not worth a longer wait.
            retrying.join(_PATIENCE)
        self._loader.slow.close()
        return (*late, *(mount.name for mount in self.draining))

    def _table(self, spec: GatewaySpec, members: Members) -> Table[WSGIApplication]:
        # As they are served: one with shared imports stays as it was until a restart.
        plans = plan_cookies(
            [
                each.spec
                for each in members.values()
                if isinstance(each.spec.target, CodeTarget | ProxyTarget)
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
        routes += self._routes_in_front(spec, {route.host for route in routes})
        try:
            return Table(routes)
        except ValueError as error:
            # The file has no two at one address: one of them has not moved.
            raise GatewayError(
                f"{error}: a mount with 'imports: shared' keeps its address until the "
                "gateway is restarted"
            ) from error

    def _routes_in_front(
        self, spec: GatewaySpec, hosts: set[str | None]
    ) -> list[Route[WSGIApplication]]:
        """Return the routes of ``admin:``, on every host that a mount has."""
        if self._front is None or spec.admin is None:
            return []
        mount = self._front(self, spec.admin)
        prefix = from_text(mount.prefix)
        # No redirect to its slash: that would tell those whom it does not answer.
        return [Route(host, prefix, mount.serve, False) for host in {None, *hosts}]

    def _share_table(self, spec: GatewaySpec, members: Members) -> Table[Share]:
        admin = None if self._front is None else spec.admin
        mounts = {name: member.mount for name, member in members.items()}
        return share_table(spec, mounts, admin)

    def _mount_of(self, name: str) -> Mount | None:
        member = self._members.get(name)
        return None if member is None else member.mount

    def _point_out(self) -> None:
        """Let the mounts know of each other."""
        self.site.mounts = MappingProxyType(
            {name: point_of(member.mount) for name, member in self._members.items()}
        )

    def __repr__(self) -> str:
        return f"<Gateway of {', '.join(self.mounts)}>"

    def __enter__(self) -> Gateway:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.close(self.spec.server.drain_timeout)


def _to_retry(members: Members) -> list[str]:
    return [
        name
        for name, member in members.items()
        if member.failure is not None and member.failure.retried
    ]
