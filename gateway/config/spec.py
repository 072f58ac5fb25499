"""What a ``gateway.yaml`` says, checked and with every default filled in.

The values of ``config:`` and ``args:`` may be secrets, so no ``repr`` shows them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal, TypeAlias

from gateway.config.address import Network
from gateway.config.policy_spec import NO_POLICIES, PolicySpec
from gateway.errors import Place

Imports: TypeAlias = Literal["private", "shared"]
Cookies: TypeAlias = Literal["isolated", "namespaced", "shared"]
OnLoadError: TypeAlias = Literal["fail", "degrade"]
AccessLogStyle: TypeAlias = Literal["text", "json", "off"]
RequestIds: TypeAlias = Literal["accept", "make", "off"]
Tracing: TypeAlias = Literal["otel", "off"]
Engine: TypeAlias = Literal["waitress", "granian", "gunicorn"]
WorkerClass: TypeAlias = Literal["gthread", "gevent"]


@dataclass(frozen=True, slots=True)
class ServerSpec:
    """How the gateway is served.

    :param host: the address to listen on, a name or an IP address without brackets.
    :param port: 0 lets the operating system choose a free one.
    :param threads: how many requests are served at a time.
    :param max_body: the largest request body, in bytes.
    :param drain_timeout: how long a stop waits for what is in flight, in seconds.
    :param idle_timeout: how long a connection may be silent, in seconds.
    :param connection_limit: how many connections are open at a time.
    :param backlog: how many connections the system queues before they are accepted.
    :param trusted_hops: how many proxies in front are believed when they name the
        client (X-Forwarded-*).
    :param max_threads: how many threads there are at most, those included that are
        started for mounts which would otherwise have none.
    :param access_log: how a request is logged.
    :param request_id: where the id of a request comes from.
    :param tracing: what makes spans of requests.
    :param metrics: whether requests are counted; ``None`` is if that is possible.
    :param engine: what serves.
    :param workers: how many processes serve; waitress is always one.
    :param worker_class: what a process of gunicorn serves its requests with.
    """

    host: str
    port: int
    threads: int
    max_body: int
    drain_timeout: float
    idle_timeout: float
    connection_limit: int
    backlog: int
    trusted_hops: int = 0
    max_threads: int = 32
    access_log: AccessLogStyle = "text"
    request_id: RequestIds = "accept"
    tracing: Tracing = "off"
    metrics: bool | None = None
    engine: Engine = "waitress"
    workers: int = 1
    worker_class: WorkerClass = "gthread"


@dataclass(frozen=True, slots=True)
class QueueSpec:
    """How many requests of a mount are served, and wait, at a time.

    :param max_concurrency: how many run; ``None`` is three quarters of the threads.
    :param queue: how many wait; one more is refused.
    :param queue_timeout: how long one waits before it is refused, in seconds.
    """

    max_concurrency: int | None = None
    queue: int = 64
    queue_timeout: float = 10.0


@dataclass(frozen=True, slots=True)
class AdminSpec:
    """Where the gateway answers about itself, and whom.

    :param prefix: as a mount's, never the root.
    :param allow: the clients' networks; others find nothing there.
    :param token: what changes something needs it; ``None`` refuses all of that.
    :param probe_timeout: how long readiness waits for probes, in seconds.
    """

    prefix: str
    allow: tuple[Network, ...]
    token: str | None = field(repr=False)
    probe_timeout: float = 2.0


@dataclass(frozen=True, slots=True)
class CodeTarget:
    """An application, or a factory of one, that runs in this process.

    :param reference: ``module:attribute``; both sides may be dotted.
    :param path: the import root, absolute; ``None`` for the mount's ``home`` if the
        module is there, else for what is installed.
    :param imports: whether the mount has a module namespace of its own; ``None``
        where the file does not say: it has one unless the module is installed.
    :param args: the keyword arguments of the factory.
    :param factory: ``None`` where the object itself is to tell.
    :param venv: the virtual environment whose libraries are the mount's own, absolute.
    :param private: libraries of which the mount has a copy of its own.
    :param shared: libraries that are the process's, whatever ``venv`` has.
    """

    kind: ClassVar[str]

    reference: str
    path: Path | None
    imports: Imports | None
    args: Mapping[str, object] = field(repr=False)
    factory: bool | None
    venv: Path | None = None
    private: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AppTarget(CodeTarget):
    """A WSGI application (PEP 3333)."""

    kind: ClassVar[str] = "app"


@dataclass(frozen=True, slots=True)
class AsgiTarget(CodeTarget):
    """An ASGI application."""

    kind: ClassVar[str] = "asgi"


@dataclass(frozen=True, slots=True)
class StaticTarget:
    """The files of a folder.

    :param folder: absolute.
    """

    kind: ClassVar[str] = "static"

    folder: Path


@dataclass(frozen=True, slots=True)
class RedirectTarget:
    """Another address, which keeps the rest of the path and the query.

    :param location: an absolute path or an ``http(s)`` URL, in ASCII (RFC 3986).
    :param status: 301, 302, 303, 307 or 308 (RFC 9110, 15.4).
    """

    kind: ClassVar[str] = "redirect"

    location: str
    status: int


@dataclass(frozen=True, slots=True)
class ProxyTarget:
    """An HTTP server of its own.

    :param url: of its root, with ``http`` or ``https``, without a slash at the end.
    :param timeout: how long it may be silent, in seconds.
    :param connect_timeout: how long a connection to it may take, in seconds.
    :param preserve_host: whether it gets the client's Host header.
    """

    kind: ClassVar[str] = "proxy"

    url: str
    timeout: float
    connect_timeout: float
    preserve_host: bool


Target: TypeAlias = AppTarget | AsgiTarget | StaticTarget | RedirectTarget | ProxyTarget


@dataclass(frozen=True, slots=True)
class MountSpec:
    """One application at one place.

    :param prefix: empty for the root, else ``/segment[/segment]`` without a trailing
        slash, as decoded text.
    :param host: lower case, IDNA-encoded (RFC 5890) and without a port; IPv6 in
        brackets; ``*.`` in front stands for one or more labels; ``None`` for any host.
    :param config: the application's configuration, the file's defaults included.
    :param shutdown: ``module:attribute`` of what is called when the mount is closed.
    :param place: where the mount's name stands.
    :param home: the folder of the file that it stands in.
    :param env: environment variables of the mount's own, the file's defaults included.
    :param cookies: how its cookies are kept from those of other mounts.
    :param probe: a path inside the mount, asked before a reloaded one serves.
    :param strict: whether it may change nothing that all mounts share.
    :param on_load_error: what becomes of the gateway if the mount does not load.
    :param policies: what is done around the application.
    :param queueing: its share of the server, which may change while the mount stays.
    :param on_fork: ``module:attribute`` of what is called in each process that is
        forked from the one in which the mount was loaded.
    """

    name: str
    prefix: str
    host: str | None
    target: Target
    config: Mapping[str, object] = field(repr=False)
    shutdown: str | None
    place: Place
    home: Path
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    cookies: Cookies = "isolated"
    probe: str | None = None
    strict: bool = False
    on_load_error: OnLoadError = "fail"
    policies: PolicySpec = NO_POLICIES
    queueing: QueueSpec = field(default_factory=QueueSpec)
    on_fork: str | None = None


@dataclass(frozen=True, slots=True)
class GatewaySpec:
    """A whole configuration.

    :param source: the file, absolute.
    :param home: its folder.
    :param mounts: in the order of the file, the included ones after its own.
    :param files: the file and those that it includes.
    :param admin: ``None`` where the file has no ``admin:``.
    """

    source: Path
    home: Path
    server: ServerSpec
    mounts: tuple[MountSpec, ...]
    files: tuple[Path, ...]
    admin: AdminSpec | None = None
