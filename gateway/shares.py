"""Whose request it is: each mount's share of the server's threads, and its limits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from math import ceil
from typing import Final

from gateway.config.spec import AdminSpec, GatewaySpec, QueueSpec
from gateway.dispatch.table import Route, Table
from gateway.mount import Mount
from gateway.pages import answer
from gateway.paths import MOUNT_STACK, from_text
from gateway.policies.forwarded import forwarded_host
from gateway.policies.record import RECORD
from gateway.types import StartResponse, WSGIApplication, WSGIEnvironment

REFUSED: Final = "gateway.refused"
"""The environ key of the share that a refused request found full."""


@dataclass(frozen=True, slots=True)
class Share:
    """What the requests of one mount may have of the server.

    :param name: the mount's.
    :param limits: how many run and wait at a time, and for how long.
    :param vital: whether one of them always finds a thread, however many there are.
    """

    name: str
    limits: QueueSpec = field(default_factory=QueueSpec)
    vital: bool = False


ADMIN: Final = Share("_admin", vital=True)
"""The share of ``admin:``, which has to answer when nothing else does."""

NOBODY: Final = Share("-")
"""The share of requests that lead to no mount, and of those that make no sense."""


@dataclass(frozen=True, slots=True)
class Load:
    """What becomes of a share's requests.

    :param running: how many have a thread.
    :param queued: how many wait for one.
    :param rejected: how many were answered with 503 since the server was started.
    """

    running: int
    queued: int
    rejected: int


class Shares:
    """Tells whose a request is; :attr:`table` follows the gateway's mounts.

    :param host_of: the dispatcher's own reading of the Host header.
    :param table: one share for each route of the dispatcher.
    :param hops: how many proxies are believed when they name the host.
    """

    def __init__(
        self,
        host_of: Callable[[WSGIEnvironment], str | None],
        table: Table[Share],
        hops: int = 0,
    ) -> None:
        self._host_of = host_of
        self._hops = hops
        self.table = table
        self.loads: Callable[[], Mapping[str, Load]] = dict
        """Returns the load of each share, by name; set by the server that knows."""

    def __call__(self, environ: WSGIEnvironment) -> Share:
        """Return the share of a request, which has not been dispatched yet."""
        path = environ.get("PATH_INFO", "")
        if self._hops:
            forwarded = forwarded_host(environ, self._hops)
            if forwarded is not None:
                # No more is read of a request that has the header.
                environ = {"HTTP_HOST": forwarded}
        host = self._host_of(environ)
        if host is None or path[:1] not in ("", "/"):
            return NOBODY
        route = self.table.resolve(host, path)
        return NOBODY if route is None else route.target


def share_table(
    spec: GatewaySpec, mounts: Mapping[str, Mount], admin: AdminSpec | None
) -> Table[Share]:
    """Return the shares of *mounts*, at their addresses.

    :param spec: says what their limits are; those of the last reading of the file.
    :param admin: what answers in front of them, on every host.
    """
    limits = {mount.name: mount.queueing for mount in spec.mounts}
    routes = [
        Route(mount.host, from_text(mount.prefix), Share(name, limits[name]))
        for name, mount in mounts.items()
    ]
    if admin is not None:
        hosts = {None, *(route.host for route in routes)}
        routes += [Route(host, from_text(admin.prefix), ADMIN) for host in hosts]
    return Table(routes)


def refuse(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer a request whose share is full with 503 (RFC 9110, 15.6.4).

    ``Retry-After`` is the share's ``queue_timeout``: what waits now has been served or
    refused by then.
    """
    share: Share = environ[REFUSED]
    if RECORD in environ:
        environ[RECORD].mount = share.name
    seconds = str(ceil(share.limits.queue_timeout))
    return answer(
        HTTPStatus.SERVICE_UNAVAILABLE,
        environ,
        start_response,
        [("Retry-After", seconds)],
    )


class Admission:
    """Refuses a subrequest to a mount that has its ``max_concurrency`` running.

    One from outside waits for its turn in the server's queue. A subrequest holds the
    thread of another mount, so it is told at once; and a mount that waits for it
    already is let in, because that one's turn would never end.

    The limit is approximate here: several that come at the same instant may find the
    last place free, and each gets it.

    :param application: what serves the subrequests.
    :param shares: tells whose they are.
    :param mount_of: returns the mount of a name that serves now.
    """

    __slots__ = ("_application", "_mount_of", "_shares")

    def __init__(
        self,
        application: WSGIApplication,
        shares: Shares,
        mount_of: Callable[[str], Mount | None],
    ) -> None:
        self._application = application
        self._shares = shares
        self._mount_of = mount_of

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Serve one subrequest."""
        share = self._shares(environ)
        limit = share.limits.max_concurrency
        if limit is not None and share.name not in environ.get(MOUNT_STACK, ()):
            mount = self._mount_of(share.name)
            if mount is not None and mount.in_flight >= limit:
                return refuse({**environ, REFUSED: share}, start_response)
        return self._application(environ, start_response)
