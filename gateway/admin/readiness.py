"""Whether a gateway, and each of its mounts, can serve."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from gateway.admin.probes import Probes
from gateway.generation import Member
from gateway.lifecycle import Gateway


@dataclass(frozen=True, slots=True)
class MountReadiness:
    """One mount.

    :param required: whether the gateway is not ready without it: a mount with
        ``on_load_error: degrade`` is one that the others go on without.
    :param problem: why it is not ready.
    """

    name: str
    ready: bool
    required: bool
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Readiness:
    """A gateway.

    :param state: ``degraded`` is ready but for mounts that it goes on without.
    """

    ready: bool
    state: Literal["ready", "degraded", "unready", "stopping"]
    mounts: tuple[MountReadiness, ...]


def readiness(gateway: Gateway, probes: Probes) -> Readiness:
    """Return how ready *gateway* is."""
    members = gateway.members
    problems = probes.ask(members)
    mounts = tuple(_mount(member, problems) for member in members.values())
    if gateway.is_stopping():
        return Readiness(False, "stopping", mounts)
    if not all(mount.ready for mount in mounts if mount.required):
        return Readiness(False, "unready", mounts)
    all_ready = all(mount.ready for mount in mounts)
    return Readiness(True, "ready" if all_ready else "degraded", mounts)


def _mount(member: Member, problems: Mapping[str, str]) -> MountReadiness:
    spec = member.spec
    problem = problems.get(spec.name)
    if member.failure is not None:
        problem = member.failure.error.message
    required = spec.on_load_error == "fail"
    return MountReadiness(spec.name, problem is None, required, problem)
