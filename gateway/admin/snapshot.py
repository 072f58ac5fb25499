"""What is to be known of a gateway that serves, as data."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from time import time
from typing import Final, Literal

from gateway._version import __version__
from gateway.generation import Member
from gateway.isolation.begun import LeftThread
from gateway.lifecycle import Gateway, Outcome, Reloaded
from gateway.mount import Mount
from gateway.shares import Load

_NO_LOAD: Final = Load(0, 0, 0)


@dataclass(frozen=True, slots=True)
class MountStatus:
    """One mount.

    :param prefix: ``/`` for the root.
    :param state: ``draining`` is one that was replaced and ends its last requests.
    :param generation: which of the mount's module namespaces it is in; ``None`` where
        it has none.
    :param queued: how many requests wait for it, as far as the server knows.
    :param rejected: how many the server has answered with 503 for it.
    :param problem: why it did not load.
    :param slow: how many of its requests have outlasted its ``slow_after``.
    """

    name: str
    prefix: str
    host: str | None
    kind: str
    source: str
    state: Literal["serving", "failed", "draining"]
    load_seconds: float
    in_flight: int
    queued: int
    rejected: int
    generation: int | None
    problem: str | None = None
    slow: int = 0


@dataclass(frozen=True, slots=True)
class LastReload:
    """How the last reload ended.

    :param at: when, as RFC 3339 has it.
    :param report: what it has done; ``None`` if it failed.
    :param problems: why it failed.
    """

    at: str
    report: Reloaded | None
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReloadStatus:
    """What is going on with reloads."""

    running: bool
    last: LastReload | None


@dataclass(frozen=True, slots=True)
class Status:
    """A gateway.

    :param config: its file.
    :param uptime: how long it has been there, in seconds.
    :param left_threads: those of mounts that were replaced or removed, which live on.
    """

    version: str
    pid: int
    uptime: float
    config: str
    reload: ReloadStatus
    mounts: tuple[MountStatus, ...]
    left_threads: tuple[LeftThread, ...]


def snapshot(gateway: Gateway) -> Status:
    """Return what is going on in *gateway*."""
    last = gateway.last_reload
    loads = gateway.shares.loads()
    slow = gateway.slow_requests
    return Status(
        version=__version__,
        pid=os.getpid(),
        uptime=round(time() - gateway.started, 3),
        config=str(gateway.spec.source),
        reload=ReloadStatus(gateway.reloading, None if last is None else _last(last)),
        mounts=(
            *(
                _serving(member, loads.get(name, _NO_LOAD), slow.get(name, 0))
                for name, member in gateway.members.items()
            ),
            *(_mount(mount, "draining") for mount in gateway.draining),
        ),
        left_threads=gateway.left_threads,
    )


def _last(outcome: Outcome) -> LastReload:
    at = datetime.fromtimestamp(outcome.at, UTC).isoformat(timespec="milliseconds")
    return LastReload(at, outcome.report, outcome.problems)


def _serving(member: Member, load: Load, slow: int) -> MountStatus:
    mount = member.mount
    if member.failure is not None:
        problem = member.failure.error.message
        return _mount(mount, "failed", problem=problem, load=load, slow=slow)
    return _mount(mount, "serving", member.generation, load=load, slow=slow)


def _mount(
    mount: Mount,
    state: Literal["serving", "failed", "draining"],
    generation: int | None = None,
    problem: str | None = None,
    load: Load = _NO_LOAD,
    slow: int = 0,
) -> MountStatus:
    return MountStatus(
        name=mount.name,
        prefix=mount.prefix or "/",
        host=mount.host,
        kind=mount.kind,
        source=mount.source,
        state=state,
        load_seconds=round(mount.load_seconds, 6),
        in_flight=mount.in_flight,
        queued=load.queued,
        rejected=load.rejected,
        generation=generation,
        problem=problem,
        slow=slow,
    )
