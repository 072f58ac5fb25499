"""What a reload has done, and how the last one ended."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.config.spec import GatewaySpec
from gateway.generation import Members


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What a reload has done, by the names of the mounts.

    :param restart: they have changed, and go on as they were: their modules are the
        process's, so only a restart can replace them.
    :param failed: they did not load, and say so on their pages.
    :param seconds: how long it took until the new mounts served.
    :param server_changed: whether ``server:`` is not what the gateway was started
        with, which takes a restart.
    """

    added: tuple[str, ...]
    replaced: tuple[str, ...]
    removed: tuple[str, ...]
    kept: tuple[str, ...]
    restart: tuple[str, ...]
    failed: tuple[str, ...]
    seconds: float
    server_changed: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the last reload ended.

    :param at: when it ended, in seconds since the epoch.
    :param report: what it has done; ``None`` if it failed.
    :param problems: why it failed, in lines; none if it did not.
    """

    at: float
    report: Reloaded | None = None
    problems: tuple[str, ...] = ()


def report_on(
    spec: GatewaySpec, old: Members, new: Members, seconds: float, server_changed: bool
) -> Reloaded:
    """Return what has become of *old*, now that *new* serves what *spec* says.

    :param seconds: how long it took.
    """
    same = [name for name in new if name in old and new[name] is old[name]]
    says = {mount.name: mount for mount in spec.mounts}
    restart = tuple(
        name
        for name in new
        if not new[name].reloadable and new[name].has_changed(says[name])
    )
    failed = tuple(name for name in new if new[name].failure is not None)
    return Reloaded(
        added=tuple(name for name in new if name not in old and name not in failed),
        replaced=tuple(
            name
            for name in new
            if name in old and name not in same and name not in failed
        ),
        removed=tuple(name for name in old if name not in new),
        kept=tuple(name for name in same if name not in restart),
        restart=restart,
        failed=failed,
        seconds=seconds,
        server_changed=server_changed,
    )
